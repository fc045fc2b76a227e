"""The items that rules evaluate, numbered once per dimension: their order, their numbers, their texts.

Rules over the same dimension and scope get the very same `Items`, so whatever is worked out for one of them serves all
of them, and the answers of two evaluations can be compared as arrays.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.reports.segments import Codes, Per, Subjects
from rules.model.facts import Column, Subject

MAX_SINGLE_INSERTS = 100  # items that are put in their place one by one; of more the whole order is made anew


def natural(ids: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """Return a key for the natural order: offer 9 before offer 10."""
    return tuple((len(part) if part.isdigit() else 1_000, part) for part in ids)


class Items(list[Subject]):
    """Subjects in their order. It never changes; two objects may have the same subjects."""

    def __init__(self, subjects: Iterable[Subject], per: Per, numbers: Codes | None = None) -> None:
        """Create it. `numbers`: the number of each subject in the sums of its dimension, if all have one."""
        super().__init__(subjects)
        self.per = per
        self.numbers = numbers
        self.codes: dict[Per, tuple[object, Codes]] = {}
        self.attributes: dict[str, tuple[object, Column]] = {}
        self._moved: tuple[Items, NDArray[np.intp]] | None = None  # since which items, and how

    __hash__ = object.__hash__  # type: ignore[assignment]  # one is the same as another only when it is that object

    @cached_property
    def rows(self) -> dict[Subject, int]:
        """The position of each subject."""
        return {subject: row for row, subject in enumerate(self)}

    def kept_codes(self, per: Per, state: object, find: Callable[[], Codes]) -> Codes:
        """Return the numbers in the sums of a dimension, found again if `state` is another one."""
        found = self.codes.get(per)
        if found is None or found[0] != state:
            found = self.codes[per] = state, find()
        return found[1]

    def parents(self, per: Per, subjects: Subjects) -> Codes | None:
        """Return the numbers in a coarser dimension that consists of the items' own dimensions; None if it does not."""
        if self.numbers is None or not set(per) <= set(self.per):
            return None
        if per == self.per:
            return self.numbers
        parts = subjects.parts(self.per)[self.numbers]
        columns = [np.ascontiguousarray(parts[:, self.per.index(dimension)]) for dimension in per]
        return subjects.number(per, columns, len(self))

    def moved(self, before: "Items") -> NDArray[np.intp]:
        """Return for each item its row in other items, -1 if it was not among them. The last answer is kept."""
        if self._moved is None or self._moved[0] is not before:
            self._moved = before, self._compared(before)
        return self._moved[1]

    def _compared(self, before: "Items") -> NDArray[np.intp]:
        if self.numbers is not None and before.numbers is not None and self.per == before.per:
            size = max(int(part.max(initial=-1)) for part in (self.numbers, before.numbers)) + 1
            table = np.full(size, -1, np.intp)
            table[before.numbers] = np.arange(len(before))
            return table[self.numbers]
        known = before.rows
        return np.array([known.get(subject, -1) for subject in self], np.intp)


class Roster:
    """All subjects of a dimension that ever occurred, in their natural order."""

    def __init__(self, per: Per) -> None:
        self._per = per
        self._subjects: list[Subject] = []  # by number
        self._order = np.zeros(0, dtype=np.int32)  # numbers, sorted by their keys
        self._named = np.zeros(0, dtype=bool)  # whether every part of it has a name
        self._last: tuple[NDArray[np.bool_], Items] | None = None

    def items(self, subjects: Subjects, occurring: NDArray[np.bool_]) -> Items:
        """Return the items with these numbers, in order; the same object as long as they are the same."""
        self._learn(subjects)
        chosen = occurring[: len(self._named)] & self._named[: len(occurring)]
        if self._last is not None and np.array_equal(self._last[0], chosen):
            return self._last[1]
        order = self._order
        numbers = order[chosen[order]] if len(chosen) == len(order) else order[_at(chosen, order)]
        made = Items([self._subjects[number] for number in numbers.tolist()], self._per, numbers)
        self._last = chosen, made
        return made

    def _learn(self, subjects: Subjects) -> None:
        known, count = len(self._subjects), subjects.count(self._per)
        if count == known:
            return
        names = subjects.known(self._per)[known:]
        self._subjects += [Subject(self._per, ids) for ids in names]
        self._named = np.append(self._named, np.array([all(ids) for ids in names], dtype=bool))
        if len(names) < MAX_SINGLE_INSERTS:
            for number, ids in enumerate(names, known):
                at = bisect_right(self._order, natural(ids), key=self._key)
                self._order = np.insert(self._order, at, np.int32(number))
        else:
            self._order = _in_order(subjects, self._per)

    def _key(self, number: int) -> tuple[tuple[int, str], ...]:
        """Return the sort key of a subject.

        It is not kept: the keys of all would take more memory than the subjects.
        """
        return natural(self._subjects[number].ids)


def _in_order(subjects: Subjects, per: Per) -> Codes:
    """Return all numbers of a dimension in the natural order of their ids; the names of each part are sorted once."""
    columns = []
    for dimension, parts in zip(per, subjects.parts(per).T, strict=True):
        names = list(subjects.names(dimension))
        rank = np.zeros(len(names), dtype=np.int32)
        rank[sorted(range(len(names)), key=lambda number: natural((names[number],)))] = np.arange(len(names))
        columns.append(rank[parts])
    return np.lexsort(columns[::-1]).astype(np.int32)


def _at(chosen: NDArray[np.bool_], order: Codes) -> NDArray[np.bool_]:
    found = np.zeros(len(order), dtype=bool)
    inside = order < len(chosen)
    found[inside] = chosen[order[inside]]
    return found


class Kept:
    """Items by their query, as long as their sources are the same."""

    def __init__(self) -> None:
        self._rosters: dict[Per, Roster] = {}
        self._found: dict[object, tuple[tuple[object, ...], Items]] = {}

    def roster(self, per: Per) -> Roster:
        return self._rosters.setdefault(per, Roster(per))

    def get(self, question: object, made_from: Sequence[object], make: Callable[[], Items]) -> Items:
        """Return the items for a query. `made_from` are compared by identity, tuples by their content."""
        found = self._found.get(question)
        if found is None or not _same(found[0], made_from):
            found = self._found[question] = tuple(made_from), make()
        return found[1]


def _same(before: Sequence[object], now: Sequence[object]) -> bool:
    return len(before) == len(now) and all(
        one is other or (isinstance(one, tuple) and one == other) for one, other in zip(before, now, strict=True)
    )


def frozen(values: Mapping[str, Sequence[Any]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return a part of a scope in a comparable form."""
    return tuple((name, tuple(map(repr, wanted))) for name, wanted in values.items())
