"""The data of one evaluation: facts, moment, and each measured column, requested once.

A `Lookback` says over which time a metric is meant. All variants (a baseline, the peers, a forecast) are
settled here, at the level of base metrics, so that every formula above works for all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rules.evaluation import columns
from rules.evaluation.columns import Whys
from rules.evaluation.windows import TimeRange, before, earlier, period, same_hours, time_range
from rules.model import metrics, tree
from rules.model.facts import CohortFacts, Column, Facts, Subject, Why, all_missing, known_as
from rules.model.revision import DIMENSIONS, Calendar, Data, Dimension, Rolling, Window

# `settle: auto` differs by subject; rounding it up to one of these keeps the number of distinct windows small.
_SETTLE_STEPS = tuple(timedelta(minutes=m) for m in (0, 5, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 4320))
_UNMEASURED = timedelta(hours=1)  # nothing of the scope has ever converted: nothing to settle, little harm
_HOUR = timedelta(hours=1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Baseline:
    window: Window
    same_hours: bool = False


@dataclass(frozen=True, slots=True)
class Peers:
    pass


@dataclass(frozen=True, slots=True)
class Ahead:
    within: timedelta


Against: TypeAlias = Baseline | Peers | Ahead | None


@dataclass(frozen=True, slots=True)
class Lookback:
    """The time range of a measurement: the window, shifted back by `shift`, and how it is used."""

    window: Window
    shift: timedelta = timedelta(0)
    against: Against = None
    since: datetime | None = None  # instead of the window: everything since this moment
    raw: bool = False  # amounts as they are, not brought to the length of our own window


@dataclass(eq=False)
class Frame:
    """Facts of one evaluation. `rows` is set in a frame that shows some subjects of a whole one.

    In an `exact` frame every number is a Fraction: for the few rows in which rounding could decide.
    """

    facts: Facts
    data: Data
    now: datetime
    rows: NDArray[np.intp] | slice | None = None
    needs: bool = True  # whether conditions on metrics wait for `data.need`
    exact: bool = False
    _measured: dict[tuple[Any, ...], Column] = field(default_factory=dict)
    _attributes: dict[str, Column] = field(default_factory=dict)
    _short: list[Whys] = field(default_factory=list)
    _settles: list[tuple[timedelta, NDArray[np.bool_]]] = field(default_factory=list)
    memo: dict[Any, Any] = field(default_factory=dict)  # what was worked out once already, by question
    _passing: bool = False  # keep nothing of what is measured

    @property
    def subjects(self) -> Sequence[Subject]:
        found = self.facts.subjects
        if self.rows is None:
            return found
        return found[self.rows] if isinstance(self.rows, slice) else [found[row] for row in self.rows]

    @property
    def size(self) -> int:
        if self.rows is None:
            return len(self.facts.subjects)
        return 1 if isinstance(self.rows, slice) else len(self.rows)  # a slice shows one subject

    @property
    def lookback(self) -> Lookback:
        """The rule's own window."""
        return Lookback(self.data.window)

    def only(self, row: int) -> "Frame":
        """Return the same frame for one subject; measured values are shared."""
        return self._like(rows=slice(row, row + 1), needs=self.needs)

    def exactly(self, rows: NDArray[np.intp]) -> "Frame":
        """Return some subjects of this frame, by their position in it, with exact numbers."""
        own: Any = rows if self.rows is None else np.arange(len(self.facts.subjects))[self.rows][rows]
        return self._like(rows=own, needs=False, exact=True)

    def whole(self) -> "Frame":
        """Return the same frame with all subjects."""
        return self if self.rows is None else self._like(rows=None, needs=self.needs)

    def without_needs(self) -> "Frame":
        """Return the same frame without waiting for `data.need`."""
        return self._like(rows=self.rows, needs=False)

    def passing(self) -> "Frame":
        """Return the whole frame without a cache, for queries whose answers nobody uses again."""
        return Frame(self.facts, self.data, self.now, None, False, False, _settles=self._settles, _passing=True)

    def once(self, question: Any, pers: frozenset[tuple[Dimension, ...]], answer: Callable[[], Any]) -> Any:
        """Return the answer for all subjects; if the facts can, it is computed once for all rules of this moment."""
        if question not in self.memo:
            shared = getattr(self.facts, "once", None)
            self.memo[question] = shared(question, pers, answer) if shared is not None else answer()
        return self.memo[question]

    def _like(self, *, rows: NDArray[np.intp] | slice | None, needs: bool, exact: bool = False) -> "Frame":
        """Copy by hand: `dataclasses.replace` takes five times as long, and each verdict needs a few frames."""
        return Frame(
            self.facts,
            self.data,
            self.now,
            rows,
            needs,
            exact,
            self._measured,
            self._attributes,
            self._short,
            self._settles,
            self.memo,
        )

    def _shown(self, column: Column) -> Column:
        if self.rows is None:
            return column
        return Column(column.values[self.rows], column.why[self.rows])

    # --- attributes ---

    def attribute(self, name: str) -> Column:
        """Return the values of an entity, an event or a table, as objects."""
        if name not in self._attributes:
            self._attributes[name] = self._checked(_asked(lambda: self.facts.attribute(name)))
        return self._shown(self._attributes[name])

    def cells(self, table: str, column: str | None) -> frozenset[str] | None:
        """Return the texts of a table's column (by default the first); None if there is no such table."""
        listed = getattr(self.facts, "listed", None)
        found: frozenset[str] | None = listed(table, column) if listed else None
        return found

    def names(self, item: tree.Node, identity: str) -> tuple[str, ...]:
        """Return every id of the object of `item`, the one of facts first; for anything but an id, only the text.

        Integr8 gives an entity a number and a text id, and people write either.
        """
        dimension = dimension_of(item)
        return (identity,) if dimension is None else known_as(self.facts, dimension, identity)

    def own(self, dimension: Dimension) -> Column:
        """Return the subjects' own ids."""
        key = f"\0{dimension}"  # cannot be the name of an attribute
        if key not in self._attributes:
            values = np.array([subject.get(dimension) for subject in self.facts.subjects], object)
            missing = np.array([value is None for value in values], bool)
            self._attributes[key] = Column(values, np.where(missing, np.uint8(Why.MISSING), np.uint8(Why.KNOWN)))
        return self._shown(self._attributes[key])

    def _checked(self, column: Column | None) -> Column:
        size = len(self.facts.subjects)
        if column is None or len(column.values) != size:
            return all_missing(size)
        return column

    # --- measures ---

    @property
    def cohorts(self) -> CohortFacts | None:
        """Conversions by their click, if the facts know them."""
        found: CohortFacts | None = getattr(self.facts, "cohorts", None)
        return found.passing() if self._passing and hasattr(found, "passing") else found  # type: ignore[union-attr]

    def total(self, name: str, per: tuple[Dimension, ...] | None, lookback: Lookback) -> Column:
        """Return the base metric summed over the lookback's time ranges, for ratios."""
        return self._settled(lambda settle: self.summed(name, per, lookback, settle))

    def amount(self, name: str, per: tuple[Dimension, ...] | None, lookback: Lookback) -> Column:
        """Return the base metric as an amount: a baseline's or the peers' is scaled to our length and number."""
        measure = self.summed if lookback.raw else self._scaled
        return self._settled(lambda settle: measure(name, per, lookback, settle))

    def short(self) -> Whys:
        """Return for each subject whether the sample is too small for a decision (or why it is unknown)."""
        if not self._short:
            self._short.append(self._samples(self._like(rows=None, needs=self.needs)))
        return self._short[0] if self.rows is None else self._short[0][self.rows]

    def _samples(self, whole: "Frame") -> Whys:
        whys = [np.zeros(whole.size, np.uint8)]
        for name, least in self.data.need.items():
            found = whole.total(name, None, self.lookback)
            few = (found.why == columns.KNOWN) & (found.values < float(least))
            whys.append(np.where(few, np.uint8(Why.TOO_FEW), found.why))
        return columns.first_reason(*whys)

    def _settled(self, measure: Any) -> Column:
        """Measure with the settle time of each subject. An exact frame measures only its own rows."""
        buckets = self.settles()
        if len(buckets) == 1:
            found: Column = measure(buckets[0][0])
            return found if self.exact else self._shown(found)
        size = self.size if self.exact else len(self.facts.subjects)
        values, why = np.zeros(size, object if self.exact else float), np.full(size, Why.MISSING, np.uint8)
        for settle, every in buckets:
            rows = every[self.rows] if self.exact else every
            part = measure(settle)
            values[rows] = np.broadcast_to(part.values, size)[rows]
            why[rows] = np.broadcast_to(part.why, size)[rows]
        return Column(values, why) if self.exact else self._shown(Column(values, why))

    def settles(self) -> list[tuple[timedelta, NDArray[np.bool_]]]:
        """Return (what to leave out, which subjects): one entry, or with `settle: auto` one for each step in use."""
        if not self._settles:
            size = len(self.facts.subjects)
            if self.data.settle == "auto":
                self._settles.extend(_buckets(self._checked(_asked(self.facts.settle))))
            else:
                self._settles.append((self.data.settle, np.ones(size, bool)))
        return self._settles

    def settle_of_row(self) -> timedelta:
        """Return the settle time of the one subject of this frame."""
        row = self.rows.start if isinstance(self.rows, slice) else 0
        return next((settle for settle, rows in self.settles() if len(rows) > row and rows[row]), timedelta(0))

    def current(self, lookback: Lookback, settle: timedelta) -> TimeRange:
        """Return the window as absolute edges."""
        if lookback.since is not None:
            return TimeRange(lookback.since, self.now - settle)
        now = earlier(self.now, lookback.shift, self.data.tz) if lookback.shift else self.now
        return time_range(lookback.window, now, settle, self.data.tz)

    def time_ranges(self, lookback: Lookback, settle: timedelta) -> tuple[TimeRange, ...]:
        """Return the absolute time ranges over which a metric is summed."""
        current = self.current(lookback, settle)
        match lookback.against:
            case Baseline(window=Rolling(length=length), same_hours=True):
                return same_hours(current, length.days, self.data.tz)
            case Baseline(window=window):
                then = earlier(self.now, lookback.shift, self.data.tz)
                return (before(current, window, then, self.data.tz, lookback.window),)
        return (current,)

    def summed(self, name: str, per: tuple[Dimension, ...] | None, lookback: Lookback, settle: timedelta) -> Column:
        """Return the sum over the lookback's time ranges, with the same settle time for every subject."""
        if isinstance(lookback.against, Peers):
            return self._others(name, per, lookback, settle)[0]
        if isinstance(lookback.against, Ahead):
            return self._ahead(name, per, lookback, lookback.against.within, settle)
        present = not lookback.shift and lookback.against is None
        parts = [self._measure(name, per, part, present=present) for part in self.time_ranges(lookback, settle)]
        result = parts[0]
        for part in parts[1:]:
            result = columns.arithmetic("+", result, part, exact=self.exact)  # money is exact to the millionth
        return result

    def _scaled(self, name: str, per: tuple[Dimension, ...] | None, lookback: Lookback, settle: timedelta) -> Column:
        if isinstance(lookback.against, Peers):
            total, others = self._others(name, per, lookback, settle)
            return columns.arithmetic("/", total, others, exact=self.exact)
        found = self.summed(name, per, lookback, settle)
        if not isinstance(lookback.against, Baseline):
            return found
        ours = self.current(lookback, settle).length
        theirs = sum((part.length for part in self.time_ranges(lookback, settle)), timedelta(0))
        if not theirs:
            return Column(found.values, np.full(len(found.values), Why.UNDEFINED, np.uint8))
        return Column(found.values * self._ratio(ours, theirs), found.why)

    def _ratio(self, part: timedelta, whole: timedelta) -> Any:
        return Fraction(part // _MICROSECOND, whole // _MICROSECOND) if self.exact else part / whole

    def _others(
        self, name: str, per: tuple[Dimension, ...] | None, lookback: Lookback, settle: timedelta
    ) -> tuple[Column, Column]:
        """Return the sum over the others of each subject's group, and their number."""
        whole = self._like(rows=None, needs=self.needs)
        own = whole.summed(name, per, replace(lookback, against=None), settle)
        total, others = _of_others(own, self._groups())
        count = Column(others, np.zeros(len(others), np.uint8))
        if not self.exact:
            return (columns.to_the_millionth(total) if metrics.is_sum(name) else total), count
        # sums of micro-units and of counts: what adding doubles has rounded off is less than half a millionth
        summed = Column(np.round(total.values, 6), total.why)
        return columns.numeric(self._shown(summed), exact=True), columns.numeric(self._shown(count), exact=True)

    def _ahead(
        self, name: str, per: tuple[Dimension, ...] | None, lookback: Lookback, within: timedelta, settle: timedelta
    ) -> Column:
        current, recent, growth = self.outlook(lookback, within, settle)
        kept = self._measure(name, per, current, present=True) if not current.empty else None
        slope = self._measure(name, per, recent, present=True)
        grown = Column(slope.values * self._ratio(growth, recent.length), slope.why)
        if kept is None:
            return grown
        return Column(kept.values + grown.values, columns.first_reason(kept.why, grown.why))

    def outlook(
        self, lookback: Lookback, within: timedelta, settle: timedelta
    ) -> tuple[TimeRange, TimeRange, timedelta]:
        """Return for a forecast the range that still counts then, the recent one for the slope, and the time of growth.

        The slope is taken over at least an hour, or noise would be mistaken for a trend.
        """
        current = self.current(lookback, settle)
        recent = TimeRange(current.end - max(within, _HOUR), current.end)
        if isinstance(lookback.window, Calendar):
            _, closing = period(lookback.window, self.now, self.data.tz)
            horizon = min(self.now + within, closing)
            return current, recent, max(horizon - current.end, timedelta(0))
        return TimeRange(current.start + within, current.end), recent, within

    def _measure(self, name: str, per: tuple[Dimension, ...] | None, part: TimeRange, *, present: bool) -> Column:
        dimensions = self._dimensions() if per is None else per
        key = (name, dimensions, part.start, part.end)
        measured = self._measured.get(key)
        if measured is None:
            measured = self._ask(name, dimensions, part)
            if not self._passing:
                self._measured[key] = measured
        found = self._fresh(name, measured) if present else measured
        return columns.numeric(self._shown(found), exact=True) if self.exact else found

    def measured(self, name: str, per: tuple[Dimension, ...], part: TimeRange) -> Column:
        """Return the base metric of these subjects in one time range from the facts, however old they are."""
        return self._shown(self._measure(name, per, part, present=False))

    def _ask(self, name: str, per: tuple[Dimension, ...], part: TimeRange) -> Column:
        if part.empty:  # `today` just after midnight, with `settle`: there is nothing to decide on yet
            return self._checked(None)
        column = self._checked(_asked(lambda: self._column(name, per, part)))
        return columns.clean(columns.numeric(column))

    def _column(self, name: str, per: tuple[Dimension, ...], part: TimeRange) -> Column:
        if self.cohorts is None or not metrics.is_by_click(name):
            return self.facts.measure(name, per, part.start, part.end)
        if name == metrics.EFFECTIVE_CLICKS:
            return self.cohorts.due(per, part.start, part.end)
        return self.cohorts.by_click(metrics.base(name), per, part.start, part.end)

    def _dimensions(self) -> tuple[Dimension, ...]:
        subjects = self.facts.subjects
        return subjects[0].per if subjects else ()

    def _fresh(self, name: str, column: Column) -> Column:
        """Return values with stale ones unknown: a stalled feed decides nothing about the present, even with `settle`.

        Late conversions would have gone into that part too. Time ranges of the past are used unchanged.
        """
        why = self.stale(name)
        if why is Why.KNOWN:
            return column
        return Column(column.values, np.where(column.why == Why.KNOWN, np.uint8(why), column.why))

    def stale(self, name: str) -> Why:
        """Return why a base metric says nothing about the present, by the rule's `fresh`; KNOWN if it does."""
        limit = self.data.fresh
        if limit is None:
            return Why.KNOWN
        mark = self.facts.as_of(metrics.base(name))
        if mark is None:
            return Why.MISSING
        return Why.TOO_OLD if mark < self.now - limit else Why.KNOWN

    def _groups(self) -> NDArray[np.intp]:
        """Return the groups for comparisons: the whole scope.

        With several dimensions the subjects that share the first one.
        """
        subjects = self.facts.subjects
        if not subjects or len(subjects[0].per) < 2:
            return np.zeros(len(subjects), np.intp)
        firsts = [subject.ids[0] for subject in subjects]
        return np.unique(np.array(firsts, object).astype(str), return_inverse=True)[1].astype(np.intp)

    def age(self, name: str) -> timedelta | None:
        """Return the age of the newest data of a metric."""
        marks = [self.facts.as_of(part) for part in metrics.parts(name)]
        known = [mark for mark in marks if mark is not None]
        return None if len(known) < len(marks) else max(self.now - min(known), timedelta(0))


def _asked(question: Any) -> Column | None:
    """Return facts for a name. A LookupError for an unknown name counts as a missing value, not as a failure."""
    try:
        found: Column = question()
    except LookupError:
        return None
    return found


def _of_others(own: Column, groups: NDArray[np.intp]) -> tuple[Column, NDArray[Any]]:
    """Return for each subject the sum over the others of its group, and their number; unknown ones do not count."""
    known = own.why == Why.KNOWN
    size = int(groups.max()) + 1 if len(groups) else 0
    values = np.where(known, own.values, 0.0)
    sums = np.bincount(groups, values, size)[groups] if size else values
    counts = np.bincount(groups, known.astype(float), size)[groups] if size else known.astype(float)
    others = counts - known
    why = np.where(others > 0, np.uint8(Why.KNOWN), np.uint8(Why.UNDEFINED))
    return Column(sums - values, why), others


def _buckets(delays: Column) -> list[tuple[timedelta, NDArray[np.bool_]]]:
    known = (delays.why == Why.KNOWN) & np.isfinite(delays.values.astype(float))
    seconds = np.where(known, delays.values, 0.0).astype(float)
    middle = float(np.median(seconds[known])) if known.any() else _UNMEASURED.total_seconds()
    limits = np.array([step.total_seconds() for step in _SETTLE_STEPS])
    steps = np.minimum(np.searchsorted(limits, np.where(known, seconds, middle)), len(limits) - 1)
    return [(_SETTLE_STEPS[number], steps == number) for number in np.unique(steps)] or [(_UNMEASURED, known)]


def dimension_of(item: tree.Node) -> Dimension | None:
    """Return the dimension whose id a part of a condition is; None if it is not an id."""
    if isinstance(item, tree.Own):
        return item.dimension
    head, _, rest = item.name.partition(".") if isinstance(item, tree.Attribute) else ("", "", "")
    return next((one for one in DIMENSIONS if one == head), None) if rest == "id" else None
