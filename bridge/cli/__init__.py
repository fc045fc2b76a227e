"""The command line. Every line of logic lives elsewhere; a command reads arguments, asks, and prints."""

import logging
import sys
from importlib import import_module

import click

from bridge.cli.session import Session
from bridge.config.settings import SettingsError
from bridge.observability import logs
from bridge.version import VERSION

#: Command → where it is defined. A command is imported when it is run, so that `--help` answers at once.
COMMANDS = {
    "api": "bridge.cli.api:api",
    "approvals": "bridge.cli.approvals:approvals",
    "audit": "bridge.cli.audit:audit",
    "channels": "bridge.cli.channels:channels",
    "check": "bridge.cli.home:check",
    "completion": "bridge.cli.completion:completion",
    "db": "bridge.cli.db:db",
    "demo": "bridge.cli.local_commands:demo",
    "doctor": "bridge.cli.doctor:doctor",
    "events": "bridge.cli.events:events",
    "halt": "bridge.cli.halts:halt",
    "holds": "bridge.cli.holds:holds",
    "init": "bridge.cli.home:init",
    "reports": "bridge.cli.reports:reports",
    "resume": "bridge.cli.halts:resume",
    "rules": "bridge.cli.rules:rules",
    "runs": "bridge.cli.runs:runs",
    "simulator": "bridge.cli.simulator:simulator",
    "sources": "bridge.cli.sources:sources",
    "tokens": "bridge.cli.tokens:tokens",
    "up": "bridge.cli.local_commands:up",
    "users": "bridge.cli.users:users",
}


class Lazy(click.Group):
    """Finds commands in the table above."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)
        return command


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(VERSION, prog_name="integr8-bridge")
@click.pass_context
def cli(context: click.Context) -> None:
    """Rules that run an affiliate network on Integr8: webhooks and reports in, safe and explained changes out.

    \b
    Begin here:
      integr8-bridge demo              watch the whole job on this machine, nothing else needed
      integr8-bridge init my-network   write a starter directory
      integr8-bridge check my-network  read it and say what is wrong
      integr8-bridge up                run it

    Exit codes: 0 fine, 1 a finding or a failure, 2 wrong usage.
    """
    logs.set_up_logs(process="cli", level=logging.WARNING)  # standard output belongs to the result
    context.obj = Session()
    context.call_on_close(context.obj.close)


def main() -> None:
    """The console script. Settings that do not hold together are wrong usage: all of them are printed at once."""
    try:
        cli.main(prog_name="integr8-bridge", standalone_mode=True)
    except SettingsError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        sys.exit(2)
