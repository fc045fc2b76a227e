"""`events`: list events, replay them, and accept or discard quarantined and dead ones."""

import csv
import getpass
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from bridge.cli.choice import Choice
from bridge.cli.session import MOMENT, Session, as_json, cell, json_option, outcome, show, since_option
from bridge.decisions.event_facts import shown
from bridge.operations.csv_results import COLUMNS, results
from bridge.operations.replay import PER_MINUTE, cancel, matching, replay, settle_aside
from bridge.store.csv_cells import safe_row
from bridge.store.journal import Event, EventState
from bridge.store.runs import Run
from rules.model.formatting import counted


@click.group()
def events() -> None:
    """List, show, replay, accept and discard events."""


def _row(event: Event) -> dict[str, Any]:
    return {
        "event": event.id,
        "source": event.source,
        "type": event.event_type,
        "received": event.received_at,
        "state": str(event.state),
        "problem": event.problem,
        "faults": event.faults or [],
        "delivery_id": event.delivery_id,
        "replay_of": event.replay_of,
    }


@events.command("list")
@click.option("--source", help="Only this source.")
@click.option("--state", type=Choice([str(one) for one in EventState]), help="Only this state.")
@click.option("--type", "event_type", help="Only this type, as the sender names it.")
@since_option
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 1_000_000))
@json_option
@click.pass_obj
def list_(
    session: Session,
    source: str | None,
    state: str | None,
    event_type: str | None,
    since: timedelta | None,
    limit: int,
    json: bool,
) -> None:
    """Show the newest events.

    \b
    Examples:
      integr8-bridge events list --state dead --since 24h
      integr8-bridge events list --source crm --type deal.signed --json
    """
    session.refuse_unknown(source=source, type=event_type)
    query = select(Event).order_by(Event.id.desc()).limit(limit)
    if source:
        query = query.where(Event.source == source)
    if state:
        query = query.where(Event.state == state)
    if event_type:
        query = query.where(Event.event_type == event_type)
    if since:
        query = query.where(Event.received_at >= session.services.clock() - since)
    with session.read() as database:
        rows = [_row(one) for one in database.scalars(query)]
    show(rows, ("event", "source", "type", "received", "state", "problem", "faults"), json=json, empty="no such events")


@events.command("show")
@click.argument("event")
@json_option
@click.pass_obj
def show_(session: Session, event: str, json: bool) -> None:
    """Show one event: its body, and the runs that it caused.

    \b
    Example:
      integr8-bridge events show 01J8Z...
    """
    with session.read() as database:
        found = database.get(Event, event)
        if found is None:
            raise click.ClickException(f"event {event}: not found; `integr8-bridge events list` shows them")
        caused = database.scalars(select(Run).where(Run.event_id == event).order_by(Run.id))
        runs = [{"run": one.id, "rule": one.rule_id, "outcome": one.outcome} for one in caused]
        told = _row(found) | {"body": shown(found, session.services.sources), "runs": runs}
    if json:
        click.echo(as_json(told))
        return
    for name, value in told.items():
        if value not in (None, []):
            click.echo(f"{name:<12} {_told(name, value)}")


def _told(name: str, value: Any) -> str:
    """Format one value for a person; the body is printed as JSON."""
    if name == "runs":
        return ", ".join(f"{one['run']} ({one['rule']}: {one['outcome']})" for one in value)
    return as_json(value) if name == "body" else cell(value)


