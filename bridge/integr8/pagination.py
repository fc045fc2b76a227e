"""Track the position of a listing between two pages. Performs no I/O: it makes requests and reads answers.

Numbered pages shift when objects are added while one reads, so an object that was seen is not given twice.
Cursor pages hang on a row and do not shift; new rows arrive above the newest.
"""

import re
from dataclasses import dataclass
from typing import Any, Protocol

from bridge.integr8.core import Row
from bridge.integr8.errors import Incomplete, Malformed
from bridge.integr8.query_schemas import PAGE_SIZE_MAX

REPEATS = 3  # pages that came twice before a listing is given up


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows. `cursor`: where to continue after them; None if they are the last ones."""

    rows: tuple[Row, ...]
    cursor: str | None
    newest: str | None = None  # reports: the cursor of the topmost row; `before=` it asks for what came since
    total: int | None = None  # numbered pages: how many objects there are in all


class Paging(Protocol):
    """The state of a paged read. `query` is None when no page is left."""

    @property
    def query(self) -> dict[str, Any] | None:
        """The query parameters of the next page."""

    def take(self, answer: Any) -> Page:
        """Process the answer to that query."""


class Numbered:
    """Numbered pages: `page[number]` from 1 on, until `meta.total_page`, read again from each answer.

    A list that ends with fewer objects than its `meta.total_count` raises Incomplete. Objects that are added during the
    read push others to the next page, and removed ones pull others to the previous page; if that happened, the list is
    read once more from its beginning. A list that gives more than it announces is read while its pages are full.
    `to_the_end`: every list is read that far, for callers that must not miss an object.
    """

    def __init__(
        self, operation: str, *, size: int = PAGE_SIZE_MAX, start: str | int | None = None, to_the_end: bool = False
    ) -> None:
        self._operation = operation
        self._size = size
        self._number: int | None = int(start or 1)
        self._before = (int(start or 1) - 1) * size  # objects on the pages that are not asked for
        self._seen: set[str] = set()
        self._fresh = self._rows = 0  # objects given so far; rows of this round, repeated ones too
        self._announced: int | None = None  # by the first page of this round
        self._second_round = False
        self._to_the_end = to_the_end

    @property
    def query(self) -> dict[str, Any] | None:
        if self._number is None:
            return None
        return {"page[number]": self._number, "page[size]": self._size}

    def take(self, answer: Any) -> Page:
        assert self._number is not None
        rows = answer.get("data") or []  # null, {} or nothing: an empty list
        fresh = tuple(row for row in rows if self._is_new(row))
        meta = {name: _number(value) for name, value in (answer.get("meta") or {}).items()}
        self._announced = meta.get("total_count") if self._announced is None else self._announced
        more = bool(rows) and self._more(meta, len(rows), bool(fresh))
        self._fresh += len(fresh)
        self._rows += len(rows)
        self._number = self._number + 1 if more else self._after_the_last(meta.get("total_count"))
        return Page(fresh, None if self._number is None else str(self._number), total=meta.get("total_count"))

    def _after_the_last(self, total: Any) -> int | None:
        """Return None when the list is complete, 1 to read it once more. Raises Incomplete."""
        if not isinstance(total, int):
            return None
        shrunk = not self._second_round and isinstance(self._announced, int) and total < self._announced
        if self._fresh >= total - self._before and not shrunk:
            return None
        if self._rows < total - self._before or (self._second_round and total == self._announced):
            words = f"the list announces {total} objects and holds {self._fresh + self._before}"
            raise Incomplete(self._operation, status=200, words=words)
        if self._second_round:
            return None  # objects are added faster than one can read
        self._second_round, self._rows, self._before, self._announced = True, 0, 0, None
        return 1

    def _is_new(self, row: Row) -> bool:
        key = row.get("id", row.get("incremental_id"))
        if key is None:
            return True
        if str(key) in self._seen:
            return False
        self._seen.add(str(key))
        return True

    def _more(self, meta: dict[str, Any], count: int, anything_new: bool) -> bool:  # noqa: FBT001
        assert self._number is not None
        total = meta.get("total_count")
        too_many = isinstance(total, int) and self._before + self._rows + count > total
        if count >= self._size and anything_new and (too_many or self._to_the_end):
            return True
        if isinstance(meta.get("total_page"), int):
            return self._number < int(meta["total_page"])
        if isinstance(total, int):
            return self._number * self._size < total
        # Without any meta a server that repeats itself ends the list; its pages may be smaller than asked for.
        return anything_new and (count >= self._size or self._to_the_end)


def _number(value: Any) -> Any:
    """Return a count as a number where a server writes it as `"12"` or `12.0`."""
    text = str(value)
    return int(text.removesuffix(".0")) if re.fullmatch(r"[0-9]{1,18}(\.0)?", text) else value


class Cursor:
    """Cursor pages: `page[after]` towards older rows, or `page[before]` towards newer ones. Never both."""

    def __init__(
        self, operation: str, *, size: int = PAGE_SIZE_MAX, after: str | None = None, before: str | None = None
    ) -> None:
        self._operation = operation
        self._size = size
        self._upwards = before is not None
        self._both = (after, before) if after is not None and before is not None else None
        self._cursor = before if self._upwards else after
        self._done = False
        self._previous: list[Row] = []
        self._passed = {self._cursor} - {None}
        self._repeats = 0

    @property
    def query(self) -> dict[str, Any] | None:
        if self._done:
            return None
        if self._both:  # refused by the schema, with its own words, before anything is sent
            return {"page[size]": self._size, "page[after]": self._both[0], "page[before]": self._both[1]}
        direction = "page[before]" if self._upwards else "page[after]"
        return {"page[size]": self._size} | ({direction: self._cursor} if self._cursor else {})

    def take(self, answer: Any) -> Page:
        page = answer["data"] or {}
        rows, info = page.get("data") or [], page.get("pageInfo") or {}
        more = bool(info.get("hasPreviousPage" if self._upwards else "hasNextPage"))
        cursor = info.get("startCursor" if self._upwards else "endCursor")
        if more and (not cursor or cursor in self._passed):
            return self._again(cursor)
        self._passed.add(cursor)
        # A page that repeats rows of the one before is known to happen; two equal rows on one page are two.
        fresh = tuple(row for row in rows if row not in self._previous)
        self._previous = rows
        self._done = not more or not rows
        self._cursor = cursor if more else self._cursor
        return Page(fresh, None if self._done else cursor, newest=info.get("startCursor"))

    def _again(self, cursor: str | None) -> Page:
        """Ask for the next page again, because an earlier page came instead. That page adds nothing."""
        self._repeats += 1
        if cursor is None or self._repeats > REPEATS:
            raise Malformed(self._operation, status=200, words=f"the cursor does not move past {cursor!r}")
        return Page((), self._cursor)
