"""The command line. A command reads arguments, calls `bridge.operations` and prints the result."""

import logging
import sys
from importlib import import_module

import click

from bridge.cli import faults
from bridge.cli.groups import Place, Places
from bridge.cli.session import Session
from bridge.config.errors import SettingsError
from bridge.store.observations_away import ObservationsAway

#: Every command. One is imported when it runs or shows its own help, so that `--help` and completion answer at once.
COMMANDS = {
    "accounts": Place("bridge.cli.renames:accounts", "List, rename and forget accounts."),
    "api": Place("bridge.cli.api:api", "Call any operation of Integr8."),
    "approvals": Place(
        "bridge.cli.approvals:approvals", "List, show, approve and reject plans that wait for approval."
    ),
    "audit": Place("bridge.cli.audit:audit", "Show who did what, newest first."),
    "channels": Place("bridge.cli.channels:channels", "List, test, enable and mute notification channels."),
    "check": Place("bridge.cli.home:check", "Read bridge.yaml, rules with their tests, and tables; print faults."),
    "completion": Place("bridge.cli.completion:completion", "Print the completion script of a shell."),
    "db": Place("bridge.cli.db:db", "Migrate, back up and restore the database."),
    "demo": Place("bridge.cli.demo:demo", "Watch all functions at work here, against a simulated Integr8."),
    "doctor": Place("bridge.cli.doctor:doctor", "Check everything that the service needs, and say what to do."),
    "events": Place("bridge.cli.events:events", "List, show, replay, accept and discard events."),
    "halt": Place("bridge.cli.halts:halt", "Stop everything until `resume`: no effect is sent, no rule decides."),
    "halts": Place("bridge.cli.halts:halts", "List what is halted, and how much waits for `resume`."),
    "holds": Place("bridge.cli.holds:holds", "List and release what rules keep paused."),
    "init": Place("bridge.cli.home:init", "Write a commented starter directory with fresh secrets."),
    "items": Place("bridge.cli.items:items", "List items, and show what happened to one."),
    "mcp": Place("bridge.cli.mcp:mcp", "Let a chat assistant ask and propose changes."),
    "mutes": Place("bridge.cli.mutes:mutes", "List, add and end mutes: items that rules leave alone."),
    "reports": Place("bridge.cli.reports:reports", "Read, export and import reports, and show the state of the feeds."),
    "resume": Place("bridge.cli.halts:resume", "End the halt. Events and due runs that waited are decided about now."),
    "rules": Place(
        "bridge.cli.rules:rules",
        "List, test, explain, backtest and change rules.",
        {"list": "bridge.cli.rules_list:list_"},
    ),
    "runs": Place("bridge.cli.runs:runs", "List, show and undo runs.", {"list": "bridge.cli.runs_list:list_"}),
    "search": Place("bridge.cli.items:search", "Find an item, rule, run or webhook by name or id."),
    "simulator": Place("bridge.cli.simulator:simulator", "Run a stateful Integr8 here, for tests and demos."),
    "sources": Place("bridge.cli.sources:sources", "List, add and test sources: the senders of webhooks."),
    "tokens": Place("bridge.cli.tokens:tokens", "Create, list and revoke tokens of the API."),
    "up": Place("bridge.cli.up:up", "Run web, worker and beat of one BRIDGE_HOME on this machine."),
    "users": Place("bridge.cli.users:users", "Users of the console: add, list, role, password, disable."),
}


@click.command(
    cls=Places, places=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="integr8-bridge", prog_name="integr8-bridge")
@click.pass_context
def cli(context: click.Context) -> None:
    """Rules that run an affiliate network on Integr8: webhooks and reports in, safe and explained changes out.

    \b
    Begin here:
      integr8-bridge demo              watch the whole job on this machine, nothing else needed
      integr8-bridge init my-network   write a starter directory
      integr8-bridge check my-network  read it and say what is wrong
      integr8-bridge up                run it

    Exit codes: 0 success, 1 a finding or a failure, 2 wrong usage.
    """
    logs = import_module("bridge.observability.logs")  # here, because `--help` and `--version` need none
    logs.set_up_logs(process="cli", level=logging.WARNING)  # standard output belongs to the result
    context.obj = Session()
    context.call_on_close(context.obj.close)


def main() -> None:
    """Run the console script. Settings that contradict each other are wrong usage; all of them are printed at once."""
    try:
        cli.main(prog_name="integr8-bridge", standalone_mode=True)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(2)
    except ObservationsAway as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except Exception as error:
        said = faults.sentence(error)
        if said is None:
            raise
        click.echo(f"Error: {said}", err=True)
        sys.exit(1)