@events.command("replay")
@click.argument("event", nargs=-1)
@click.option("--source", help="All events of this source.")
@click.option("--state", type=Choice(["done", "dead"]), help="Only processed events, or only dead letters.")
@click.option("--type", "event_type", help="All events of this type.")
@since_option
@click.option("--until", type=MOMENT, help="Received before this time, UTC unless it names a zone.")
@click.option("--with", "revision", type=Choice(["original", "current"]), default="current", show_default=True)
@click.option(
    "--per-minute",
    type=click.IntRange(min=1),
    default=PER_MINUTE,
    show_default=True,
    help="Events a minute, so that live events are not delayed.",
)
@click.option("--cancel", "stop", is_flag=True, help="Cancel replays that have not been processed yet.")
@json_option
@click.pass_obj
def replay_(
    session: Session,
    event: tuple[str, ...],
    source: str | None,
    state: str | None,
    event_type: str | None,
    since: timedelta | None,
    until: datetime | None,
    revision: str,
    per_minute: int,
    stop: bool,
    json: bool,
) -> None:
    """Send events through the rules again. Changes that are already in place are not repeated.

    \b
    Examples:
      integr8-bridge events replay 01J8Z... --with original
      integr8-bridge events replay --source crm --since 2h
      integr8-bridge events replay --state dead --per-minute 60
      integr8-bridge events replay --cancel
    """
    who = getpass.getuser()
    filters = [one is not None for one in (source, state, event_type, since, until)]
    if bool(event) + any(filters) + stop > 1:
        raise click.UsageError("name events, or a filter, or --cancel for all replays: only one of these")
    with session.operating() as services:
        now = services.clock()
        if stop:
            gone = cancel(services, who=who, now=now)
            outcome({"cancelled": gone}, [f"{counted(gone, 'replay')} cancelled"], json=json)
            return
        wanted = list(event)
        if not wanted:
            if not any(filters):
                raise click.UsageError("name events, or a filter: --source, --state, --type, --since, --until")
            start = now - since if since is not None else None
            with services.store.read() as database:
                wanted = matching(database, source=source, state=state, event_type=event_type, since=start, until=until)
        made = replay(services, wanted, revision=revision, who=who, now=now, per_minute=per_minute)  # type: ignore[arg-type]
    words = f"events that go through the rules again, with the {revision} revision: {len(made):,}"
    outcome({"replays": made}, [words], json=json)


@events.command("accept")
@click.argument("event")
@click.option(
    "--body",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A corrected body, in the format of the source.",
)
@json_option
@click.pass_obj
def accept(session: Session, event: str, body: Path | None, json: bool) -> None:
    """Accept a quarantined or dead event, with a corrected body if one is given.

    \b
    Example:
      integr8-bridge events accept 01J8Z... --body fixed.json
    """
    with session.operating() as services:
        raw = body.read_bytes() if body else None
        settle_aside(services, event, accept=True, body=raw, who=getpass.getuser(), now=services.clock())
    outcome({"event": event, "accepted": True}, [f"event {event}: goes through the rules"], json=json)


@events.command("discard")
@click.argument("event")
@click.option("--why", default="", help="Reason for the audit log.")
@json_option
@click.pass_obj
def discard(session: Session, event: str, why: str, json: bool) -> None:
    """Discard a quarantined or dead event.

    \b
    Example:
      integr8-bridge events discard 01J8Z... --why "a test of the sender"
    """
    with session.operating() as services:
        settle_aside(services, event, accept=False, who=getpass.getuser(), now=services.clock(), why=why)
    outcome({"event": event, "accepted": False}, [f"event {event}: discarded"], json=json)


@events.command("results")
@click.argument("event")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a CSV file; an incomplete file is never left behind.",
)
@json_option
@click.pass_obj
def results_(session: Session, event: str, output: Path | None, json: bool) -> None:
    """Show the result of each row of a CSV that was posted to a source. EVENT is any of its rows.

    \b
    Examples:
      integr8-bridge events results 01J8Z...
      integr8-bridge events results 01J8Z... --output publishers.result.csv
    """
    with session.operating() as services, services.store.read() as database:
        rows = results(database, event)
    if output is not None:
        _write(output, rows)
        click.echo(f"{counted(len(rows), 'row')}: {output}")
        return
    show(rows, COLUMNS, json=json, empty="no rows")


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    draft = path.with_name(f".{path.name}.part")
    with draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(safe_row(dict(row)) for row in rows)
    draft.replace(path)
