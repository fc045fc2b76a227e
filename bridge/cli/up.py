"""`up`: run all processes of one home under one supervisor.

The supervisor lives as long as the service and does almost nothing, so it loads almost nothing: what needs the database
runs in a process of its own and ends.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import click

from bridge.cli.local import stack, supervisor
from bridge.cli.local.stack import Options
from bridge.cli.local.supervisor import StartError, Supervisor
from bridge.cli.session import Session
from bridge.services import memory
from bridge.services.running_service import AlreadyRunning
from rules.model.formatting import counted


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on; 0 picks a free one.")
@click.option("--web-workers", default=1, show_default=True, help="Number of web processes.")
@click.option(
    "--concurrency", default=2, show_default=True, help="Worker processes at most; they start when work waits."
)
@click.pass_obj
def up(session: Session, directory: Path | None, host: str, port: int, web_workers: int, concurrency: int) -> None:
    """Run web, worker and beat for BRIDGE_HOME (or DIRECTORY), with an embedded Valkey unless REDIS_URL is set.

    Ctrl-C stops everything; SIGHUP reads the rules directory at once (a changed file is read by itself).

    \b
    Example:
      integr8-bridge up my-network --port 8000
    """
    session.home = directory
    boss = Supervisor()
    boss.fork_from_one_parent()
    boss.handle_signals()
    try:
        options = Options(host=host, port=port, web_workers=web_workers, concurrency=concurrency)
        running = stack.start(boss, session.settings.home, {}, options)
        boss.say(f"Integr8 Bridge runs at {running.address}; Ctrl-C stops everything", style="bold green")
        if running.first_link:
            boss.say(f"Sign in once, within a day: {running.first_link}", style="bold")
        memory.give_back()
        boss.watch(on_hangup=lambda: _read_rules(boss, running.environment))
    except (StartError, AlreadyRunning) as error:
        raise click.ClickException(str(error)) from error
    finally:
        boss.stop()


def _read_rules(boss: Supervisor, environment: Mapping[str, str]) -> None:
    """Read the rules directory now (on SIGHUP), and print the result. A broken rule keeps its last good revision."""
    _, told, complaint = boss.run([*supervisor.python("bridge.cli"), "rules", "reload", "--json"], environment)
    try:
        found = json.loads(told)
    except ValueError:
        boss.say(complaint.strip() or "the rules were not read", style="bold red")
        return
    boss.say(
        f"read {counted(found['rules'], 'rule')}" + ("" if found["changed"] else ", nothing has changed"),
        style="bold green",
    )
    for problem in found["problems"]:
        boss.say(problem, style="bold red")
