"""`demo`: run the whole service against the simulator on one machine."""

import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import httpx
from rich.console import Console
from rich.table import Table

from bridge.cli.local import demo as local_demo
from bridge.cli.local.supervisor import StartError, Supervisor
from bridge.cli.session import as_json
from bridge.config.errors import SettingsError


@click.command()
@click.option(
    "--once", is_flag=True, help="Exit when the script is finished: 0 only if every expected change happened."
)
@click.option("--json", "json", is_flag=True, help="Print one JSON document at the end instead of a log.")
@click.option("--port", default=0, help="Port of the service; a free one by default.")
@click.option("--home", type=click.Path(file_okay=False, path_type=Path), help="Directory for the demo's home.")
@click.option("--picture", type=click.Path(dir_okay=False, path_type=Path), help="Save the screen as an SVG file.")
def demo(once: bool, json: bool, port: int, home: Path | None, picture: Path | None) -> None:
    """Run a demo on this machine: bad offers are found and paused, a publisher and a login are created.

    \b
    Examples:
      integr8-bridge demo                 # watch it, then look around at the address it prints
      integr8-bridge demo --once --json   # for programs
    """
    console = Console(
        stderr=json, record=picture is not None, width=150 if picture else None, markup=False, emoji=False
    )
    boss = Supervisor(console, log=not json)
    boss.fork_from_one_parent()
    boss.handle_signals()
    with ExitStack() as cleaning:
        directory = home or Path(cleaning.enter_context(tempfile.TemporaryDirectory(prefix="integr8-bridge-demo-")))
        cleaning.callback(boss.stop)
        found = _play(boss, directory.resolve(), json=json, port=port)
        if json:
            click.echo(as_json(found))
        else:
            _summary(console, found)
        if picture:
            console.save_svg(str(picture), title="integr8-bridge demo")
        if not once and found["ok"] and not boss.stopping:
            boss.say(f"The service runs on at {found['address']}; Ctrl-C stops everything", style="bold green")
            boss.say(f"Look around: {found['first_link']}", style="bold")
            boss.watch()
    sys.exit(0 if found["ok"] else 1)


def _play(boss: Supervisor, home: Path, *, json: bool, port: int) -> dict[str, Any]:
    def say(text: str) -> None:
        if not json:
            boss.say(text, style="bold")

    try:
        say(f"Starting the simulator and the service in {home}")
        stage = local_demo.set_up(boss, home, port=port)
        say(f"{len(stage.bad)} of the simulator's offers convert badly; a rule will find out which")
        local_demo.send(stage, say)
        proof = local_demo.wait(boss, stage)
    except (StartError, local_demo.DemoFailed, SettingsError, httpx.HTTPError) as error:
        return {"ok": False, "error": str(error), "at": datetime.now(UTC).isoformat()}
    return local_demo.report(stage, proof)


def _summary(console: Console, found: dict[str, Any]) -> None:
    if not found["ok"]:
        console.print(f"The demo failed: {found.get('error', found)}", style="bold red", highlight=False)
        return
    table = Table(title="What happened, as Integr8 tells it", show_header=False, box=None, title_justify="left")
    effects = ", ".join(f"{number} {state}" for state, number in sorted(found["effects"].items()))
    verdicts = ", ".join(f"{number} {answer}" for answer, number in found["verdicts"].items())
    rows = {
        "webhooks journalled": f"{found['events_received']} (one came twice and counts once)",
        "rule runs": f"{found['runs']}; verdicts: {verdicts}",
        "why": found["why"][0] if found["why"] else "",
        "offers paused": f"{found['offers_paused']} of 40 bad ones, with {found['bulk_calls']} bulk call(s)",
        "publisher created": "yes" if found["publisher_created"] else "no",
        "login created": "yes" if found["user_created"] else "no",
        "effects": effects,
        "calls to Integr8": str(sum(found["calls_made"].values())) + " for effects",
        "seconds": str(found["seconds_taken"]),
    }
    for name, value in rows.items():
        table.add_row(name, value)
    console.print(table)
