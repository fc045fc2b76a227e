"""Where entities stand in the list that Integr8 gives, kept by a process: to ask the database is to count them all."""

import time
from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping

from sqlalchemy.orm import Session

from bridge.store import entities

MAX_AGE_SECONDS = 60.0  # an entity that is gone shifts those behind it, and this only says where to look first


class ListOrder:
    """The row numbers of all entities of a kind, in the order in which Integr8 first listed them.

    They are read again after MAX_AGE_SECONDS, and earlier for an entity that is not among them.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[tuple[str, str, str], tuple[float, array[int]]] = {}

    def count(self, session: Session, account: str, integration: str, kind: str) -> int:
        """Return about how many entities of this kind exist."""
        return len(self._rows(session, (account, integration, kind)))

    def positions(
        self, session: Session, account: str, integration: str, kind: str, ids: Collection[str]
    ) -> Mapping[str, int]:
        """Return text id → position in the list, from 0. Deleted and unknown entities have none."""
        wanted = entities.row_numbers(session, account, integration, kind, ids)
        place = (account, integration, kind)
        rows = self._rows(session, place)
        if not _has_all(rows, wanted.values()):
            rows = self._read(session, place)
        return {ref: bisect_left(rows, number) for ref, number in wanted.items()}

    def _rows(self, session: Session, place: tuple[str, str, str]) -> "array[int]":
        read_at, rows = self._known.get(place, (0.0, None))
        if not rows or self._clock() - read_at > MAX_AGE_SECONDS:
            return self._read(session, place)
        return rows

    def _read(self, session: Session, place: tuple[str, str, str]) -> "array[int]":
        rows = array("q", entities.rows_of_kind(session, *place))
        self._known[place] = self._clock(), rows
        return rows


def _has_all(rows: "array[int]", numbers: Iterable[int]) -> bool:
    places = ((number, bisect_left(rows, number)) for number in numbers)
    return all(place < len(rows) and rows[place] == number for number, place in places)
