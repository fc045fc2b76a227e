"""Find names that bridge.yaml no longer has and the database still uses: list, move or end them.

Accounts, integrations, sources, channels and rules are renamed in files. What was recorded under the old name stays
under it: holds that keep offers paused, effects on their way, events and notices that wait.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstrumentedAttribute, Session

from bridge.config import settings as settings_module
from bridge.config.rulebook import Library, Rulebook
from bridge.config.settings import Settings
from bridge.operations.approvals import drop
from bridge.operations.errors import NotThere, Refused
from bridge.store import audit_log
from bridge.store import holds as hold_rows
from bridge.store.engine import Store, make_engine
from bridge.store.entities import Entity, EntityChange
from bridge.store.exports import ExportStart
from bridge.store.feeds import Feed
from bridge.store.holds import Hold, HoldState, Mute
from bridge.store.journal import Event, EventState
from bridge.store.ledger import OPEN, Call, Effect, EffectState, PlanState, StoredPlan
from bridge.store.notifications import GONE, Notice, NoticeState
from bridge.store.order_marks import OrderMark
from bridge.store.runs import StoredStreak
from bridge.store.schema_version import pending
from bridge.store.slots import Slot, SlotState
from rules.model.formatting import counted

Kind = Literal["account", "integration", "source", "channel", "rule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names that configuration has now."""

    accounts: Mapping[str, Collection[str]]  # account → its integrations
    sources: Collection[str]
    channels: Collection[str]
    rules: Collection[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleName:
    """A name that is gone, what still uses it, and the command that moves or ends that."""

    kind: Kind
    name: str
    uses: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name!r} is gone, and {self.uses} use it: {self.remedy}"


def names_of(settings: Settings, book: Rulebook) -> Names:
    """The names that bridge.yaml and the loaded rules have."""
    return Names(
        accounts={name: frozenset(account.integrations) for name, account in settings.accounts.items()},
        sources=frozenset(settings.sources),
        channels=frozenset(settings.channels),
        rules=frozenset(book.revisions),
    )


def stale_names(session: Session, names: Names) -> list[StaleName]:
    """What still refers to a name that is gone."""
    return [*_accounts(session, names), *_sources(session, names), *_channels(session, names), *_rules(session, names)]


ACTIVE_HOLD = Hold.state == HoldState.ACTIVE
OPEN_EFFECT = Effect.state.in_(OPEN) & Effect.plan_id.in_(
    select(StoredPlan.id).where(StoredPlan.state.in_([PlanState.READY, PlanState.WAITING]))
)


def _accounts(session: Session, names: Names) -> Iterator[StaleName]:
    used: dict[tuple[str, str], list[str]] = {}
    for words, model, where in (("active holds", Hold, ACTIVE_HOLD), ("open effects", Effect, OPEN_EFFECT)):
        query = select(model.account, model.integration, func.count()).where(where)
        for account, integration, number in session.execute(query.group_by(model.account, model.integration)):
            known = names.accounts.get(account)
            if known is None:
                used.setdefault((account, ""), []).append(f"{number} {words}")
            elif integration not in known and integration != "default":
                used.setdefault((account, integration), []).append(f"{number} {words}")
    for (account, integration), uses in sorted(used.items()):
        name = f"{account}/{integration}" if integration else account
        yield StaleName(
            kind="integration" if integration else "account",
            name=name,
            uses=", ".join(uses),
            remedy=f"`integr8-bridge accounts rename {name} NEW` moves them, `accounts forget {name}` ends them",
        )


def _sources(session: Session, names: Names) -> Iterator[StaleName]:
    states = [EventState.RECEIVED, EventState.DEAD, EventState.QUARANTINED]
    query = select(Event.source, func.count()).where(Event.state.in_(states)).group_by(Event.source)
    for source, number in session.execute(query.order_by(Event.source)):
        if source not in names.sources:
            remedy = f"`integr8-bridge sources rename {source} NEW` moves them, `events discard` ends them"
            yield StaleName(kind="source", name=source, uses=counted(number, "event"), remedy=remedy)


def _channels(session: Session, names: Names) -> Iterator[StaleName]:
    query = select(Notice.channel, func.count()).where(_undelivered()).group_by(Notice.channel)
    for channel, number in session.execute(query.order_by(Notice.channel)):
        if channel not in names.channels:
            remedy = f"`integr8-bridge channels rename {channel} NEW` delivers them there"
            yield StaleName(kind="channel", name=channel, uses=counted(number, "notice"), remedy=remedy)


def _undelivered() -> ColumnElement[bool]:
    gone = and_(Notice.state == NoticeState.FAILED, Notice.error.contains(GONE, autoescape=True))
    return or_(Notice.state == NoticeState.WAITING, gone)


