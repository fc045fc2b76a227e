"""Leases: rows that one worker at a time may work on.

A claim is a lease with a fencing number: it ends by itself, and a worker that lost it cannot write any more,
because each of its writes says `WHERE fence = :mine`. So a killed worker delays its rows by one lease, and a
frozen one that wakes up late does no harm.
"""

import os
import socket
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Generic, TypeVar

from sqlalchemy import BindParameter, ColumnElement, Integer, Select, bindparam, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store import plain_statements
from bridge.store.engine import UtcDateTime


class Leased:
    """The columns of a row that is worked on under a lease."""

    claimed_by: Mapped[str | None]
    claimed_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fence: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)


Row = TypeVar("Row", bound=Any)


@cache
def owner(pid: int | None = None) -> str:
    """Return the holder of a lease, readable in the console: host and process."""
    return f"{socket.gethostname()}:{pid or os.getpid()}"


def free(model: type[Leased], now: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """Return the condition for rows that are unclaimed, or whose lease has ended."""
    return or_(model.claimed_until.is_(None), model.claimed_until <= now)


class Claim(Generic[Row]):
    """A statement that takes free rows that match, in order. It is built once: a worker takes rows many times a second.

    `where` may use `bindparam("now")` and further parameters, which `take` receives by name. `values` are additional
    columns to set.
    """

    def __init__(
        self, model: type[Row], *where: ColumnElement[bool], order: Sequence[Any], length: timedelta, **values: Any
    ) -> None:
        self._model = model
        self._length = length
        self._find = (
            select(model.id)
            .where(*where, free(model, bindparam("left_by")))
            .order_by(*order)
            .limit(bindparam("most", type_=Integer))
            .with_for_update(skip_locked=True)
        )
        self._take = (
            update(model)
            .where(model.id.in_(bindparam("ids", expanding=True)))
            .values(
                claimed_by=bindparam("holder"),
                claimed_until=bindparam("until"),
                fence=model.fence + 1,
                attempts=model.attempts + 1,
                **values,
            )
            .returning(model)
            .execution_options(synchronize_session=False, populate_existing=True)
        )

    def take(
        self, session: Session, *, limit: int, now: datetime, left_by: datetime | None = None, **named: Any
    ) -> list[Row]:
        """Claim up to `limit` rows. Each gets the next fence; the attempt counts already.

        A lease counts as over when it ended by `left_by`, or by `now`. Concurrent callers never get the same row:
        PostgreSQL skips locked rows, SQLite has one writer at a time.
        """
        ids, how = self._found(session, limit, now, left_by, named)
        rows = {row.id: row for row in session.scalars(self._take, how)} if ids else {}
        return [rows[one] for one in ids]

    def take_snapshots(
        self, session: Session, *, limit: int, now: datetime, left_by: datetime | None = None, **named: Any
    ) -> list[Row]:
        """Claim the same as rows outside any session: for many of them, and for callers that only read them."""
        ids, how = self._found(session, limit, now, left_by, named)
        found = plain_statements.snapshots(session, self._model, self._take, how) if ids else []
        rows = {row.id: row for row in found}
        return [rows[one] for one in ids]

    def _found(
        self, session: Session, limit: int, now: datetime, left_by: datetime | None, named: Mapping[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the ids of rows to take, and what to write to them."""
        wanted = {"most": limit, "now": now, "left_by": left_by or now, **named}
        ids = plain_statements.scalars(session.connection(), self._find, wanted)
        return ids, {"ids": ids, "holder": owner(os.getpid()), "until": now + self._length}


class LeaseLost(RuntimeError):
    """Another worker took the row over; this worker must not write its result."""


def ours(
    session: Session, model: type[Any], fences: Mapping[Any, int], states: Collection[str] | None = None
) -> set[Any]:
    """Return the ids whose fence is still ours, optionally limited to the given states.

    They are locked for the transaction.
    """
    rows = plain_statements.rows(session, _fenced(model), {"ids": list(fences)})  # type: ignore[arg-type] # a class is hashable
    return {row[0] for row in rows if fences[row[0]] == row[1] and (states is None or row[2] in states)}


@cache
def _fenced(model: type[Any]) -> Select[Any, int, str]:
    wanted = model.id.in_(bindparam("ids", expanding=True))
    return select(model.id, model.fence, model.state).where(wanted).with_for_update()


def settle(session: Session, row: Any, **values: Any) -> bool:
    """Write the outcome and release the row. Returns False, with nothing written, if the fence has changed."""
    return settle_snapshot(session, type(row), row, values)


def settle_snapshot(session: Session, model: type[Any], row: Any, values: Mapping[str, Any]) -> bool:
    """Do the same for a row of this model outside any session."""
    done = session.scalar(
        update(model)
        .where(model.id == row.id, model.fence == row.fence)
        .values(claimed_by=None, claimed_until=None, **values)
        .execution_options(synchronize_session=False)
        .returning(model.id)
    )
    return done is not None
