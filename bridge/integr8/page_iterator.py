"""Iterate over rows that are read page by page."""

from collections.abc import Callable, Iterator
from typing import Any, Self

from bridge.integr8.core import Row
from bridge.integr8.pagination import Page, Paging

Query = dict[str, Any]


class Listing(Iterator[Row]):
    """A list that is read once, lazily: a page is requested when its first row is needed.

    `cursor` names the place after the last complete page, so that an interrupted listing can be continued (`start=` of
    a list, `after=` or `before=` of a report): rows of the page in hand come twice, none is lost. It is None before the
    first page and after the last one; `finished` tells which.
    """

    def __init__(self, fetch: Callable[[Query], Any], paging: Paging) -> None:
        self._fetch = fetch
        self._paging = paging
        self._rows = self._walk()
        self.cursor: str | None = None
        self.newest: str | None = None  # reports: the topmost cursor of the first page
        self.total: int | None = None  # lists: how many there are in all, once the first page is here
        self.finished = False

    def pages(self) -> Iterator[Page]:
        """Yield the same rows, a page at a time."""
        while (query := self._paging.query) is not None:
            page = self._paging.take(self._fetch(query))
            self.newest = self.newest or page.newest
            self.total = page.total if page.total is not None else self.total
            yield page
            self.cursor = page.cursor
        self.finished = True

    def _walk(self) -> Iterator[Row]:
        for page in self.pages():
            yield from page.rows

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Row:
        return next(self._rows)
