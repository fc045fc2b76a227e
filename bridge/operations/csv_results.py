"""Show the result of each row of a CSV that was posted to a source."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.operations.errors import NotThere, Refused
from bridge.store.journal import Event, EventState
from bridge.store.ledger import ENDED, Effect, EffectState, PlanState, StoredPlan
from bridge.store.runs import Run
from rules.model.verbs import VERBS

COLUMNS = ("row", "status", "event", "runs", "made", "message")


def results(session: Session, event_id: str) -> list[dict[str, Any]]:
    """Return lines of COLUMNS for all rows of the file of this event, in their order.

    status: waiting, done, nothing (no rule said yes), partly, failed, undone, quarantined, dead. `made` names what
    exists by now at Integr8, as in `publisher 42 created`. Raises NotThere, Refused.
    """
    event = session.get(Event, event_id)
    if event is None:
        raise NotThere(f"event {event_id}: not found; `integr8-bridge events list` shows them")
    stem, sign, number = event.dedupe_key.rpartition("#")
    if not sign or not number.isdecimal():
        raise Refused(f"event {event_id}: is not a row of a CSV; `integr8-bridge events show` shows it")
    rows = _rows(session, event.source, stem)
    runs = _by(session.scalars(select(Run).where(Run.event_id.in_([one.id for _, one in rows])).order_by(Run.id)))
    ids = [run.id for found in runs.values() for run in found]
    effects = _effects(session, ids)
    back = set(session.scalars(select(StoredPlan.undoes).where(StoredPlan.undoes.in_(ids))))
    lines = [_line(number, row, runs.get(row.id, []), effects) for number, row in rows]
    return [
        line | ({"status": "undone"} if any(run.id in back for run in runs.get(row.id, [])) else {})
        for line, (_, row) in zip(lines, rows, strict=True)
    ]


def _rows(session: Session, source: str, stem: str) -> list[tuple[int, Event]]:
    prefix = f"{stem}#"
    query = select(Event).where(Event.source == source, Event.dedupe_key >= prefix, Event.dedupe_key < f"{stem}$")
    found = [(one.dedupe_key.removeprefix(prefix), one) for one in session.scalars(query)]
    return sorted(((int(text), one) for text, one in found if text.isdecimal()), key=lambda pair: pair[0])


def _by(runs: Iterable[Run]) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(str(run.event_id), []).append(run)
    return found


def _effects(session: Session, runs: Sequence[int]) -> dict[int, list[Effect]]:
    """Return the effects by run, of plans that proceed or wait for approval."""
    query = (
        select(StoredPlan.run_id, Effect)
        .join(Effect, Effect.plan_id == StoredPlan.id)
        .where(StoredPlan.run_id.in_(runs), StoredPlan.state.in_([PlanState.READY, PlanState.DONE, PlanState.WAITING]))
        .order_by(Effect.id)
    )
    found: dict[int, list[Effect]] = {}
    for run_id, effect in session.execute(query):
        found.setdefault(run_id, []).append(effect)
    return found


def _line(number: int, event: Event, runs: Sequence[Run], effects: Mapping[int, list[Effect]]) -> dict[str, Any]:
    mine = [effect for run in runs for effect in effects.get(run.id, [])]
    errors = [run.error for run in runs if run.error]
    wrong = [f"{one.kind} {one.target_id}: {one.error}" for one in mine if one.state == EffectState.FAILED]
    return {
        "row": number,
        "status": _status(event, errors, mine),
        "event": event.id,
        "runs": " ".join(str(run.id) for run in runs),
        "made": "; ".join(_made(one) for one in mine if one.shown in {EffectState.APPLIED, EffectState.SKIPPED}),
        "message": "; ".join([*([event.problem] if event.problem else []), *errors, *wrong]),
    }


def _status(event: Event, errors: Sequence[str], effects: Sequence[Effect]) -> str:
    if event.state in {EventState.QUARANTINED, EventState.DEAD}:
        return str(event.state)
    if event.state == EventState.RECEIVED or any(one.state not in ENDED for one in effects):
        return "waiting"
    failed = sum(one.state == EffectState.FAILED for one in effects)
    if errors or failed:
        return "failed" if failed == len(effects) else "partly"
    return "done" if effects else "nothing"


def _made(effect: Effect) -> str:
    result = effect.result or {}
    name = f"{effect.kind} {result.get('id', effect.target_id)}"
    if effect.state == EffectState.SKIPPED:
        return f"{name} was so already"
    return f"{name} created" if result.get("created") else f"{name} {VERBS[effect.verb].past}"
