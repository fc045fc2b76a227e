"""A report table: rows sorted by ULID, so by time, and read newest first between two cursors."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Generic, TypeVar

from bridge.simulator import ids
from bridge.simulator.rows import Click, Conversion

R = TypeVar("R", Click, Conversion)

_ORDER = attrgetter("real_tx_id")


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    rows: tuple[R, ...]  # newest first
    newer: bool
    older: bool


class Table(Generic[R]):
    """Rows in the order of their time: a changed status moves none, a late row is inserted."""

    def __init__(self) -> None:
        self.rows: list[R] = []
        self._of_offer: dict[int, list[R]] = {}
        self.visible_until: int | None = None  # milliseconds; a stalled feed shows nothing newer

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, row: R) -> None:
        _insert(self.rows, row)
        _insert(self._of_offer.setdefault(row.offer, []), row)

    def get(self, real_tx_id: str) -> R | None:
        at = bisect_left(self.rows, real_tx_id, key=_ORDER)
        return self.rows[at] if at < len(self.rows) and self.rows[at].real_tx_id == real_tx_id else None

    def between(self, start: int, end: int, *, offer: int | None = None) -> list[R]:
        """Return rows, oldest first, both ends included, in milliseconds."""
        lane = self._lane(offer)
        low, high = self._edges(lane, start, end)
        return lane[low:high]

    def count(self, start: int, end: int, *, offer: int | None = None) -> int:
        low, high = self._edges(self._lane(offer), start, end)
        return high - low

    def page(
        self,
        start: int,
        end: int,
        *,
        size: int,
        after: str | None = None,
        before: str | None = None,
        offer: int | None = None,
        wanted: Callable[[R], bool] = lambda _: True,
    ) -> Page[R]:
        """Return a page.

        `after` continues to older rows, `before` to newer ones, both without the row at the cursor.
        """
        lane = self._lane(offer)
        low, high = self._edges(lane, start, end)
        if before is not None:
            first = max(low, bisect_right(lane, before, key=_ORDER))
            newer = _take((row for row in _slice(lane, first, high, 1) if wanted(row)), size + 1)
            rows = tuple(reversed(newer[:size]))
            return Page(rows, newer=len(newer) > size, older=any(map(wanted, _slice(lane, low, first, -1))))
        last = high if after is None else min(high, bisect_left(lane, after, key=_ORDER))
        older = _take((row for row in _slice(lane, low, last, -1) if wanted(row)), size + 1)
        return Page(tuple(older[:size]), newer=any(map(wanted, _slice(lane, last, high, 1))), older=len(older) > size)

    def _lane(self, offer: int | None) -> list[R]:
        return self.rows if offer is None else self._of_offer.get(offer, [])

    def _edges(self, lane: list[R], start: int, end: int) -> tuple[int, int]:
        if self.visible_until is not None:
            end = min(end, self.visible_until)
        low = bisect_left(lane, ids.floor(start), key=_ORDER)
        return low, max(low, bisect_left(lane, ids.floor(end + 1), key=_ORDER))


def _insert(lane: list[R], row: R) -> None:
    if not lane or lane[-1].real_tx_id < row.real_tx_id:
        lane.append(row)
    else:
        lane.insert(bisect_left(lane, row.real_tx_id, key=_ORDER), row)


def _slice(lane: list[R], low: int, high: int, step: int) -> Iterator[R]:
    """Return a part without copying: a window may hold a million rows and a page takes a hundred."""
    order = range(low, high) if step > 0 else range(high - 1, low - 1, -1)
    return (lane[at] for at in order)


def _take(rows: Iterator[R], many: int) -> list[R]:
    return [row for _, row in zip(range(many), rows, strict=False)]
