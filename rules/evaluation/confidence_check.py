"""`@95% a month`: gather what one condition needs for all subjects at once, and judge it by `confidence_sequences`."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rules.evaluation import columns, confidence_sequences, own_past, two_samples
from rules.evaluation.confidence_sequences import Beginning, Direction, Sums
from rules.evaluation.frame import Against, Baseline, Frame, Lookback, Peers
from rules.evaluation.screening import Screen
from rules.evaluation.two_samples import Other
from rules.model import metrics, tree
from rules.model.facts import Column, Why

Value: TypeAlias = Callable[[tree.Node, Frame, Lookback], Column]
Parts: TypeAlias = tuple[tree.Node, tree.Node]
Judged: TypeAlias = tree.Compare | tree.Change
# A change of a part of a whole spends half of its errors on the ratio that it compares with, which is measured anew
# about ten times a month. Rare hits are compared with others as two samples, and need no bound of these.
BASELINE_SPLIT, BASELINES = 2.0, 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """The answer per subject, the threshold of each, the needed evidence, and where it is missing."""

    line: NDArray[np.float64]
    needed: float
    yes: NDArray[np.bool_]
    why: columns.Whys
    other: Other | None = None  # what rare hits are compared with


@dataclass(frozen=True, slots=True)
class Story:
    """The evidence of one subject: since when, how much of what, against which threshold."""

    since: datetime | None  # None: over the rule's own window
    hits: float
    trials: float
    line: float
    found: float
    needed: float
    own_past: bool = False  # it is the comparison with its own good past that says most
    spread: float = 1.0  # so many times as much as by chance the hits of such subjects vary, since days differ


@cache
def z_of(confidence: Decimal) -> float:
    """Return the number of standard deviations of a one-sided confidence: 1.645 for 95%."""
    return NormalDist().inv_cdf(float(confidence))


def judge(node: Judged, parts: Parts, frame: Frame, lookback: Lookback, value: Value) -> Judgement:
    """Judge every subject of the frame's facts. Results are kept with the frame."""
    key = (node, lookback)
    if key not in frame.memo:
        frame.memo[key] = _judged(node, parts, frame.whole(), lookback, value)
    whole: Judgement = frame.memo[key]
    if frame.rows is None:
        return whole
    at = frame.rows
    return replace(whole, line=whole.line[at], yes=whole.yes[at], why=whole.why[at])


def _judged(node: Judged, parts: Parts, frame: Frame, lookback: Lookback, value: Value) -> Judgement:
    if isinstance(node, tree.Change) and not is_whole(parts):
        return _judged_change(node, parts, frame, lookback, value)
    confidence = float(node.confidence or Decimal("0.95"))
    line = line_of(node, parts, frame, lookback, value)
    found = gathered(node, parts, frame, lookback, value)
    needed = confidence_sequences.line_of_evidence(confidence) * (
        BASELINE_SPLIT if isinstance(node, tree.Change) else 1.0
    )
    screen = found.screen(direction_of(node), needed, own_past=_has_own_past(node))
    why = np.broadcast_to(columns.first_reason(found.why, line.why), frame.size)
    if node.holds == "pauses":
        strength = screen.values(line.values)
        taken = (strength >= needed) & confidence_sequences.of_the_scope(strength, confidence)
    else:
        taken = screen.taken(line.values)
    return Judgement(np.broadcast_to(line.values, frame.size), needed, taken, why)


def _judged_change(node: tree.Change, parts: Parts, frame: Frame, lookback: Lookback, value: Value) -> Judgement:
    """Judge rare hits against their comparison: the evidence includes the uncertainty of both."""
    confidence = float(node.confidence or Decimal("0.95"))
    other, why = _other(node, parts, frame, lookback, value)
    found = gathered(node, parts, frame, lookback, value)
    needed = confidence_sequences.line_of_evidence(confidence)
    strength = two_samples.strength(found.sums, other, direction_of(node), needed)
    taken = strength >= needed
    if node.holds == "pauses":
        taken &= confidence_sequences.of_the_scope(strength, confidence)
    why = np.broadcast_to(columns.first_reason(found.why, why), frame.size)
    return Judgement(other.line(), needed, taken, why, other)


def _has_own_past(node: Judged) -> bool:
    return isinstance(node, tree.Compare) and node.holds == "month"


