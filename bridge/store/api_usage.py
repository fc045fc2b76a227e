"""Requests to Integr8, summed by hour: how many, how fast, and how many failed, by operation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter

from sqlalchemy import Float, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, UtcDateTime

HOUR = timedelta(hours=1)


class Usage(Base):
    __tablename__ = "usage"

    account: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True, index=True)  # its beginning
    operation: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[int]
    waited: Mapped[float] = mapped_column(Float)  # seconds for a slot of the budget, summed
    took: Mapped[float] = mapped_column(Float)  # seconds until the answer, summed
    slowest: Mapped[float] = mapped_column(Float)  # seconds


@dataclass(frozen=True, slots=True, order=True)
class Key:
    account: str
    hour: datetime
    operation: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Sum:
    """Several requests together; times in seconds."""

    requests: int = 0
    waited: float = 0.0
    took: float = 0.0
    slowest: float = 0.0

    def __add__(self, other: "Sum") -> "Sum":
        return Sum(
            self.requests + other.requests,
            self.waited + other.waited,
            self.took + other.took,
            max(self.slowest, other.slowest),
        )


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def add(session: Session, sums: Mapping[Key, Sum]) -> None:
    """Add to the sums of other processes, in a fixed order, so that two of them cannot block each other."""
    name = session.get_bind().dialect.name
    rows = [
        {"account": key.account, "hour": key.hour, "operation": key.operation, "outcome": key.outcome,
         "requests": one.requests, "waited": one.waited, "took": one.took, "slowest": one.slowest}
        for key, one in sorted(sums.items(), key=itemgetter(0))
    ]  # fmt: skip
    insert = (sqlite.insert if name == "sqlite" else postgresql.insert)(Usage)
    new = insert.excluded
    larger = func.max if name == "sqlite" else func.greatest
    statement = insert.on_conflict_do_update(
        index_elements=["account", "hour", "operation", "outcome"],
        set_={
            "requests": Usage.requests + new.requests,
            "waited": Usage.waited + new.waited,
            "took": Usage.took + new.took,
            "slowest": larger(Usage.slowest, new.slowest),
        },
    )
    session.execute(statement, rows)


def since(session: Session, moment: datetime) -> Sequence[Usage]:
    """Return all sums of the hours from `moment` on, oldest first."""
    return session.scalars(select(Usage).where(Usage.hour >= hour_of(moment)).order_by(Usage.hour)).all()


def outcomes(session: Session) -> dict[str, int]:
    """Return outcome → how many requests had it, over all accounts and stored hours."""
    rows = session.execute(select(Usage.outcome, func.sum(Usage.requests)).group_by(Usage.outcome))
    return {outcome: int(number) for outcome, number in rows}


def forget(session: Session, before: datetime) -> None:
    session.execute(delete(Usage).where(Usage.hour < before))
