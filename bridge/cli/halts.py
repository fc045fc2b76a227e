"""`halt` and `resume`: stop all effects at once, and let them flow again."""

import getpass

import click

from bridge.cli.session import Session, json_option, outcome
from bridge.store import upkeep


@click.command()
@click.option("--why", required=True, help="The reason, shown to everyone until `resume`.")
@json_option
@click.pass_obj
def halt(session: Session, why: str, json: bool) -> None:
    """Send no effect to Integr8 until `resume`. Webhooks are still taken, rules still decide.

    \b
    Example:
      integr8-bridge halt --why "tracking outage at advertiser 7"
    """
    with session.write() as database:
        current = upkeep.halt(database, by=getpass.getuser(), why=why, now=session.services.clock())
        told = {"since": current.since, "by": current.by, "why": current.why}
    outcome(told, [f"halted since {told['since']:%Y-%m-%d %H:%M:%S} UTC: {told['why']}"], json=json)


@click.command()
@json_option
@click.pass_obj
def resume(session: Session, json: bool) -> None:
    """End the halt. Effects that waited go out now, each after its own checks.

    \b
    Example:
      integr8-bridge resume
    """
    with session.write() as database:
        ended = upkeep.resume(database, by=getpass.getuser(), now=session.services.clock())
    if ended is None:
        outcome({"resumed": False}, ["nothing is halted"], json=json)
        raise SystemExit(1)
    said = f"resumed; it was halted since {ended.since:%Y-%m-%d %H:%M:%S} UTC: {ended.why}"
    outcome({"resumed": True, "since": ended.since, "why": ended.why}, [said], json=json)