def story(node: Judged, parts: Parts, frame: Frame, lookback: Lookback, value: Value) -> Story:
    """Return the evidence of the frame's one subject in figures: the most telling beginning."""
    judged = judge(node, parts, frame, lookback, value)
    found = gathered(node, parts, frame.whole(), lookback, value)
    row = frame.rows.start if isinstance(frame.rows, slice) else 0
    sums = confidence_sequences.only(found.sums, np.array([row]))
    line, direction = float(judged.line[0]), direction_of(node)
    usable = 0 < line < 1
    at = confidence_sequences.most_telling(sums, line, direction) if usable else len(found.starts) - 1
    strength = own = 0.0
    if usable and judged.other is not None:
        strength = float(two_samples.strength(sums, judged.other.only(np.array([row])), direction, 1.0)[0])
    elif usable:
        strength = float(confidence_sequences.mixed(sums, judged.line, direction)[0])
    if usable and _has_own_past(node) and strength < judged.needed:
        own = float(own_past.against_past(sums, judged.line, direction, judged.needed)[0])
    if found.starts and not sums.trials[at, 0] > 0:  # no evidence against it from any time: tell of all that is known
        at = len(found.starts) - 1
    since = found.starts[at].at if found.starts else None
    hits, trials, spread = float(sums.hits[at, 0]), float(sums.trials[at, 0]), float(sums.spread()[at, 0])
    return Story(since, hits, trials, line, max(strength, own), judged.needed, own >= judged.needed, spread)


def direction_of(node: Judged) -> Direction:
    down = node.direction == "down" if isinstance(node, tree.Change) else node.op in {"<", "<="}
    return "below" if down else "above"


# --- the line --------------------------------------------------------------------------------------


def line_of(node: Judged, parts: Parts, frame: Frame, lookback: Lookback, value: Value) -> Column:
    """Return the threshold of the ratio: a value, or a share of the past ratio.

    What chance may have added to the past is subtracted.
    """
    if isinstance(node, tree.Compare):
        return columns.numeric(value(node.right, frame, lookback))
    hits, trials = _compared_with(node, parts, frame, lookback, value)
    confidence = 1 - (1 - (node.confidence or Decimal("0.95"))) / Decimal(BASELINE_SPLIT * BASELINES)
    lower, upper = columns.wilson(hits.values, np.maximum(trials.values, 1.0), z_of(confidence))
    nothing = ((trials.values <= 0) | (hits.values <= 0)) & (trials.why == columns.KNOWN)
    why = columns.first_reason(hits.why, trials.why)
    down = node.direction == "down"
    sure = lower * float(1 - node.share) if down else upper * float(1 + node.share)
    return Column(sure, np.where(nothing, np.uint8(Why.UNDEFINED), why))


def _compared_with(
    node: tree.Change, parts: Parts, frame: Frame, lookback: Lookback, value: Value
) -> tuple[Column, Column]:
    """Return the hits and trials on the other side of a change."""
    against: Against = Peers() if node.baseline is None else Baseline(node.baseline, node.same_hours)
    there = replace(lookback, against=against, raw=True)
    hits, trials = (columns.numeric(value(part, frame, there)) for part in parts)
    return hits, trials


def _other(
    node: tree.Change, parts: Parts, frame: Frame, lookback: Lookback, value: Value
) -> tuple[Other, columns.Whys]:
    """Return the other side of rare hits, and where there is none."""
    hits, trials = _compared_with(node, parts, frame, lookback, value)
    why = columns.first_reason(hits.why, trials.why)
    there = np.broadcast_to(why == columns.KNOWN, frame.size)
    known, of = (np.where(there, np.broadcast_to(one.values, frame.size), 0.0) for one in (hits, trials))
    nothing = there & ((known <= 0) | (of <= 0))
    times = float(1 - node.share if node.direction == "down" else 1 + node.share)
    return Other(known, of, times), np.where(nothing, np.uint8(Why.UNDEFINED), why)


# --- the sums --------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Gathered:
    """The sums since each beginning for all subjects, and what rules have learned from them."""

    sums: Sums
    starts: tuple[Beginning, ...]  # empty: the rule's own window is all that is known
    why: columns.Whys
    _screens: dict[tuple[Direction, float, bool], Screen] = field(default_factory=dict)

    def screen(self, direction: Direction, needed: float, *, own_past: bool) -> Screen:
        key = direction, needed, own_past
        if key not in self._screens:
            self._screens[key] = Screen(self.sums, direction, needed, own_past)
        return self._screens[key]


