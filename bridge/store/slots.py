"""Due slots: work that is due at a certain time. One row per (key, moment), whoever writes it first.

Two beats, a late beat or an hour without one do no harm: a slot exists once, is claimed under a lease, and
what was missed can be seen.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Index, UniqueConstraint, Update, bindparam, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from bridge.store.account_scope import EVERYONE, AccountScope
from bridge.store.engine import Base, Json, Key, UtcDateTime, insert_new
from bridge.store.lease import Claim, Leased, settle

LEASE = timedelta(minutes=2)


class SlotState(StrEnum):
    DUE = "due"
    DONE = "done"
    MISSED = "missed"  # skipped by the rule's own policy, or superseded by a later one
    FAILED = "failed"


class Slot(Leased, Base):
    __tablename__ = "slots"
    __table_args__ = (UniqueConstraint("key", "at"), Index("ix_slots_state_at", "state", "at"))

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    kind: Mapped[str]  # rule, feed, entities, ...
    key: Mapped[str]  # rule:offer-cr-collapse, feed:main:conversions
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(default=SlotState.DUE)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    problem: Mapped[str | None]
    progress: Mapped[dict[str, Any] | None] = mapped_column(Json)  # where a poll stands, to go on after a crash


def open_slots(
    session: Session, wanted: Iterable[tuple[str, str, datetime]], *, state: SlotState = SlotState.DUE
) -> None:
    """Write slots (kind, key, at) that do not exist yet."""
    rows = [{"kind": kind, "key": key, "at": at, "state": state, "fence": 0, "attempts": 0} for kind, key, at in wanted]
    if rows:
        session.execute(insert_new(session, Slot), rows)


def forget(session: Session, before: datetime) -> None:
    """Remove slots that ended before a moment, but never the newest of a key: the next one follows from it."""
    newest = select(func.max(Slot.id)).group_by(Slot.key)
    session.execute(
        delete(Slot).where(Slot.ended_at < before, Slot.id.not_in(newest)).execution_options(synchronize_session=False)
    )


def failing(session: Session, since: datetime) -> list[Slot]:
    """Return slots that failed lately, newest first: what could not be read, and why."""
    query = select(Slot).where(Slot.state == SlotState.FAILED, Slot.ended_at >= since)
    return list(session.scalars(query.order_by(Slot.id.desc()).limit(20)))


def is_waiting(session: Session, key: str) -> bool:
    """Return whether a slot of this key is still open."""
    query = select(Slot.id).where(Slot.key == key, Slot.state == SlotState.DUE)
    return session.scalars(query.limit(1)).first() is not None


def last(session: Session, key: str, now: datetime) -> datetime | None:
    """Return the newest slot of a key, done or not. One from a fast clock in the future does not count."""
    return session.scalar(select(func.max(Slot.at)).where(Slot.key == key, Slot.at <= now))


def take(
    session: Session,
    kind: str,
    *,
    limit: int,
    now: datetime,
    length: timedelta = LEASE,
    alone: bool = False,
    but: Collection[str] = (),
    only: Collection[str] | None = None,
    scope: AccountScope = EVERYONE,
) -> list[Slot]:
    """Claim due slots, the oldest first; none of the keys `but`, and only of the keys `only`, if given.

    `alone`: none of a key with another slot in progress. `scope`: for kinds whose keys name the account.
    """
    given: dict[str, Any] = {"but": sorted(but)} if but else {}
    if only is not None:
        given["only"] = sorted(only)
    prefixes = (kind, scope) if not scope.everyone else None
    claim = _due(length, alone, frozenset(given), prefixes)
    return claim.take(session, kind=kind, limit=limit, now=now, **given)


@cache
def _due(
    length: timedelta,
    alone: bool,  # noqa: FBT001 - one of the few that there are
    given: frozenset[str],
    prefixes: tuple[str, AccountScope] | None,
) -> Claim[Slot]:
    where = [Slot.kind == bindparam("kind"), Slot.state == SlotState.DUE, Slot.at <= bindparam("now")]
    if alone:
        other = aliased(Slot)
        busy = (other.key == Slot.key, other.state == SlotState.DUE, other.claimed_until > bindparam("now"))
        where.append(~select(other.id).where(*busy).exists())
    if "but" in given:
        where.append(Slot.key.not_in(bindparam("but", expanding=True)))
    if "only" in given:
        where.append(Slot.key.in_(bindparam("only", expanding=True)))
    if prefixes is not None:
        kind, scope = prefixes
        where += scope.of_keys(Slot.key, kind)
    return Claim(Slot, *where, order=[Slot.at, Slot.id], length=length)


def renew(session: Session, taken: Iterable[Slot], until: datetime) -> None:
    """Extend claimed slots; one that another worker has taken over stays with it.

    One statement for nearly all of them: it runs beside an evaluation that leaves little time to this thread, and while
    it runs nobody else can write to SQLite.
    """
    by_fence: dict[int, list[int]] = {}
    for slot in taken:
        by_fence.setdefault(slot.fence, []).append(slot.id)
    for fence, ids in by_fence.items():
        session.connection().execute(_renewed(), {"ids": ids, "mine": fence, "end": until})


@cache
def _renewed() -> Update:
    ours = (Slot.id.in_(bindparam("ids", expanding=True)), Slot.fence == bindparam("mine"))
    return update(Slot).where(*ours, Slot.claimed_by.is_not(None)).values(claimed_until=bindparam("end"))


def return_untried(session: Session, taken: Iterable[Slot]) -> None:
    """Return unprocessed slots: the claim does not count as an attempt."""
    for slot in taken:
        settle(session, slot, attempts=slot.attempts - 1)


def put_off(session: Session, slot: Slot, until: datetime, **values: Any) -> None:
    """Delay a claimed slot until then. This does not count as an attempt."""
    ours = Slot.id == slot.id, Slot.fence == slot.fence
    session.execute(
        update(Slot)
        .where(*ours)
        .values(claimed_until=until, attempts=Slot.attempts - 1, **values)
        .execution_options(synchronize_session=False)
    )


def count_due(session: Session, kind: str, only: Collection[str] | None = None) -> int:
    """Return how many keys of a kind, or of these, have an open slot: one run serves several."""
    query = select(func.count(func.distinct(Slot.key))).where(*_still_due(kind, only))
    return int(session.scalar(query) or 0)


def _still_due(kind: str, only: Collection[str] | None) -> list[ColumnElement[bool]]:
    found = [Slot.kind == kind, Slot.state == SlotState.DUE]
    return found if only is None else [*found, Slot.key.in_(only)]


def close_due(
    session: Session, kind: str, state: SlotState, problem: str, now: datetime, *, only: Collection[str] | None = None
) -> list[tuple[str, datetime]]:
    """End all open slots of a kind, or of these keys. Returns their keys and moments."""
    gone = session.execute(
        update(Slot)
        .where(*_still_due(kind, only))
        .values(state=state, ended_at=now, problem=problem, claimed_by=None, claimed_until=None, fence=Slot.fence + 1)
        .returning(Slot.key, Slot.at)
        .execution_options(synchronize_session=False)
    )
    return sorted((row[0], row[1]) for row in gone)


def give_up(session: Session, slot: Slot, problem: str, now: datetime) -> None:
    """Close a slot that nobody can work on any more."""
    settle(session, slot, state=SlotState.FAILED, ended_at=now, problem=problem)
