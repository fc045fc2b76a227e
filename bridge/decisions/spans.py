"""Trace spans of runs: a run is a child of the event that caused it. Free while tracing is off."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from bridge.observability import tracing
from bridge.store import traces
from bridge.store.runs import Run


def runs_recorded(session: Session, runs: Sequence[Mapping[str, Any]]) -> None:
    """Create a span for each run of a traced event; the run keeps its name for its effects."""
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
                named.append({"id": run["id"], "traceparent": tracing.traceparent(span)})
    if named:
        session.execute(update(Run), named)