def gathered(node: Judged, parts: Parts, frame: Frame, lookback: Lookback, value: Value) -> Gathered:
    """Return sums that all rules with the same ratio of the same subjects share at this moment."""
    first = frame.current(lookback, frame.settles()[0][0]).start if isinstance(node, tree.Change) else None
    metrics_of = [part for side in parts for part in side.walk() if isinstance(part, tree.Metric)]
    shifted = bool(lookback.shift) or any(isinstance(part, tree.Ago) for side in parts for part in side.walk())
    if not shifted and any(frame.stale(part.name) is not Why.KNOWN for part in metrics_of):
        return _of_the_window(parts, frame, lookback, value)  # too old for an answer; the reason comes with the values
    question = (parts, first, lookback.shift, frame.data.settle, frame.data.tz if shifted else None)
    pers = frozenset(part.per for part in metrics_of if part.per is not None)
    found: Gathered | None = frame.once(question, pers, lambda: _since_beginnings(parts, frame, lookback, first, value))
    return _of_the_window(parts, frame, lookback, value) if found is None else found


def _of_the_window(parts: Parts, frame: Frame, lookback: Lookback, value: Value) -> Gathered:
    hits, trials, why = _pair(parts, frame, lookback, value)
    return Gathered(Sums(hits[None, :], trials[None, :], np.ones(1), is_whole(parts)), (), why)


def _since_beginnings(
    parts: Parts, frame: Frame, lookback: Lookback, first: datetime | None, value: Value
) -> Gathered | None:
    """Return one row per beginning that the facts reach, from `first` on if given; None without any."""
    starts = [one for one in confidence_sequences.beginnings(frame.now) if first is None or one.at >= first]
    passing = frame.passing()
    hits, trials = _Table(len(starts), frame.size), _Table(len(starts), frame.size)
    known, why = [], np.zeros(frame.size, np.uint8)
    for start in starts:
        some, of, reasons = _pair(parts, passing, replace(lookback, since=start.at), value)
        known.append(bool((reasons == columns.KNOWN).any()))
        if known[-1]:
            hits.add(some)
            trials.add(of)
            why = reasons
    used = tuple(one for one, there in zip(starts, known, strict=True) if there)
    if not used:
        return None
    weights = confidence_sequences.lumped(starts, known)
    if first is not None:  # what lies before its window is what a change is compared with
        weights = np.array([one.weight for one in used])
    sums = Sums(hits.rows, trials.rows, weights, is_whole(parts))
    sums = replace(sums, differs=confidence_sequences.day_variance(sums, used))
    return Gathered(own_past.with_others(sums), used, why)


def is_whole(parts: Parts) -> bool:
    """Return whether hits are a part of the trials, as rejected of all conversions.

    Conversions are rare among clicks.
    """
    return not any(isinstance(part, tree.Metric) and metrics.base(part.name) == "clicks" for part in parts[1].walk())


class _Table:
    """Rows of numbers in as little memory as holds them exactly."""

    def __init__(self, rows: int, size: int) -> None:
        self._values: NDArray[Any] = np.empty((0, size), np.float32)
        self._most, self._used = rows, 0

    def add(self, row: NDArray[np.float64]) -> None:
        kind = self._values.dtype
        if kind == np.float32 and not np.array_equal(row.astype(np.float32), row):
            kind = np.dtype(np.float64)
        if kind != self._values.dtype or not len(self._values):
            held, self._values = self.rows, np.empty((self._most, len(row)), kind)
            self._values[: self._used] = held
        self._values[self._used] = row
        self._used += 1

    @property
    def rows(self) -> NDArray[Any]:
        return self._values[: self._used]


def _pair(parts: Parts, frame: Frame, lookback: Lookback, value: Value) -> tuple[Any, Any, columns.Whys]:
    """Return hits and trials over one time range; unknown values count as nothing."""
    hits, trials = (columns.numeric(value(part, frame, lookback)) for part in parts)
    why = columns.first_reason(hits.why, trials.why)
    size = frame.size
    there = np.broadcast_to(why == columns.KNOWN, size)
    if there.all():
        return np.broadcast_to(hits.values, size), np.broadcast_to(trials.values, size), np.broadcast_to(why, size)
    return (
        np.where(there, np.broadcast_to(hits.values, size), 0.0),
        np.where(there, np.broadcast_to(trials.values, size), 0.0),
        np.broadcast_to(why, size),
    )
