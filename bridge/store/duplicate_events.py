"""Find duplicates of webhooks: an event whose (source, dedupe key) is known already is the first event again.

The unique key of the table decides, so two processes that receive the same delivery at once store it once.
`bridge.sources.dedupe_key` computes the key.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from bridge.store.journal import Event, EventState
from bridge.store.row_inserts import insert_new_rows

#: Columns that a new event may leave out.
EMPTY: dict[str, Any] = {
    "event_type": None,
    "delivery_id": None,
    "content_type": None,
    "headers": {},
    "query": [],
    "remote": None,
    "event_time": None,
    "state": EventState.RECEIVED,
    "problem": None,
    "faults": [],
    "traceparent": None,
    "replay_of": None,
    "replay_with": None,
}


class Receipt(NamedTuple):
    """The endpoint's answer once the event is on disk."""

    event_id: str
    duplicate: bool


def record(unit: Session | Connection, rows: Sequence[dict[str, Any]]) -> list[Receipt]:
    """Write new events, and find known ones. Returns a Receipt for each row, in order.

    `rows` are plain column mappings. Two equal rows in one call, or in two processes at once, are one event; the
    receipt of a duplicate has the id of the first event.
    """
    connection = unit.connection() if isinstance(unit, Session) else unit
    if insert_new_rows(connection, Event, [EMPTY | row for row in rows]) == len(rows):
        return [Receipt(row["id"], duplicate=False) for row in rows]  # nearly always: nothing need be asked for
    written = set(connection.scalars(select(Event.id).where(Event.id.in_([row["id"] for row in rows]))))
    first = _first_of(connection, [row for row in rows if row["id"] not in written])
    return [
        Receipt(row["id"], duplicate=False)
        if row["id"] in written
        else Receipt(first[row["source"], row["dedupe_key"]], duplicate=True)
        for row in rows
    ]


def _first_of(connection: Connection, rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], str]:
    sources, keys = {row["source"] for row in rows}, {row["dedupe_key"] for row in rows}
    query = select(Event.source, Event.dedupe_key, Event.id)
    found = connection.execute(query.where(Event.source.in_(sources), Event.dedupe_key.in_(keys)))
    return {(source, key): event_id for source, key, event_id in found}
