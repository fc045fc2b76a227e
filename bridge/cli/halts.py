"""`halt` and `resume`: stop all effects at once, and let them flow again."""

import getpass
from datetime import UTC, datetime

import click

from bridge.cli.session import Session
from bridge.store import upkeep


@click.command()
@click.option("--why", required=True, help="The reason, shown to everyone until `resume`.")
@click.pass_obj
def halt(session: Session, why: str) -> None:
    """Let no effect leave the house until `resume`. Webhooks are still taken, rules still decide.

    \b
    Example:
      integr8-bridge halt --why "tracking outage at advertiser 7"
    """
    with session.write() as database:
        current = upkeep.halt(database, by=getpass.getuser(), why=why, now=datetime.now(UTC))
        since, reason = current.since, current.why
    click.echo(f"halted since {since:%Y-%m-%d %H:%M:%S} UTC: {reason}")


@click.command()
@click.pass_obj
def resume(session: Session) -> None:
    """End the halt. Effects that waited go out now, each after its own checks."""
    with session.write() as database:
        ended = upkeep.resume(database, by=getpass.getuser(), now=datetime.now(UTC))
    if ended is None:
        click.echo("nothing is halted")
        raise SystemExit(1)
    click.echo(f"resumed; it was halted since {ended.since:%Y-%m-%d %H:%M:%S} UTC: {ended.why}")
