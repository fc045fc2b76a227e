"""Feeds: the reports and lists that are read regularly from Integr8, and how far each is complete.

When they are read is a matter of due slots (bridge.store.slots); what was read is in the observations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.account_scope import EVERYONE, AccountScope
from bridge.store.engine import Base, Json, Key, UtcDateTime, insert_new


class Kind(StrEnum):
    """The data of a feed. Postbacks report the same as conversions and are never summed with them."""

    CLICKS = "clicks"
    IMPRESSIONS = "impressions"
    CONVERSIONS = "conversions"
    POSTBACKS = "postbacks"


class Feed(Base):
    __tablename__ = "feeds"
    __table_args__ = (UniqueConstraint("account", "integration", "kind"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    account: Mapped[str]
    integration: Mapped[str]
    kind: Mapped[str]
    since: Mapped[datetime | None] = mapped_column(UtcDateTime)  # complete from here ...
    as_of: Mapped[datetime | None] = mapped_column(UtcDateTime)  # ... up to here
    rescanned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # slot of the last finished rescan
    rescan_pages: Mapped[int] = mapped_column(default=0)  # how many calls that one took
    scans: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)  # purpose → where the reading stands
    refused_rows: Mapped[int] = mapped_column(default=0)  # rows that could not be read
    problem: Mapped[str | None]  # why the last attempt failed, cleared by the next success
    alerted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # set once per stall

    @property
    def name(self) -> str:
        return f"{self.account}/{self.integration}/{self.kind}"


class Mark(Base):
    """A feed's as-of mark, and since when: a backtest must not know more than we knew."""

    __tablename__ = "feed_marks"
    __table_args__ = (Index("ix_feed_marks_feed_id_at", "feed_id", "at"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    feed_id: Mapped[int] = mapped_column(ForeignKey("feeds.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    as_of: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedKey:
    """A feed: the account, its integration, and what is read."""

    account: str = "main"
    integration: str = "default"
    kind: Kind


def ensure(session: Session, key: FeedKey) -> Feed:
    """Return the feed's row, created if it is missing."""
    found = find(session, key)
    if found is None:
        counters = {"rescan_pages": 0, "refused_rows": 0, "scans": {}}
        names = {"account": key.account, "integration": key.integration, "kind": str(key.kind)}
        session.execute(insert_new(session, Feed), [names | counters])
        found = find(session, key)
    assert found is not None
    return found


def find(session: Session, key: FeedKey) -> Feed | None:
    return session.scalar(
        select(Feed).where(Feed.account == key.account, Feed.integration == key.integration, Feed.kind == str(key.kind))
    )


def several(session: Session, keys: Sequence[FeedKey]) -> dict[Kind, Feed]:
    """Return the existing feeds of one integration, by kind and in the order of the keys."""
    rows = session.scalars(select(Feed).where(Feed.account == keys[0].account, Feed.integration == keys[0].integration))
    found = {row.kind: row for row in rows}
    return {key.kind: found[key.kind] for key in keys if key.kind in found}


def everything(session: Session) -> Sequence[Feed]:
    return session.scalars(select(Feed).order_by(Feed.account, Feed.integration, Feed.kind)).all()


def lock(session: Session, feed_id: int) -> Feed:
    """Return the feed, locked against other writers until this unit of work ends, so that no row is counted twice."""
    return session.scalars(
        select(Feed).where(Feed.id == feed_id).with_for_update().execution_options(populate_existing=True)
    ).one()


def advance(session: Session, feed: Feed, *, since: datetime, as_of: datetime, at: datetime) -> None:
    """Move the feed's marks, because the time range [since, as_of) has been read completely.

    The newest edge moves back only from a time in the future, where a fast clock has put it.
    """
    if feed.as_of is None or feed.since is None or since > feed.as_of:
        feed.since, feed.as_of = since, as_of  # the first reading, or one behind a gap: the older part is cut off
    else:
        feed.since, feed.as_of = min(feed.since, since), as_of if feed.as_of > at else max(feed.as_of, as_of)
    feed.alerted_at = None
    session.add(Mark(feed_id=feed.id, at=at, as_of=feed.as_of))


def cover(session: Session, feed: Feed, *, since: datetime, as_of: datetime, at: datetime) -> bool:
    """Note imported history of [since, as_of). Returns True if the feed is complete from there to its mark.

    If time between the two was never read, the feed stays unchanged: a window over it would count zero.
    """
    if feed.as_of is None or feed.since is None:
        feed.since, feed.as_of = since, as_of
        session.add(Mark(feed_id=feed.id, at=at, as_of=as_of))
        return True
    if as_of < feed.since or since > feed.as_of:
        return False
    feed.since, feed.as_of = min(feed.since, since), max(feed.as_of, as_of)
    return True


def forget_marks(session: Session, feed_id: int, before: datetime) -> None:
    """Remove marks from before a moment, except for the last of them: it says what was known at that moment."""
    last = select(func.max(Mark.id)).where(Mark.feed_id == feed_id, Mark.at < before).scalar_subquery()
    session.execute(
        delete(Mark)
        .where(Mark.feed_id == feed_id, Mark.at < before, Mark.id != last)
        .execution_options(synchronize_session=False)
    )


def marks(session: Session, feed_id: int, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return (at, as_of) in order: the last mark before `start`, and all up to `end`."""
    before = session.execute(
        select(Mark.at, Mark.as_of).where(Mark.feed_id == feed_id, Mark.at < start).order_by(Mark.at.desc()).limit(1)
    ).all()
    within = session.execute(
        select(Mark.at, Mark.as_of)
        .where(Mark.feed_id == feed_id, Mark.at >= start, Mark.at <= end)
        .order_by(Mark.at, Mark.id)
    ).all()
    return [(row.at, row.as_of) for row in (*before, *within)]


def well(session: Session, scope: AccountScope = EVERYONE) -> bool:
    """Return whether all feeds have been read before, and the last attempt at none of them failed."""
    problems = session.execute(select(Feed.as_of, Feed.problem).where(*scope.among(Feed.account))).all()
    return bool(problems) and all(as_of is not None and problem is None for as_of, problem in problems)


def failing(session: Session, scope: AccountScope = EVERYONE) -> bool:
    """Return whether the last attempt at some feed failed."""
    wanted = (Feed.problem.is_not(None), *scope.among(Feed.account))
    return session.scalar(select(Feed.id).where(*wanted).limit(1)) is not None
