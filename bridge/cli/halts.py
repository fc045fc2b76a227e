"""`halt` and `resume`: stop all changes at once, and continue."""

import getpass
from dataclasses import asdict

import click

from bridge.cli.session import Session, json_option, outcome
from bridge.operations.halt import WaitingEvents
from bridge.operations.halt import resume as resume_
from bridge.store import halts


@click.command()
@click.option("--why", required=True, help="Reason, shown to everyone until `resume`.")
@json_option
@click.pass_obj
def halt(session: Session, why: str, json: bool) -> None:
    """Halt until `resume`: no effect is sent, no rule decides. Webhooks are accepted and wait.

    \b
    Example:
      integr8-bridge halt --why "tracking outage at advertiser 7"
    """
    with session.write() as database:
        current = halts.halt(database, by=getpass.getuser(), why=why, now=session.services.clock())
        told = {"since": current.since, "by": current.by, "why": current.why}
    outcome(told, [f"halted since {told['since']:%Y-%m-%d %H:%M:%S} UTC: {told['why']}"], json=json)


@click.command()
@click.option("--drop-waiting", is_flag=True, help="Drop the events and due runs that waited, and list them.")
@json_option
@click.pass_obj
def resume(session: Session, drop_waiting: bool, json: bool) -> None:
    """End the halt. Events and due runs that waited are processed now, by the present rules.

    Effects that were planned before the halt go out, each after its own checks.

    \b
    Example:
      integr8-bridge resume
      integr8-bridge resume --drop-waiting
    """
    with session.operating() as services:
        events: WaitingEvents = "drop" if drop_waiting else "decide"
        found = resume_(services, who=getpass.getuser(), now=services.clock(), events=events)
    if not found.was_halted:
        outcome({"resumed": False}, ["nothing is halted"], json=json)
        raise SystemExit(1)
    lines = [f"resumed; it was halted since {found.since:%Y-%m-%d %H:%M:%S} UTC: {found.why}", str(found.waiting)]
    lines += [f"dropped: event {one}" for one in found.dropped_events]
    lines += [f"dropped: run of {one}" for one in found.dropped_runs]
    outcome({"resumed": True, **asdict(found)}, lines, json=json)
