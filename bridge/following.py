"""The spans of the house: a run below its event, effects below their run. Costs nothing while traces are off."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from bridge import tracing
from bridge.bookkeeping import Batch
from bridge.store import traces
from bridge.store.engine import Store
from bridge.store.runs import Run

MOST_LINKS = 100  # runs whose effects went out in one call


def runs_recorded(session: Session, runs: Sequence[Mapping[str, Any]]) -> None:
    """A span for each run of an event that is traced; the run keeps its name for its effects."""
    if not tracing.on():
        return
    parents = traces.of_events(session, {run["event_id"] for run in runs if run["event_id"]})
    named = []
    for run in runs:
        parent = parents.get(run["event_id"] or "")
        if parent is not None:
            with tracing.span(
                f"run {run['rule_id']}", parent=parent, start=run["started_at"],
                run=run["id"], rule=run["rule_id"], mode=str(run["mode"]), event=run["event_id"],
                outcome=str(run["outcome"]),
            ) as span:  # fmt: skip
                named.append({"id": run["id"], "traceparent": span.traceparent})
    if named:
        session.execute(update(Run), named)


@contextmanager
def effects(store: Store, batch: Batch) -> Iterator[None]:
    """A span around one batch. Effects of many runs go out together: below the first run, linked to the rest."""
    if not tracing.on():
        yield
        return
    with store.read() as session:
        runs = traces.of_effects(session, batch.effects)[:MOST_LINKS]
    with tracing.span(
        f"effects {batch.verb}", parent=runs[0] if runs else None, links=runs[1:],
        verb=batch.verb, kind=batch.kind or None, account=batch.account, effects=sorted(batch.effects)[:MOST_LINKS],
    ):  # fmt: skip
        yield
