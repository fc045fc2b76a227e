"""`runs list`, in a module of its own: it is used most often and needs few imports."""

from datetime import timedelta
from typing import Any

import click
from sqlalchemy import select

from bridge.cli.session import Session, json_option, show, since_option
from bridge.store.runs import Run


@click.command("list")
@click.option("--rule", help="Only this rule.")
@click.option("--outcome", "wanted", help="Only this outcome: ready, shadow, waiting, stopped, nothing, error.")
@click.option("--event", help="Only those that this event caused.")
@click.option("--target", metavar="KIND=ID", help="Only those with effects on this target: --target offer=42")
@click.option("--account", metavar="NAME", help="Only the item of this account, with --target.")
@since_option
@click.option("--limit", default=30, show_default=True, type=click.IntRange(1, 1_000_000))
@json_option
@click.pass_obj
def list_(
    session: Session,
    rule: str | None,
    wanted: str | None,
    event: str | None,
    target: str | None,
    account: str | None,
    since: timedelta | None,
    limit: int,
    json: bool,
) -> None:
    """Show the newest runs.

    \b
    Examples:
      integr8-bridge runs list --rule low-cr --since 24h
      integr8-bridge runs list --outcome stopped
      integr8-bridge runs list --target offer=42
    """
    session.refuse_unknown(rule=rule, outcome=wanted, account=account, target=target)
    query = select(Run).order_by(Run.id.desc()).limit(limit)
    if event is not None:
        query = query.where(Run.event_id == event)
    if target is not None:
        from bridge.cli.subjects import subject_targets
        from bridge.store import ledger

        [named] = subject_targets([target])
        with session.read() as database:
            query = query.where(ledger.touches(database, named.kind, named.id, account=account))
    if since:
        query = query.where(Run.started_at >= session.services.clock() - since)
    if rule is not None:
        query = query.where(Run.rule_id == rule)
    if wanted is not None:
        query = query.where(Run.outcome == wanted)
    with session.read() as database:
        rows = [row(one) for one in database.scalars(query)]
    columns = ("run", "rule", "mode", "cause", "started", "late_seconds", "yes", "no", "no_decision", "outcome")
    narrowed = any((event, target, since, rule, wanted))
    show(rows, columns, json=json, empty="no such runs" if narrowed else "no runs yet")


def row(run: Run) -> dict[str, Any]:
    """Return a run as a row of the listing."""
    return {
        "run": run.id,
        "rule": run.rule_id,
        "mode": run.mode,
        "cause": run.cause,
        "due": run.due_at,
        "started": run.started_at,
        "late_seconds": round(max((run.started_at - run.due_at).total_seconds(), 0), 1),
        "data_as_of": run.data_as_of,
        "yes": run.yes,
        "no": run.no,
        "no_decision": run.no_decision,
        "outcome": run.outcome,
        "error": run.error,
        "event": run.event_id,
        "by": run.by,
    }
