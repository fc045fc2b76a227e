"""Remove from a replay the traffic that paused targets would not have had.

The facts stay where they are, on disk mostly. What is missing is added once more as facts that take them back, a day at
a time, as the replay reaches it. A fact is missing where a target that it belongs to was absent when its click took
place: conversions of earlier clicks arrive as they did. Performs no I/O but for reading facts.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bridge.reports.segments import Codes, Ints, Per, Segment
from bridge.reports.windows import SOURCES, Windows

STEP_SECONDS = 86_400  # seconds that are looked through at a time
MAX_MOMENT = 1 << 33  # more than there will be: the place of a moment among those of one subject

Target = tuple[Per, int]  # the number of a subject in the sums of a dimension


@dataclass(slots=True, eq=False)
class Absences:
    """Records who is absent when. `replayed` has the facts of `windows`, and its own sums, which reach up to now."""

    windows: Windows
    replayed: Windows
    _spans: dict[Target, list[tuple[int, int]]] = field(default_factory=dict)  # [since, until), in their order
    _reached: int | None = None  # what happened before has been looked through

    def leave(self, target: Target, since: int) -> None:
        """Give a subject no traffic from now on. It had traffic until then."""
        if self._reached is None:
            self._reached = since
        spans = self._spans.setdefault(target, [])
        spans.append((since, MAX_MOMENT))
        self._add(since, self._reached, target)

    def come_back(self, target: Target, until: int) -> None:
        """Give a subject traffic again from now on. It was absent until then."""
        spans = self._spans.get(target)
        if not spans or spans[-1][1] != MAX_MOMENT or self._reached is None:
            return
        self._add(until, self._reached, target, back=True)
        spans[-1] = spans[-1][0], until

    def reach(self, now: int) -> None:
        """Advance the replay to this moment."""
        while self._reached is not None and now > self._reached:
            self._add(self._reached, self._reached + STEP_SECONDS)
            self._reached += STEP_SECONDS

    def _add(self, start: int, end: int, target: Target | None = None, *, back: bool = False) -> None:
        """Subtract what is missing in [start, end), or what is missing because of one target only."""
        if start >= end:
            return
        absent = self._absent(but=target)
        for source in SOURCES:
            found = []
            for piece in self.windows.pieces(source, start, end):
                where = piece.slice(start, end)
                rows = np.arange(where.start, where.stop)
                clicks = piece.clicked(rows)
                missing = _missing(piece.codes, rows, clicks, absent, target)
                if target is not None:
                    missing &= clicks >= start  # what was clicked before stays as it is
                if missing.any():
                    facts = piece.facts(rows[missing])
                    found.append(facts if back else facts.taken_back())
            if found:
                self.replayed.take_out(source, Segment.of(self.windows.subjects, found))

    def _absent(self, *, but: Target | None) -> dict[Per, "Spans"]:
        """Return when subjects of each dimension are absent, except for one."""
        listed: dict[Per, list[tuple[int, int, int]]] = {}
        for (per, code), found in self._spans.items():
            if (per, code) != but:
                listed.setdefault(per, []).extend((code, since, until) for since, until in found)
        return {per: Spans.of(spans) for per, spans in listed.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """The times when subjects of one dimension are absent: [since, until), ordered by subject and time."""

    codes: Ints
    since: Ints
    until: Ints

    @classmethod
    def of(cls, spans: Iterable[tuple[int, int, int]]) -> Self:
        return cls(*(np.array(column, dtype=np.int64) for column in zip(*sorted(spans), strict=True)))

    def hold(self, codes: Codes, clicks: Ints) -> NDArray[np.bool_]:
        """Return which clicks of these subjects took place while they were absent."""
        begun = self.codes * MAX_MOMENT + self.since
        at = np.searchsorted(begun, codes.astype(np.int64) * MAX_MOMENT + clicks, side="right") - 1
        at = np.maximum(at, 0)
        found: NDArray[np.bool_] = (self.codes[at] == codes) & (clicks >= self.since[at]) & (clicks < self.until[at])
        return found


def _missing(
    codes: Callable[[Per], Codes],
    rows: NDArray[np.intp],
    clicks: Ints,
    absent: Mapping[Per, Spans],
    target: Target | None,
) -> NDArray[np.bool_]:
    """Return which of these rows are missing: because of any absent subject, or only because of one target."""
    others = np.zeros(len(rows), dtype=bool)
    for per, spans in absent.items():
        others |= spans.hold(codes(per)[rows], clicks)
    if target is None:
        return others
    per, code = target
    own: NDArray[np.bool_] = codes(per)[rows] == code
    return own & ~others
