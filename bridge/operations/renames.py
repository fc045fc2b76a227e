"""Move or end what was recorded under a name that bridge.yaml no longer has, see `stale_names`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Update, delete, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from bridge.operations.approvals import drop
from bridge.operations.errors import NotThere, Refused
from bridge.operations.stale_names import ACTIVE_HOLD, OPEN_EFFECT, Kind, Names, undelivered
from bridge.store import audit_log
from bridge.store import holds as hold_rows
from bridge.store.deferred_events import DeferredEvent
from bridge.store.entities import Entity, EntityChange
from bridge.store.exports import ExportStart
from bridge.store.feeds import Feed
from bridge.store.halts import Halt, HaltKind
from bridge.store.holds import Hold, HoldState, Mute
from bridge.store.journal import Event
from bridge.store.ledger import Call, Effect, EffectState, PlanState, StoredPlan
from bridge.store.notifications import ChannelMute, Notice, NoticeState
from bridge.store.order_marks import OrderMark
from bridge.store.runs import StoredStreak
from bridge.store.slots import Slot, SlotState


def rename(
    session: Session, kind: Kind, old: str, new: str, *, names: Names, who: str, now: datetime
) -> dict[str, int]:
    """Move all uses of the old name to the new one. Returns how many rows of each kind.

    Raises NotThere if the new name is not configured, Refused if the old one still is.
    """
    known = _known(kind, names)
    if new not in known:
        there = ", ".join(sorted(known)) or "none"
        raise NotThere(f"{kind} {new}: not found; configured: {there}")
    if old in known:
        raise Refused(f"{kind} {old}: is still configured; rename it in its file first")
    moved = {"account": _move_account, "integration": _move_account, "source": _move_source}.get(kind, _move_other)(
        session, kind, old, new, now
    )
    audit_log.note(session, who=who, what=f"rename {kind}", about=f"{old} → {new}", now=now, detail=dict(moved))
    return {what: number for what, number in moved.items() if number}


def _known(kind: Kind, names: Names) -> set[str]:
    match kind:
        case "account":
            return set(names.accounts)
        case "integration":
            return {f"{account}/{one}" for account, integrations in names.accounts.items() for one in integrations}
        case "source":
            return set(names.sources)
        case "channel":
            return set(names.channels)
        case "rule":
            return set(names.rules)


def _move_account(session: Session, _kind: Kind, old: str, new: str, now: datetime) -> dict[str, int]:
    before, after = _columns(old), _columns(new)
    moved = {"holds": _set(session, Hold, before, after), "effects": _set(session, Effect, before, after)}
    if len(before) == 1:  # the whole account
        moved["mutes"] = _move_mutes(session, Mute.account, before["account"], after["account"])
        for words, model in (("calls", Call), ("exports", ExportStart)):
            moved[words] = _set(session, model, before, after)
    moved |= _move_data(session, before, after)
    _close_slots(session, before, f"moved to {new}", now)
    if len(before) == 1:
        moved["halts"] = _move_halts(session, HaltKind.ACCOUNT, old, new)
        ours = (Halt.scope == HaltKind.ADVERTISER, Halt.account == old, Halt.ended_at.is_(None))
        moved["halts"] += _changed(session, update(Halt).where(*ours).values(account=new))
    return moved


def _move_halts(session: Session, kind: HaltKind, old: str, new: str) -> int:
    """Move open halts to the new name."""
    ours = (Halt.scope == kind, Halt.name == old, Halt.ended_at.is_(None))
    return _changed(session, update(Halt).where(*ours).values(name=new))


def _columns(name: str) -> dict[str, str]:
    account, slash, integration = name.partition("/")
    return {"account": account} | ({"integration": integration} if slash else {})


def _move_data(session: Session, before: dict[str, str], after: dict[str, str]) -> dict[str, int]:
    """Move data of the old name, unless the new one has data already, which then counts."""
    fresh = session.scalar(select(func.count()).select_from(Feed).where(*_where(Feed, after), Feed.as_of.is_not(None)))
    if fresh:
        return {}
    session.execute(delete(Feed).where(*_where(Feed, after)))
    moved = {"feeds": _set(session, Feed, before, after)}
    if len(before) == 1:
        session.execute(delete(Entity).where(*_where(Entity, after)))
        moved["entities"] = _set(session, Entity, before, after)
        moved["changes"] = _set(session, EntityChange, before, after)
    return moved


def _close_slots(session: Session, before: dict[str, str], problem: str, now: datetime) -> None:
    tail = f"{before['account']}:{before['integration']}:" if "integration" in before else f"{before['account']}:"
    ours = or_(*(Slot.key.startswith(f"{kind}:{tail}", autoescape=True) for kind in ("feed", "mirror")))
    ended = {"state": SlotState.MISSED, "ended_at": now, "problem": problem}
    session.execute(update(Slot).where(ours, Slot.state == SlotState.DUE).values(**ended))


def _where(model: Any, columns: Mapping[str, str]) -> list[ColumnElement[bool]]:
    return [getattr(model, name) == value for name, value in columns.items()]


def _set(session: Session, model: Any, before: Mapping[str, str], after: Mapping[str, str]) -> int:
    return _changed(session, update(model).where(*_where(model, before)).values(**after))


def _changed(session: Session, statement: Update) -> int:
    """Return how many rows an UPDATE changed."""
    done = session.execute(statement.execution_options(synchronize_session=False))
    return int(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE has one


def _move_mutes(session: Session, column: InstrumentedAttribute[str], old: str, new: str) -> int:
    """Move mutes; if both names have one, that of the new name stays."""
    rows = list(session.scalars(select(Mute).where(column == old)))
    for row in rows:
        values = {one.key: getattr(row, one.key) for one in Mute.__mapper__.column_attrs} | {column.key: new}
        session.delete(row)
        session.flush()
        session.merge(Mute(**values))
    return len(rows)


def _move_source(session: Session, _kind: Kind, old: str, new: str, _now: datetime) -> dict[str, int]:
    """Move events. Those whose delivery the new source has already stay with the old name: they are the same event."""
    same = select(Event.dedupe_key).where(Event.source == new)
    ours = (Event.source == old, Event.dedupe_key.not_in(same))
    return {"events": _changed(session, update(Event).where(*ours).values(source=new))}


def _move_other(session: Session, kind: Kind, old: str, new: str, now: datetime) -> dict[str, int]:
    if kind == "channel":
        mutes = _set(session, ChannelMute, {"channel": old}, {"channel": new})
        return {"notices": _move_notices(session, old, new, now), "channel mutes": mutes}
    before, after = {"rule_id": old}, {"rule_id": new}
    moved = {"holds": _set(session, Hold, before, after), "effects": _set(session, Effect, before, after)}
    moved["plans"] = _set(session, StoredPlan, before, after)
    moved["mutes"] = _move_mutes(session, Mute.rule_id, old, new)
    session.execute(delete(StoredStreak).where(StoredStreak.rule_id == new))
    moved["streaks"] = _set(session, StoredStreak, before, after)
    session.execute(delete(OrderMark).where(OrderMark.line == f"rule:{new}"))
    _set(session, OrderMark, {"line": f"rule:{old}"}, {"line": f"rule:{new}"})
    moved["halts"] = _move_halts(session, HaltKind.RULE, old, new)
    moved["channel mutes"] = _set(session, ChannelMute, before, after)
    moved["deferred events"] = _move_deferred(session, old, new)
    return moved


def _move_deferred(session: Session, old: str, new: str) -> int:
    """Move the webhooks that a halted rule has not decided about. Skip those that the new name has already."""
    owed = select(DeferredEvent.event_id).where(DeferredEvent.rule_id == new)
    ours = (DeferredEvent.rule_id == old, DeferredEvent.event_id.not_in(owed))
    moved = _changed(session, update(DeferredEvent).where(*ours).values(rule_id=new))
    session.execute(delete(DeferredEvent).where(DeferredEvent.rule_id == old))
    return moved


def _move_notices(session: Session, old: str, new: str, now: datetime) -> int:
    same = select(Notice.dedupe_key).where(Notice.channel == new)
    again = {"channel": new, "state": NoticeState.WAITING, "due_at": now, "ended_at": None, "error": None}
    ours = (Notice.channel == old, undelivered(), Notice.dedupe_key.not_in(same))
    return _changed(session, update(Notice).where(*ours).values(**again))


# --- ending ----------------------------------------------------------------------------------------


def forget_account(session: Session, name: str, *, names: Names, who: str, now: datetime) -> dict[str, int]:
    """End the holds, plans, effects and mutes of an account or integration that is gone. Integr8 is left as it is.

    Raises Refused if it is still configured, NotThere if nothing refers to it.
    """
    columns = _columns(name)
    kind: Kind = "integration" if "integration" in columns else "account"
    if name in _known(kind, names):
        raise Refused(f"{kind} {name}: is still configured; `holds release` and `runs undo` end what it has")
    why = f"{kind} {name} is gone; forgotten by {who}"
    holds = list(session.scalars(select(Hold).where(ACTIVE_HOLD, *_where(Hold, columns))))
    for hold in holds:
        hold_rows.end(hold, HoldState.RELEASED, why=f"gone: {why}", by=who, now=now)
    effects = list(session.scalars(select(Effect).where(OPEN_EFFECT, *_where(Effect, columns))))
    plans = {effect.plan_id for effect in effects}
    for effect in effects:
        effect.state, effect.ended_at, effect.error = EffectState.FAILED, now, why
        effect.claimed_by, effect.claimed_until, effect.fence = None, None, effect.fence + 1
    session.flush()
    for plan_id in sorted(plans):
        stored = session.get_one(StoredPlan, plan_id)
        if stored.state == PlanState.WAITING:
            drop(session, stored, decision="expired", who=who, note=why, now=now)
    _close_slots(session, columns, why, now)
    mutes = _forget_mutes(session, name, now) if kind == "account" else 0
    if not holds and not effects and not mutes:
        raise NotThere(f"{kind} {name}: nothing refers to it")
    audit_log.note(session, who=who, what=f"forget {kind}", about=name, now=now)
    return {"holds": len(holds), "effects": len(effects)} | ({"mutes": mutes} if mutes else {})


def _forget_mutes(session: Session, account: str, now: datetime) -> int:
    """Remove the mutes of items of an account that is gone. Returns how many had not ended."""
    active = session.scalar(select(func.count()).select_from(Mute).where(Mute.account == account, Mute.until > now))
    session.execute(delete(Mute).where(Mute.account == account).execution_options(synchronize_session=False))
    return int(active or 0)
