"""Failing items: a rule, feed, plan, hold or channel that fails while the others work.

A row goes when the item succeeds again, or when it no longer exists.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, UtcDateTime, insert_new

TRACKING = "tracking"  # the kind of incidents about missing conversions
FAILURES_KEPT_FOR = timedelta(days=7)  # without a further failure or a success nobody knows what has become of it


class FailingItem(Base):
    """One item, and the step at which it fails."""

    __tablename__ = "failing_items"

    kind: Mapped[str] = mapped_column(primary_key=True)  # rule, feed, plan, hold, channel, account, ...
    name: Mapped[str] = mapped_column(primary_key=True)
    step: Mapped[str] = mapped_column(primary_key=True)  # schedule, decide, record, read, deliver, ...
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    count: Mapped[int]
    text: Mapped[str]

    @property
    def key(self) -> tuple[str, str, str]:
        return self.kind, self.name, self.step

    @property
    def sentence(self) -> str:
        """A sentence for health checks, alerts and `doctor`."""
        if self.kind == TRACKING:
            return f"{self.kind} {self.name}: {self.text}"  # it is no step that failed, and it lasts
        times = "once" if self.count == 1 else f"{self.count} times"
        return f"{self.kind} {self.name} failed {times} at step {self.step!r}: {self.text}"


def failing(session: Session) -> list[FailingItem]:
    """Return all failing items, the longest first."""
    return list(session.scalars(select(FailingItem).order_by(FailingItem.since, FailingItem.kind, FailingItem.name)))


def keys(session: Session) -> set[tuple[str, str, str]]:
    rows = session.execute(select(FailingItem.kind, FailingItem.name, FailingItem.step))
    return {(row[0], row[1], row[2]) for row in rows}


def note(session: Session, key: tuple[str, str, str], text: str, now: datetime) -> int:
    """Record a failure. Returns the number of failures in a row."""
    kind, name, step = key
    row = {"kind": kind, "name": name, "step": step, "since": now, "seen_at": now, "count": 0, "text": text}
    session.execute(insert_new(session, FailingItem), [row])
    counted = (
        update(FailingItem)
        .where(FailingItem.kind == kind, FailingItem.name == name, FailingItem.step == step)
        .values(seen_at=now, count=FailingItem.count + 1, text=text)
        .returning(FailingItem.count)
        .execution_options(synchronize_session=False)
    )
    return session.scalar(counted) or 1


def clear(session: Session, key: tuple[str, str, str]) -> None:
    """Record a success."""
    kind, name, step = key
    session.execute(
        delete(FailingItem).where(FailingItem.kind == kind, FailingItem.name == name, FailingItem.step == step)
    )


def keep_only(session: Session, kind: str, names: Collection[str], steps: Sequence[str]) -> None:
    """Forget failures of items that no longer exist."""
    gone = FailingItem.name.not_in(names) if names else FailingItem.name.is_not(None)
    session.execute(delete(FailingItem).where(FailingItem.kind == kind, FailingItem.step.in_(steps), gone))


def forget(session: Session, now: datetime) -> None:
    session.execute(delete(FailingItem).where(FailingItem.seen_at < now - FAILURES_KEPT_FOR))
