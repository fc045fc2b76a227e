"""Release holds by hand, and release those whose rule no longer exists."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bridge.decisions.plan_state import held_of, load_state
from bridge.observability.bulkhead import NOT_ITS_FAULT, Bulkhead
from bridge.operations.errors import NothingSelected, NotThere, Refused
from bridge.operations.manual_runs import write
from bridge.operations.plan_values import account_is_gone, context_of
from bridge.services.container import Services
from bridge.store import audit_log, revisions, runs
from bridge.store.holds import Hold, HoldState
from rules.model.formatting import counted
from rules.model.plan import Plan, Target
from rules.model.revision import Revision
from rules.planning import release


@dataclass(frozen=True, slots=True)
class Released:
    """The result of a person's release."""

    returns: Sequence[str]  # targets that go back
    stays: Sequence[str]  # one sentence for each that does not
    ended: int  # how many of the holds are over; none of them during a halt


def release_holds(services: Services, hold_ids: Collection[int], *, who: str, now: datetime) -> Released:
    """Release these holds; each target is activated unless another hold keeps it. Its rule leaves it alone for a while.

    Raises NotThere if one of them is not active, Refused if a rule no longer loads, NothingSelected without any.
    """
    if not hold_ids:
        raise NothingSelected("no hold is named, so none was released; name at least one")
    returns: list[str] = []
    stays: list[str] = []
    with services.store.write() as session:
        by_rule = _by_rule(session, hold_ids)
        for rule, rows in by_rule.items():
            revision = _revision(services, session, rule)
            if revision is None:
                raise Refused(f"rule {rule}: no longer loads; run `integr8-bridge check`")
            gone = sorted({row.account for row in rows} - set(services.settings.accounts))
            if gone:
                raise Refused(account_is_gone(gone[0]))
            named = [held_of(row) for row in rows]
            context = context_of(services, session, revision, None, now)
            state = load_state(session, context, [one.target for one in named])
            held = [replace(one, target=state.one(one.target)) for one in named]
            terms = release.Terms(respect=revision.guards.respect_people, tz=revision.data.tz)
            for plan in release.by_hand(held, state, terms, now):
                write(session, revision, [plan], kind=runs.Cause.HAND, about="release", who=who, now=now)
                returns += [str(effect.target) for effect in plan.releases]
                stays += [ended.message for ended in plan.ended if not ended.returns]
                stays += [stop.message for stop in plan.stops]
        ended = _note(session, hold_ids, stays, who, now)
    services.queue.wake("effects.perform")
    return Released(returns, stays, ended)


def _note(session: Session, hold_ids: Collection[int], stays: Sequence[str], who: str, now: datetime) -> int:
    """Record the result in the audit, and return how many were released: a hold that is still active was not."""
    session.flush()
    rows = [session.get_one(Hold, one) for one in sorted(hold_ids)]
    for what, listed in (
        ("release", [row for row in rows if row.state != HoldState.ACTIVE]),
        ("release refused", [row for row in rows if row.state == HoldState.ACTIVE]),
    ):
        if listed:
            accounts = sorted({row.account for row in listed})
            items = [f"{row.kind} {row.target_id}{f' of {row.account}' if accounts[1:] else ''}" for row in listed]
            about = items[0] if len(items) == 1 else counted(len(items), "item")
            detail: dict[str, Any] = {
                "paused_by": sorted({row.rule_id for row in listed}), "holds": [row.id for row in listed]
            }  # fmt: skip
            detail["account"] = ", ".join(accounts)
            detail |= ({"items": items} if len(items) > 1 else {}) | ({"stays": list(stays)} if stays else {})
            audit_log.note(session, who=who, what=what, about=about, now=now, detail=detail)
    return sum(row.state != HoldState.ACTIVE for row in rows)


def end_due(services: Services, orphans: Iterable[Hold], now: datetime, bulkhead: Bulkhead) -> bool:
    """End due holds of rules that are not scheduled, or not loaded any more. Returns True if targets are activated.

    Each rule is separate, and if that fails, each of its holds.
    """
    asked: dict[str, set[Target]] = {}
    for hold in orphans:
        asked.setdefault(hold.rule_id, set()).add(held_of(hold).target)
    going = False
    for rule, targets in sorted(asked.items()):
        try:
            going |= _end(services, rule, targets, now)
        except NOT_ITS_FAULT:
            raise
        except Exception:  # noqa: BLE001 - each of them shows what it was
            for target in sorted(targets):
                with bulkhead.item("hold", f"{rule}: {target}", "end"):
                    going |= _end(services, rule, {target}, now)
    return going


def _end(services: Services, rule: str, targets: Collection[Target], now: datetime) -> bool:
    with services.store.write() as session:
        revision = _revision(services, session, rule)
        if revision is None:
            raise Refused(f"rule {rule}: no longer loads, and its holds cannot end; run `integr8-bridge check`")
        state = load_state(session, context_of(services, session, revision, None, now), targets)
        plan: Plan = release.sweep(revision.id, state, now)
        if plan.ended or plan.releases:
            write(session, revision, [plan], kind=runs.Cause.SLOT, about="sweep", who="bridge", now=now)
        return bool(plan.releases)


def _by_rule(session: Session, hold_ids: Collection[int]) -> dict[str, list[Hold]]:
    found: dict[str, list[Hold]] = {}
    for hold_id in sorted(hold_ids):
        row = session.get(Hold, hold_id)
        if row is None or row.state != HoldState.ACTIVE:
            state = "not found" if row is None else f"already {row.state}"
            raise NotThere(f"hold {hold_id}: {state}; `integr8-bridge holds list` shows the active ones")
        found.setdefault(row.rule_id, []).append(row)
    return found


def _revision(services: Services, session: Session, rule: str) -> Revision | None:
    book = services.library.current(session)
    if rule in book.revisions:
        return book.revisions[rule]
    history = revisions.history(session, rule)
    return services.library.revision(session, history[0].hash) if history else None
