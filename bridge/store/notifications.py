"""Notifications that wait to be delivered, the health of their channels, and mutes of channels."""

import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, bindparam, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, Json, Key, UtcDateTime, insert_new
from bridge.store.lease import Claim, Leased
from rules.model import topics

RECENT = timedelta(days=5)
GONE = "is no longer in bridge.yaml"  # why a notice was not delivered; `channels rename` delivers it after all
LEASE = timedelta(seconds=120)  # longer than one message may take, with all addresses of its channel


class NoticeState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    SILENCED = "silenced"
    FAILED = "failed"  # no attempt is left, or the channel is gone


class Notice(Leased, Base):
    """One notice for one channel. Its key makes it unique, however often it is collected."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("channel", "dedupe_key"),
        CheckConstraint(f"state IN ({', '.join(repr(s.value) for s in NoticeState)})", name="state"),
        Index("ix_notices_state_due_at", "state", "due_at"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    channel: Mapped[str]
    topic: Mapped[str]
    dedupe_key: Mapped[str]
    rule_id: Mapped[str | None]
    owner: Mapped[str | None]
    text: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(default=NoticeState.WAITING)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    error: Mapped[str | None]


class ChannelHealth(Base):
    """The deliveries of a channel. No row: nothing has ever failed."""

    __tablename__ = "channel_health"

    channel: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    open_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_why: Mapped[str | None]


class ChannelMute(Base):
    """A mute of notices about this rule, topic or channel, until then. None stands for all of them."""

    __tablename__ = "hushes"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    channel: Mapped[str | None]
    rule_id: Mapped[str | None]
    topic: Mapped[str | None]
    until: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    by: Mapped[str]
    why: Mapped[str]

    def covers(self, notice: Notice) -> bool:
        about = topics.current_name(self.topic) if self.topic else None
        pairs = (
            (self.channel, notice.channel),
            (self.rule_id, notice.rule_id),
            (about, topics.current_name(notice.topic)),
        )
        return all(wanted is None or wanted == given for wanted, given in pairs)


EMPTY: dict[str, Any] = {
    "rule_id": None,
    "owner": None,
    "data": {},
    "state": NoticeState.WAITING,
    "fence": 0,
    "attempts": 0,
}


def add(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Write notices; skips those that their channel already has."""
    for row in rows:
        _check(row)
    if rows:
        session.execute(insert_new(session, Notice), [{**EMPTY, **row} for row in rows])


def _check(row: Mapping[str, Any]) -> None:
    """Check a message against its published schema. A mismatch is a bug, so the message is sent nevertheless."""
    wrong = topics.problems(row["topic"], row.get("data") or {})
    if wrong and "sealed" not in (row.get("data") or {}):  # a secret joins its message when it is sent
        warnings.warn(f"notification {row['dedupe_key']}: {', '.join(wrong)}", stacklevel=3)


def unknown(session: Session, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return those of these rows that are not written yet."""
    known: set[tuple[str, str]] = set()
    for channel in {row["channel"] for row in rows}:
        keys = [row["dedupe_key"] for row in rows if row["channel"] == channel]
        for start in range(0, len(keys), 500):
            chunk = keys[start : start + 500]
            query = select(Notice.dedupe_key).where(Notice.channel == channel, Notice.dedupe_key.in_(chunk))
            known.update((channel, key) for key in session.scalars(query))
    return [row for row in rows if (row["channel"], row["dedupe_key"]) not in known]


def channels_due(session: Session, now: datetime) -> list[str]:
    query = select(Notice.channel).where(Notice.state == NoticeState.WAITING, Notice.due_at <= now).distinct()
    return sorted(session.scalars(query))


def take(session: Session, channel: str, *, limit: int, now: datetime) -> list[Notice]:
    """Claim due notices for one channel, oldest first."""
    return _due().take(session, channel=channel, limit=limit, now=now)


@cache
def _due() -> Claim[Notice]:
    where = (
        Notice.channel == bindparam("channel"),
        Notice.state == NoticeState.WAITING,
        Notice.due_at <= bindparam("now"),
    )
    return Claim(Notice, *where, order=[Notice.id], length=LEASE)


def put_off(session: Session, channel: str, until: datetime) -> None:
    """Delay the waiting notices of a channel whose breaker is open."""
    session.execute(
        update(Notice)
        .where(Notice.channel == channel, Notice.state == NoticeState.WAITING, Notice.due_at < until)
        .values(due_at=until)
        .execution_options(synchronize_session=False)
    )


def health(session: Session, channel: str) -> ChannelHealth | None:
    return session.get(ChannelHealth, channel)


def enable(session: Session, channel: str, now: datetime) -> int:
    """Enable a channel again, and retry what failed while it was off. Returns how many that is."""
    session.execute(delete(ChannelHealth).where(ChannelHealth.channel == channel))
    again = session.execute(
        update(Notice)
        .where(Notice.channel == channel, Notice.state == NoticeState.FAILED, Notice.created_at > now - RECENT)
        .values(state=NoticeState.WAITING, due_at=now, ended_at=None, attempts=0)
        .execution_options(synchronize_session=False)
        .returning(Notice.id)
    )
    return len(again.all())


def channel_mutes(session: Session, now: datetime) -> list[ChannelMute]:
    """Return mutes that have not expired."""
    return list(session.scalars(select(ChannelMute).where(ChannelMute.until > now).order_by(ChannelMute.id)))


def failures(session: Session) -> dict[str, int]:
    """Return failed deliveries in a row, by channel."""
    return {row[0]: row[1] for row in session.execute(select(ChannelHealth.channel, ChannelHealth.failures))}


def counts(session: Session) -> dict[tuple[str, str], int]:
    """Return notices by channel and state."""
    query = select(Notice.channel, Notice.state, func.count()).group_by(Notice.channel, Notice.state)
    return {(row[0], row[1]): row[2] for row in session.execute(query)}


def forget(session: Session, before: datetime) -> None:
    session.execute(delete(Notice).where(Notice.created_at < before, Notice.state != NoticeState.WAITING))
    session.execute(delete(ChannelMute).where(ChannelMute.until < before))
