"""`halt`, `halts` and `resume`: stop changes at once, see what is stopped, and continue."""

import getpass
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click

from bridge.cli.session import Session, json_option, outcome, show
from bridge.operations.halt import WaitingEvents, halted_parts, scope_of
from bridge.operations.halt import halt as halt_
from bridge.operations.halt import resume as resume_
from bridge.store import halts as store_halts
from bridge.store.halts import EVERYTHING, HaltScope


def _of(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return the scope to halt or resume; without options it is everything."""
    for option in (
        click.option("--advertiser", metavar="ID", help="Only this advertiser and its offers."),
        click.option("--account", metavar="NAME", help="Only this account, or the account of --advertiser."),
        click.option("--rule", metavar="ID", help="Only this rule."),
    ):
        command = option(command)
    return command


@click.command()
@click.option("--why", required=True, help="Reason, shown to everyone until `resume`.")
@_of
@json_option
@click.pass_obj
def halt(session: Session, why: str, rule: str | None, account: str | None, advertiser: str | None, json: bool) -> None:
    """Halt until `resume`: no effect is sent, no rule decides. Webhooks are accepted and wait.

    --rule, --account or --advertiser halts only that one, and everything else goes on.

    \b
    Example:
      integr8-bridge halt --why "tracking outage"
      integr8-bridge halt --advertiser 7 --why "their tracking is down"
    """
    # An empty name is not everything. Everything needs the database alone, whatever is wrong with the rest.
    if rule is None and account is None and advertiser is None:
        with session.writing_whatever_else_is_wrong() as database:
            every = store_halts.halt(database, by=getpass.getuser(), why=why, now=datetime.now(UTC))
            _told(every.of, every.since, every.by, every.why, json=json)
        return
    with session.operating() as services:
        of = scope_of(services, rule=rule, account=account, advertiser=advertiser)
        found = halt_(services, of, who=getpass.getuser(), why=why, now=services.clock())
    _told(of, found.since, found.by, found.why, json=json)


def _told(of: HaltScope, since: datetime, by: str, why: str, *, json: bool) -> None:
    what = "" if of == EVERYTHING else f"{of} is "
    told = {"since": since, "by": by, "why": why, "scope": str(of.kind), "name": of.name, "account": of.account}
    outcome(told, [f"{what}halted since {since:%Y-%m-%d %H:%M:%S} UTC: {why}"], json=json)


@click.command()
@json_option
@click.pass_obj
def halts(session: Session, json: bool) -> None:
    """List what is halted, and how much waits for `resume`.

    \b
    Example:
      integr8-bridge halts
    """
    with session.operating() as services, services.store.read() as database:
        found = halted_parts(services, database)
    rows = [asdict(one) | {"what": one.about, **asdict(one.waiting)} for one in found]
    columns = ["what", "since", "by", "why", "events", "runs", "effects"]
    show(rows, columns, json=json, empty="nothing is halted")


@click.command()
@click.option("--drop-waiting", is_flag=True, help="Drop the events and due runs that waited, and list them.")
@_of
@json_option
@click.pass_obj
def resume(
    session: Session,
    drop_waiting: bool,
    rule: str | None,
    account: str | None,
    advertiser: str | None,
    json: bool,
) -> None:
    """End the halt. Events and due runs that waited are processed now, by the present rules.

    Effects that were planned before the halt are sent, each after its own checks. With --rule, --account or
    --advertiser, the halt of that one ends; otherwise the halt of everything.

    \b
    Example:
      integr8-bridge resume
      integr8-bridge resume --drop-waiting
      integr8-bridge resume --rule low-cr
    """
    with session.operating() as services:
        of = scope_of(services, rule=rule, account=account, advertiser=advertiser)
        events: WaitingEvents = "drop" if drop_waiting else "decide"
        found = resume_(services, who=getpass.getuser(), now=services.clock(), events=events, of=of)
        with services.store.read() as database:
            left = [one.about for one in halted_parts(services, database)]
    still = f"; still halted: {', '.join(left)}" if left else ""
    if not found.was_halted:
        what = "nothing" if str(of) == "everything" else str(of)
        outcome({"resumed": False}, [f"{what} is {'not ' * (what != 'nothing')}halted{still}"], json=json)
        raise SystemExit(1)
    lines = [
        f"resumed; it was halted since {found.since:%Y-%m-%d %H:%M:%S} UTC: {found.why}{still}",
        str(found.waiting),
    ]
    lines += [f"dropped: event {one}" for one in found.dropped_events]
    lines += [f"dropped: run of {one}" for one in found.dropped_runs]
    outcome({"resumed": True, **asdict(found)}, lines, json=json)
