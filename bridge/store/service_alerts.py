"""Service alerts: present problems of the service and since when. A row is deleted when its problem is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store import failing_items, halts, revisions
from bridge.store.engine import Base, UtcDateTime, insert_new
from bridge.store.feeds import Feed
from bridge.store.journal import Event, EventState
from bridge.store.ledger import Call
from bridge.store.notifications import ChannelHealth

WINDOW = timedelta(minutes=5)  # in which calls to Integr8 are looked at
REFUSED_IN_A_ROW = 3  # calls without an answer, and none with one, that are worth a word
GROWING = timedelta(minutes=15)  # dead letters younger than this: something makes them
NO_ANSWER = ("unreachable", "server_error", "unknown")


class ServiceAlert(Base):
    """One problem that has begun and has not ended."""

    __tablename__ = "troubles"

    key: Mapped[str] = mapped_column(primary_key=True)  # halt, rules, feed:main/default/clicks, channel:traffic, ...
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    text: Mapped[str]

    @property
    def kind(self) -> str:
        return self.key.partition(":")[0]


@dataclass(frozen=True, slots=True)
class ObservedProblem:
    """A problem as one check finds it."""

    key: str
    text: str


def open_alerts(session: Session) -> list[ServiceAlert]:
    return list(session.scalars(select(ServiceAlert).order_by(ServiceAlert.key)))


def begin(session: Session, seen: Sequence[ObservedProblem], now: datetime) -> set[str]:
    """Write new problems. Returns the keys that this caller was the first to write."""
    if not seen:
        return set()
    rows = [{"key": one.key, "text": one.text, "since": now, "seen_at": now} for one in seen]
    return set(session.scalars(insert_new(session, ServiceAlert).returning(ServiceAlert.key), rows))


def go_on(session: Session, keys: Sequence[str], now: datetime) -> None:
    session.execute(update(ServiceAlert).where(ServiceAlert.key.in_(keys)).values(seen_at=now))


def end(session: Session, keys: Sequence[str]) -> set[str]:
    """Remove ended problems. Returns the keys that this caller was the first to remove."""
    if not keys:
        return set()
    return set(session.scalars(delete(ServiceAlert).where(ServiceAlert.key.in_(keys)).returning(ServiceAlert.key)))


def observe(session: Session, now: datetime) -> list[ObservedProblem]:
    """Return everything that is wrong now, as far as the database knows."""
    return [
        *_halt(session),
        *_rules(session),
        *_feeds(session),
        *_channels(session),
        *_integr8(session, now),
        *_dead(session, now),
        *_failing(session),
    ]


def _halt(session: Session) -> list[ObservedProblem]:
    found = []
    for one in halts.listed(session):
        part = one.of != halts.EVERYTHING
        key = f"halt:{one.scope}:{one.account or ''}:{one.name}" if part else "halt"
        what = f"effects of {one.of} are" if part else "all effects are"
        found.append(ObservedProblem(key, f"{what} halted by {one.by}: {one.why}; `integr8-bridge resume` ends that"))
    return found


def _rules(session: Session) -> list[ObservedProblem]:
    generation = revisions.newest(session)
    errors = [one for one in generation.problems if one["severity"] == "error"] if generation else []
    if not errors:
        return []
    first = errors[0]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    place = f"{first['file']}:{first['line']}:{first['column']}"
    return [ObservedProblem("rules", f"{place}: {first['message']}{more}; the last good revisions stay live")]


def _feeds(session: Session) -> list[ObservedProblem]:
    rows = session.scalars(select(Feed).where(Feed.alerted_at.is_not(None)).order_by(Feed.id))
    return [
        ObservedProblem(
            f"feed:{row.name}", f"feed {row.name} stands still: its newest complete data is of {row.as_of:%H:%M} UTC"
        )
        for row in rows
    ]


def _channels(session: Session) -> list[ObservedProblem]:
    query = select(ChannelHealth).where(ChannelHealth.open_until.is_not(None)).order_by(ChannelHealth.channel)
    return [
        ObservedProblem(
            f"channel:{row.channel}",
            f"channel {row.channel} has not taken {row.failures} messages in a row; what it should hear waits",
        )
        for row in session.scalars(query)
    ]


def _failing(session: Session) -> list[ObservedProblem]:
    rows = failing_items.failing(session)
    return [
        ObservedProblem(":".join(("failing", *row.key)), f"{row.sentence}; everything else goes on") for row in rows
    ]


def _integr8(session: Session, now: datetime) -> list[ObservedProblem]:
    query = (
        select(Call.account, Call.outcome, func.count())
        .where(Call.started_at >= now - WINDOW, Call.outcome.is_not(None), Call.outcome != "throttled")
        .group_by(Call.account, Call.outcome)
    )
    failed: dict[str, int] = {}
    answered = set()
    for account, outcome, number in session.execute(query):
        if outcome in NO_ANSWER:
            failed[account] = failed.get(account, 0) + number
        else:
            answered.add(account)
    return [
        ObservedProblem(f"integr8:{account}", f"Integr8 answers none of our calls (account {account}); effects wait")
        for account, number in sorted(failed.items())
        if number >= REFUSED_IN_A_ROW and account not in answered
    ]


def _dead(session: Session, now: datetime) -> list[ObservedProblem]:
    query = (
        select(Event.source, func.count())
        .where(Event.state == EventState.DEAD, Event.finished_at >= now - GROWING)
        .group_by(Event.source)
    )
    return [
        ObservedProblem(
            f"dead:{source}", f"events of {source} become dead letters ({number} so far); `events list --state dead`"
        )
        for source, number in session.execute(query)
    ]
