"""Show the state of each feed: how complete it is, how much is stored, and what is wrong."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bridge.store import feeds, observations


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """One feed. Complete from `complete_from` to `as_of`; `size` in bytes."""

    feed: str
    complete_from: datetime | None
    as_of: datetime | None
    age: timedelta | None
    facts: int
    size: int
    refused_rows: int
    problem: str | None


def feed_states(session: Session, now: datetime) -> list[FeedState]:
    """Return the states of all feeds that were ever read."""
    volumes = observations.volumes(session)
    return [
        FeedState(
            feed=feed.name,
            complete_from=feed.since,
            as_of=feed.as_of,
            age=now - feed.as_of if feed.as_of else None,
            facts=sum(one.facts for one in volumes if one.feed_id == feed.id),
            size=sum(one.size for one in volumes if one.feed_id == feed.id),
            refused_rows=feed.refused_rows,
            problem=feed.problem,
        )
        for feed in feeds.everything(session)
    ]
