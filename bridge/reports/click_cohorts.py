"""Count conversions by their click, and the clicks whose conversions should have arrived: both sides of a cohort ratio.

A conversion belongs to its click. A click counts by the share of conversions that has arrived at its age, by the
curve of its offer; clicks of offers whose click times are unknown count whole, and so does every click when no
curve is known. All sums are of whole numbers; only the shares are not, and they are applied in one fixed order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.reports.arrival_curves import EDGES, Curves
from bridge.reports.broken_tracking import FAR_AWAY, Tracking
from bridge.reports.fact_batch import MONEY
from bridge.reports.live_observations import edge
from bridge.reports.segments import Codes, Ints, Per
from bridge.reports.untracked import silence
from bridge.reports.windows import BY_CLICK, Edges, Source, Windows
from bridge.store.feeds import Kind
from bridge.store.observations_away import ObservationsAway
from rules.model.facts import WHOLE_INTEGRATION, Arrival, Break, Column, Subject, Untracked, Why, all_missing

MICRO = 1e6
MAX_SUBJECTS_IN_KEY = 64  # so few subjects are their own key; of more a hash is
MAX_CELLS = 8_000_000  # of a table of clicks: 64 MB for a moment
# Offers that are listed in batches are weighed up to their last lists: each moment of a list costs as much as all other
# offers together, so lists that came at nearly the same time count as one.
MAX_LISTS, LIST_STEP = 6, 900  # and so many seconds
UNRELATED = -2  # the number of a subject in a dimension that it has nothing to do with
Floats = NDArray[np.float64]
Ask = Callable[[Source, str, Per, Edges], Ints]


@dataclass(frozen=True, slots=True, eq=False)
class Summed:
    """Young cells up to one that may be cut: their clicks, and how many of these still wait. Starts share it."""

    cells: list[tuple[int, int]]
    clicks: Ints
    missing: Floats


@dataclass(slots=True, eq=False)
class Shared:
    """Results for one moment: young cells per dimension, end and reach; and up to when offers are listed."""

    cells: dict[tuple[Per, int, int], Summed] = field(default_factory=dict)
    lists: dict[int, int] | None = None  # an offer's number → up to when its conversions are listed
    listed: dict[tuple[Per, int], list[tuple[int, NDArray[np.bool_]]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Cohorts:
    """The clicks of one moment. `reach`: up to when the conversions are complete, seconds since 1970."""

    windows: Windows
    ask: Ask
    known: int
    reach: int
    curves: Curves | None
    shared: Shared = field(default_factory=Shared)
    report: int | None = None  # up to when the report was read, where postbacks reach further
    in_batches: bool = True  # False: conversions count as listed when they happen, whoever lists them

    @property
    def reported(self) -> int:
        """Up to when the report has listed conversions."""
        return self.reach if self.report is None else self.report

    def due(self, per: Per, start: int, end: int) -> Floats:
        """Return the clicks of [start, end) per subject number, each weighted by the share that should have arrived."""
        clicks = self.ask(Kind.CLICKS, "clicks", per, Edges(start, end, self.known)).astype(np.float64)
        if self.curves is None:
            return clicks
        wide: Per = per if "offer" in per else (*per, "offer")
        missing = self._missing(wide, start, end, self.curves, self.reach)
        for reach, whose in self._lists(wide, self.curves):
            missing = np.where(whose, self._missing(wide, start, end, self.curves, reach), missing)
        if wide != per:
            parents = self.windows.subjects.parents(wide, per)
            size = max(len(clicks), self.windows.subjects.count(per))
            missing = np.bincount(parents, missing[: len(parents)], size).astype(np.float64)
        result = np.zeros(max(len(clicks), len(missing)))
        result[: len(clicks)] = clicks
        result[: len(missing)] -= missing
        return result

    def at(self, reach: int, known: int | None = None) -> "Cohorts":
        """Return the same clicks as if conversions were complete up to another moment.

        `known`: as they were known then.
        """
        known = self.known if known is None else known
        return replace(self, reach=reach, known=known, shared=Shared(), in_batches=False)

    def listed_up_to(self) -> Mapping[int, int]:
        """Return up to when conversions are listed, by number, of offers that are listed in batches.

        The newest conversion of an advertiser's batches tells the time of the last one; without any, the delay that
        nearly all conversions had in the weeks before.
        """
        batches = {} if self.curves is None or not self.in_batches else self.curves.batches
        if not batches:
            return {}
        if self.shared.lists is None:
            per: Per = ("advertiser", "offer")
            low = self.reach - max(one.lag for one in batches.values())
            codes, events, _ = self.windows.listed_after(per, low, self.reach, self.known)
            of = self.windows.subjects.parts(per)[codes]
            newest: dict[int, int] = {}
            for owner, offer, event in zip(of[:, 0].tolist(), of[:, 1].tolist(), events.tolist(), strict=True):
                if offer in batches:
                    newest[owner] = max(newest.get(owner, 0), event)
            found = {offer: max(newest.get(one.advertiser, 0), self.reach - one.lag) for offer, one in batches.items()}
            step = LIST_STEP
            while len({moment // step for moment in found.values()}) > MAX_LISTS:
                step *= 2
            self.shared.lists = {offer: moment // step * step for offer, moment in found.items()}
        return self.shared.lists

    def _lists(self, wide: Per, curves: Curves) -> list[tuple[int, NDArray[np.bool_]]]:
        """Return the time of each last list, and the subjects of its offers."""
        lists = self.listed_up_to()
        if not lists:
            return []
        rows, _ = self.curve_rows(wide, curves)
        key = wide, len(rows)
        if key not in self.shared.listed:
            offers = self.windows.subjects.parts(wide)[: len(rows), wide.index("offer")]
            reaches = np.zeros(max(int(offers.max(initial=0)), *lists) + 1, np.int64)
            reaches[list(lists)] = list(lists.values())
            mine = reaches[offers]
            self.shared.listed[key] = [(moment, mine == moment) for moment in sorted(set(mine[mine > 0].tolist()))]
        return self.shared.listed[key]

    def tabled(self, per: Per, moments: Sequence[int]) -> "Cohorts":
        """Return the same clicks for many time ranges that begin and end at these moments, counted in one pass.

        If they need too much memory, or `windows` lacks some of them, each range is counted separately.
        """
        kind, metric, known = Kind.CLICKS, "clicks", self.known
        whole = self.ask(kind, metric, per, Edges(moments[0], moments[-1], known))
        table = self.windows.cumulated(kind, metric, per, moments, known, most=MAX_CELLS)
        if table is None or not np.array_equal(table[-1][: len(whole)], whole):
            return self
        rows = {moment: row for row, moment in enumerate(moments)}

        def ask(source: Source, name: str, of: Per, edges: Edges) -> Ints:
            low, high = rows.get(edges.start), rows.get(edges.end)
            if low is None or high is None or (source, name, of, edges.known) != (kind, metric, per, known):
                return self.ask(source, name, of, edges)
            found: Ints = table[high] - table[low]
            return found

        return replace(self, ask=ask, shared=Shared())

    def _missing(self, wide: Per, start: int, end: int, curves: Curves, reach: int) -> Floats:
        self.windows.number(Kind.CLICKS, wide)
        rows, weighed = self.curve_rows(wide, curves)
        cells = young(start, end, reach)
        done = self.shared.cells.get((wide, end, reach))
        if done is None or cells[: len(done.cells)] != done.cells or len(done.missing) != len(rows):
            done = Summed([], np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows)))
        clicks, missing = done.clicks.copy(), done.missing.copy()
        for at, (low, high) in enumerate(cells[len(done.cells) :], len(done.cells)):
            if at == len(cells) - 1:
                # It is the one that the start may have cut: what lies before it serves other starts, too.
                self.shared.cells[wide, end, reach] = Summed(cells[:at], clicks.copy(), missing.copy())
            found = self._clicks(wide, low, high, end, clicks) if low == start else self._asked(wide, low, high, rows)
            shares = curves.missing(reach - high, reach - low)[rows] if high <= reach else 1.0
            missing += found * shares
            clicks += found
        return np.where(weighed, missing, 0.0)

    def _asked(self, wide: Per, low: int, high: int, rows: NDArray[np.intp]) -> Ints:
        found = self.ask(Kind.CLICKS, "clicks", wide, Edges(low, high, self.known))
        return found if len(found) == len(rows) else np.append(found, np.zeros(len(rows) - len(found), dtype=np.int64))

    def _clicks(self, wide: Per, low: int, high: int, end: int, newer: Ints) -> Ints:
        """Return the clicks of [low, high): those since `low`, which are computed anyway, without the newer ones."""
        return self._asked(wide, low, end, newer) - newer if high < end else self._asked(wide, low, high, newer)

    def curve_rows(self, wide: Per, curves: Curves) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return for each subject the row of its offer's curve, and whether its clicks are weighted at all."""
        parts = self.windows.subjects.parts(wide)
        key = wide, len(parts)
        if key not in curves.of_subjects:
            offers: Codes = parts[:, wide.index("offer")]
            size = int(offers.max()) + 1 if len(offers) else 0
            table, weighed = np.zeros(size, dtype=np.intp), np.ones(size, dtype=bool)
            for offer, row in curves.rows.items():
                if offer < size:
                    table[offer] = row
            weighed[[offer for offer in curves.unknown if offer < size]] = False
            curves.of_subjects[key] = table[offers], weighed[offers]
        return curves.of_subjects[key]