def _rules(session: Session, names: Names) -> Iterator[StaleName]:
    query = select(Hold.rule_id, func.count(), func.count(Hold.until)).where(ACTIVE_HOLD).group_by(Hold.rule_id)
    for rule, number, timed in session.execute(query.order_by(Hold.rule_id)):
        if rule not in names.rules:
            endless = f"{number - timed} of them have no end" if number > timed else "they end in time"
            remedy = f"{endless}; `integr8-bridge rules rename {rule} NEW` moves them, `holds release ID` ends one"
            yield StaleName(kind="rule", name=rule, uses=counted(number, "active hold"), remedy=remedy)


def stale_in_home(directory: Path | None) -> list[str]:
    """The same for a directory, one line each; nothing where no database can be read from here."""
    found = settings_module.load(directory)
    file = found.database_url.removeprefix("sqlite:///").partition("?")[0]
    if found.database_url.startswith("sqlite") and not Path(file).is_file():
        return []
    try:
        store = Store(make_engine(found.database_url))
        try:
            if pending(store.engine):
                return []
            with store.read() as session:
                return [str(one) for one in stale_names(session, names_of(found, Library(found).current(session)))]
        finally:
            store.close()
    except SQLAlchemyError:
        return []


# --- moving ----------------------------------------------------------------------------------------


def rename(
    session: Session, kind: Kind, old: str, new: str, *, names: Names, who: str, now: datetime
) -> dict[str, int]:
    """Move what uses the old name to the new one. Returns how many rows of each kind.

    Raises NotThere when the new name is not configured, Refused when the old one still is.
    """
    known = _known(kind, names)
    if new not in known:
        there = ", ".join(sorted(known)) or "none"
        raise NotThere(f"{kind} {new}: there is none; configured: {there}")
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
    return moved


def _columns(name: str) -> dict[str, str]:
    account, slash, integration = name.partition("/")
    return {"account": account} | ({"integration": integration} if slash else {})


def _move_data(session: Session, before: dict[str, str], after: dict[str, str]) -> dict[str, int]:
    """What was read under the old name, unless the new one has been read already: then that is what counts."""
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
    done = session.execute(
        update(model).where(*_where(model, before)).values(**after).execution_options(synchronize_session=False)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE has one


def _move_mutes(session: Session, column: InstrumentedAttribute[str], old: str, new: str) -> int:
    """Mutes of the new name stay where both have one."""
    rows = list(session.scalars(select(Mute).where(column == old)))
    for row in rows:
        values = {one.key: getattr(row, one.key) for one in Mute.__mapper__.column_attrs} | {column.key: new}
        session.delete(row)
        session.flush()
        session.merge(Mute(**values))
    return len(rows)


def _move_source(session: Session, _kind: Kind, old: str, new: str, _now: datetime) -> dict[str, int]:
    """Events whose delivery the new source has had already stay with the old name: they are the same event."""
    same = select(Event.dedupe_key).where(Event.source == new)
    done = session.execute(
        update(Event)
        .where(Event.source == old, Event.dedupe_key.not_in(same))
        .values(source=new)
        .execution_options(synchronize_session=False)
    )
    return {"events": int(done.rowcount)}  # type: ignore[attr-defined]


def _move_other(session: Session, kind: Kind, old: str, new: str, now: datetime) -> dict[str, int]:
    if kind == "channel":
        return {"notices": _move_notices(session, old, new, now)}
    before, after = {"rule_id": old}, {"rule_id": new}
    moved = {"holds": _set(session, Hold, before, after), "effects": _set(session, Effect, before, after)}
    moved["plans"] = _set(session, StoredPlan, before, after)
    moved["mutes"] = _move_mutes(session, Mute.rule_id, old, new)
    session.execute(delete(StoredStreak).where(StoredStreak.rule_id == new))
    moved["streaks"] = _set(session, StoredStreak, before, after)
    session.execute(delete(OrderMark).where(OrderMark.line == f"rule:{new}"))
    _set(session, OrderMark, {"line": f"rule:{old}"}, {"line": f"rule:{new}"})
    return moved


def _move_notices(session: Session, old: str, new: str, now: datetime) -> int:
    same = select(Notice.dedupe_key).where(Notice.channel == new)
    again = {"channel": new, "state": NoticeState.WAITING, "due_at": now, "ended_at": None, "error": None}
    done = session.execute(
        update(Notice)
        .where(Notice.channel == old, _undelivered(), Notice.dedupe_key.not_in(same))
        .values(**again)
        .execution_options(synchronize_session=False)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]


# --- ending ----------------------------------------------------------------------------------------


def forget_account(session: Session, name: str, *, names: Names, who: str, now: datetime) -> dict[str, int]:
    """End the holds, plans and effects of an account or integration that is gone, and touch nothing at Integr8.

    Raises Refused when it is still configured, NotThere when nothing refers to it.
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
    if not holds and not effects:
        raise NotThere(f"{kind} {name}: nothing refers to it")
    audit_log.note(session, who=who, what=f"forget {kind}", about=name, now=now)
    return {"holds": len(holds), "effects": len(effects)}