def young(start: int, end: int, reach: int) -> list[tuple[int, int]]:
    """Return the part of [start, end) that still waits for conversions, divided at the edges of the curves."""
    cells = [(max(start, reach), end)] if end > max(start, reach) else []
    for youngest, oldest in zip(EDGES[:-1].tolist(), EDGES[1:].tolist(), strict=True):
        low, high = max(start, reach - oldest), min(end, reach - youngest)
        if low < high:
            cells.append((low, high))
    return cells


Numbers = Callable[[Per], Codes]
Newest = Callable[[str, Per, int, int], Ints | None]


def no_newest(_name: str, _per: Per, _start: int, _end: int) -> Ints | None:
    """Return nothing: only the report lists conversions."""
    return None


@dataclass(frozen=True, slots=True, eq=False)
class ClickFacts:
    """`rules.model.facts.CohortFacts` for the subjects of one run."""

    cohorts: Cohorts
    numbers: Numbers  # each subject's number in the sums of a dimension; negative where it has none
    since: int  # clicks and conversions are complete from here
    newest: Newest = no_newest  # conversions that the report has not reached, by their clicks
    tracking: Tracking = field(default_factory=Tracking)
    kept: dict[Any, Any] = field(default_factory=dict)  # shared by all rules that look at the same moment

    def passing(self) -> "ClickFacts":
        """Return the same facts without a cache of their answers."""
        return replace(self, kept={})

    def by_click(self, name: str, per: Per, start: datetime, end: datetime) -> Column:
        codes = self.numbers(per)
        return self._kept((name, per, start, end), codes, lambda: self._by_click(name, per, edge(start), edge(end)))

    def due(self, per: Per, start: datetime, end: datetime) -> Column:
        codes = self.numbers(per)
        return self._kept(("due", per, start, end), codes, lambda: self._due(per, edge(start), edge(end)))

    def _kept(self, question: tuple[Any, ...], codes: Codes, answer: Callable[[], Column]) -> Column:
        key = (
            (*question, codes.tobytes())
            if len(codes) < MAX_SUBJECTS_IN_KEY
            else (*question, hash(codes.tobytes()), len(codes))
        )
        if key not in self.kept:
            try:
                self.kept[key] = answer()
            except ObservationsAway:  # not kept: the next rule may get an answer
                return all_missing(len(codes))
        found: Column = self.kept[key]
        return found

    def _by_click(self, name: str, per: Per, low: int, high: int) -> Column:
        codes = self.numbers(per)
        sums = self._taken(self.cohorts.ask(BY_CLICK, name, per, self._edges(low, high)), codes)
        newest = self.newest(name, per, low, high)
        if newest is not None:
            sums += self._taken(newest, codes)
        if name not in MONEY:
            return self._column(sums, codes, low)
        paid = [self.cohorts.ask(kind, name, per, self._edges(low, high)) for kind in (Kind.CLICKS, Kind.IMPRESSIONS)]
        other = sum((self._taken(part, codes) for part in paid), np.zeros(len(codes)))
        if other.any():  # paid per click at once: brought to the clicks that count
            clicks = self._taken(self.cohorts.ask(Kind.CLICKS, "clicks", per, self._edges(low, high)), codes)
            due = self._taken(self.cohorts.due(per, low, high), codes)
            sums += other * np.divide(due, clicks, out=np.ones(len(codes)), where=clicks > 0)
        return self._column(sums / MICRO, codes, low)

    def _due(self, per: Per, low: int, high: int) -> Column:
        codes = self.numbers(per)
        return self._column(self._taken(self.cohorts.due(per, low, high), codes), codes, low)

    def arrival(self, subject: Subject) -> Arrival:
        curves = self.cohorts.curves
        if curves is None:
            return Arrival(None, 0, 0, known=False)
        offer = subject.get("offer")
        number = int(self.cohorts.windows.subjects.find(("offer",), [(offer,)])[0]) if offer else -1
        try:
            listed = self.cohorts.listed_up_to().get(number)
        except ObservationsAway:
            listed = None
        return Arrival(
            learned=datetime.fromtimestamp(curves.day, UTC),
            own=curves.samples.get(number, 0),
            pool=curves.pooled,
            known=number not in curves.unknown,
            listed=None if listed is None else datetime.fromtimestamp(listed, UTC),
        )

    def breaks(self) -> Mapping[str, Break | Untracked]:
        try:
            return {**self._silence(), **self._breaks()}
        except ObservationsAway:  # whatever is measured is missing then
            return {}

    def _breaks(self) -> Mapping[str, Break]:
        if "breaks" not in self.kept:
            self.kept["breaks"] = self.tracking.breaks(self.cohorts, self.since)
        found: Mapping[str, Break] = self.kept["breaks"]
        return found

    def _silence(self) -> Mapping[str, Untracked]:
        if "silence" not in self.kept:
            sums = self.cohorts
            known = sums.known < FAR_AWAY and self.since <= sums.known  # in hindsight nothing is missing
            self.kept["silence"] = silence(sums.ask, sums.windows.subjects, sums.known, self.since) if known else {}
        found: Mapping[str, Untracked] = self.kept["silence"]
        return found

    def broken(self, rows: NDArray[np.intp]) -> Sequence[Break | Untracked | None]:
        if not self.breaks():
            return [None] * len(rows)
        breaks = self._breaks()
        of_all = breaks.get(WHOLE_INTEGRATION) or self._silence().get(WHOLE_INTEGRATION)
        if of_all is not None:
            return [of_all] * len(rows)
        numbers = self.cohorts.windows.subjects.find(("advertiser",), [(name,) for name in breaks])
        known = dict(zip(numbers.tolist(), breaks.values(), strict=True))
        any_ = next(iter(breaks.values()), None)
        return [
            known.get(code) if code >= 0 else any_ if code == UNRELATED else None
            for code in self.numbers(("advertiser",))[rows].tolist()
        ]

    def _edges(self, start: int, end: int) -> Edges:
        return Edges(start, end, self.cohorts.known)

    @staticmethod
    def _taken(totals: NDArray[Any], codes: Codes) -> Floats:
        there = (codes >= 0) & (codes < len(totals))
        result = np.zeros(len(codes))
        result[there] = totals[codes[there]]
        return result

    def _column(self, values: Floats, codes: Codes, start: int) -> Column:
        if start < self.since:
            return all_missing(len(codes))
        return Column(values, np.where(codes == UNRELATED, np.uint8(Why.MISSING), np.uint8(Why.KNOWN)))
