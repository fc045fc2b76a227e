"""Estimate what a rule costs before it is live: false pauses by chance, and how long a collapse goes unnoticed.

A month is simulated for some typical volumes, with the very tests that the evaluator uses: subjects whose true ratio is
exactly at the line, 1.5 times as good, and twice as good until it falls to a quarter. For a threshold that is to be
chosen, the items of the network itself are simulated, each with its own volume and ratio. Where it is known how soon
conversions come after their clicks, they do so here, and young clicks count by the share that has come. Pure, and the
same each time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rules.evaluation import confidence_check, confidence_sequences
from rules.evaluation.columns import wilson
from rules.evaluation.confidence_sequences import Direction, Sums
from rules.evaluation.screening import Screen
from rules.language import types
from rules.model import tree
from rules.model.revision import Group, Revision, Rolling

SUBJECTS = 100  # that are simulated for each volume
HONEST = 300  # of those exactly at the line: a share of 5% is then exact to about one point
#: Between two evaluations; the evidence of a month hardly differs from looking every quarter of an hour.
HOURS_BETWEEN_EVALUATIONS = 2
BEFORE, MONTH = 15 * 24, 30 * 24  # hours of history, and of the month itself
COLLAPSE = 10 * 24  # hours into the month
SEED = 11
SIMULATION_START = datetime(2026, 1, 1, tzinfo=UTC)

Counts: TypeAlias = NDArray[Any]
Look: TypeAlias = Callable[[Counts, Counts, int], Counts]


@dataclass(frozen=True, slots=True, eq=False)
class Delays:
    """The delays of hits after their trials: the share that has arrived at each of some ages, which begin with 0."""

    hours: Counts
    shares: Counts

    def come(self, ages: Counts) -> Counts:
        """Return the share of hits that has arrived at these ages, in hours."""
        return np.asarray(np.interp(ages, self.hours, self.shares))

    def drawn(self, random: np.random.Generator, size: int) -> Counts:
        """Return this number of random delays, in hours."""
        rising = np.maximum.accumulate(self.shares)
        return np.asarray(np.interp(random.random(size) * rising[-1], rising, self.hours))


class NoRatio(ValueError):
    """The rule compares no ratio of counts with a plain number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The expected costs for subjects with a number of trials (clicks) a day."""

    a_day: float
    honest_paused: float  # share of subjects exactly at the line that are paused within 30 days
    better_paused: float  # the same of subjects 1.5 times as good
    unnoticed: timedelta | None  # until half of the collapses to a quarter are found; None: not within 20 days
    passed: float  # trials that pass meanwhile
    missing: float  # hits that they lack, compared with trials at the line


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of a network: its trials (clicks) a day, and its ratio."""

    a_day: float
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The expected result of one threshold in a month, over the items of a network."""

    honest: int  # items that are not beyond the line
    honest_paused: float  # share of them that is paused within 30 days
    unnoticed: timedelta | None  # until half of the collapses of honest items to a quarter are found; None: not at all
    missing: float = 0.0  # hits that an item lacks until its collapse is found, compared with trials at the line


def outlook(revision: Revision, items: Sequence[Item], delays: Delays | None = None) -> Outlook:
    """Return the next month for these items, if each keeps its ratio. Raises NoRatio."""
    node, line, look = _judged(revision)
    down = node.op in {"<", "<="}
    honest = [one for one in items if one.rate > 0 and (one.rate >= line if down else one.rate <= line)]
    honest = honest[:: max(len(honest) // SUBJECTS, 1)][:SUBJECTS]
    if not honest:
        return Outlook(honest=0, honest_paused=0.0, unnoticed=None)
    volumes, rates = (np.array(part) for part in zip(*((one.a_day, one.rate) for one in honest), strict=True))
    fall = 0.25 if down else 4.0
    worlds = [_simulated(volumes, rates, fate) for fate in ((1.0, 1.0), (1.0, fall))]
    first = _first(worlds, look, delays).reshape(2, len(honest))
    late = _found_after(first[1])
    short = line - rates * fall if down else rates * fall - line
    return Outlook(
        honest=sum(one.rate > 0 and (one.rate >= line if down else one.rate <= line) for one in items),
        honest_paused=float(np.isfinite(first[0]).mean()),
        unnoticed=None if np.isinf(late) else timedelta(hours=late),
        missing=_missing(first[1], volumes * np.maximum(short, 0.0)),
    )


def forecast(revision: Revision, volumes: Sequence[float], delays: Delays | None = None) -> tuple[Cost, ...]:
    """Return the costs for each of these volumes a day. Raises NoRatio."""
    node, line, look = _judged(revision)
    down = node.op in {"<", "<="}
    good = 1.5 if down else 1 / 1.5
    fall = (2.0, 0.5) if down else (0.5, 2.0)
    fates = ((1.0, 1.0), (good, good), fall)
    sizes = [HONEST, SUBJECTS, SUBJECTS]
    worlds = [
        _simulated(np.full(size, volume), line, fate)
        for volume in volumes
        for fate, size in zip(fates, sizes, strict=True)
    ]
    if not worlds:
        return ()
    first = np.split(_first(worlds, look, delays), len(volumes))
    ends = np.cumsum(sizes)[:-1]
    return tuple(
        _cost(volume, line, fall[1], np.split(found, ends)) for volume, found in zip(volumes, first, strict=True)
    )


def _judged(revision: Revision) -> tuple[tree.Compare, float, Look]:
    """Return the comparison, its threshold, and its judgement by the evaluator. Raises NoRatio."""
    node = ratio(revision.when)
    if node is None or not isinstance(node.right, tree.Constant) or not isinstance(node.right.value, Decimal):
        raise NoRatio(f"{revision.id}: no condition of `when` holds a ratio of counts against a plain number")
    line = float(node.right.value)
    window = revision.data.window
    hours = int((window.length if isinstance(window, Rolling) else timedelta(days=1)) / timedelta(hours=1))
    least = float(next(iter(revision.data.need.values()), Decimal(0)))
    return node, line, _look(node, line, max(hours // HOURS_BETWEEN_EVALUATIONS, 1), least)


def ratio(group: Group | None) -> tree.Compare | None:
    """Return the first comparison of a ratio of counts."""
    for item in group.items if group else ():
        found = ratio(item) if isinstance(item, Group) else item.tree
        if isinstance(found, tree.Compare) and types.ratio_of_counts(found.left) is not None:
            return found
    return None


def _found_after(first: Counts) -> float:
    """Return the hours until half of the collapses are found; those that were paused before had none.

    Infinite: never.
    """
    late = first[first > COLLAPSE] - COLLAPSE
    return float(np.median(late)) if len(late) else float(np.inf)


def _missing(first: Counts, a_day: Counts) -> float:
    """Return the mean loss over all collapses until each is found, for the given loss a day.

    A collapse that is never found lasts to the end of the month.
    """
    late = first > COLLAPSE
    hours = np.minimum(first[late], MONTH) - COLLAPSE
    return float((hours / 24 * a_day[late]).mean()) if late.any() else 0.0


def _cost(volume: float, line: float, fallen: float, first: Sequence[Counts]) -> Cost:
    """Return the cost.

    `first`: the hour at which subjects at the threshold, better ones and collapsing ones are caught.
    """
    hours = _found_after(first[2])
    lost = np.isinf(hours)
    passed = volume * (MONTH - COLLAPSE if lost else hours) / 24
    return Cost(
        a_day=volume,
        honest_paused=float(np.isfinite(first[0]).mean()),
        better_paused=float(np.isfinite(first[1]).mean()),
        unnoticed=None if lost else timedelta(hours=hours),
        passed=passed,
        missing=passed * line * abs(1.0 - fallen),
    )


def _simulated(volumes: Counts, rates: Counts | float, times: tuple[float, float]) -> tuple[Counts, Counts]:
    """Return trials of each slot and their hits, one column per volume.

    Its rate is multiplied by `times` before the collapse and after.
    """
    random = np.random.default_rng(SEED)
    slots, size = (BEFORE + MONTH) // HOURS_BETWEEN_EVALUATIONS, len(volumes)
    rate = (
        np.where(np.arange(slots) * HOURS_BETWEEN_EVALUATIONS < BEFORE + COLLAPSE, times[0], times[1])[:, None] * rates
    )
    trials = random.poisson(volumes * HOURS_BETWEEN_EVALUATIONS / 24, (slots, size))
    hits = random.binomial(trials, np.broadcast_to(np.minimum(rate, 1.0), trials.shape))
    return trials, hits


def _first(worlds: Sequence[tuple[Counts, Counts]], look: Look, delays: Delays | None) -> Counts:
    """Return the hour of the month at which each subject is first caught; infinite if it never is."""
    trials, hits = (np.hstack([world[part] for world in worlds]) for part in (0, 1))
    first = np.full(trials.shape[1], np.inf)
    begin = BEFORE // HOURS_BETWEEN_EVALUATIONS
    known = _known(trials, hits, begin) if delays is None else _delayed(trials, hits, begin, delays)
    for slot, (some, of) in enumerate(known, start=begin):
        caught = look(some, of, slot) & np.isinf(first)
        first[caught] = slot * HOURS_BETWEEN_EVALUATIONS - BEFORE
    return first


def _known(trials: Counts, hits: Counts, begin: int) -> Iterator[tuple[Counts, Counts]]:
    """Yield hits and trials up to each slot, at each evaluation; every hit is there at once."""
    some, of = _summed(hits), _summed(trials)
    for _ in range(begin, len(trials) + 1):
        yield some, of


def _delayed(trials: Counts, hits: Counts, begin: int, delays: Delays) -> Iterator[tuple[Counts, Counts]]:
    """Yield the same for hits that have arrived by then, and trials weighted by the share of hits that should have."""
    random = np.random.default_rng(SEED)
    rows, columns = np.nonzero(hits)
    slots, subjects = (np.repeat(one, hits[rows, columns]) for one in (rows, columns))
    ages = random.random(len(slots)) * HOURS_BETWEEN_EVALUATIONS + delays.drawn(random, len(slots))
    comes = slots + np.ceil(ages / HOURS_BETWEEN_EVALUATIONS).astype(np.intp)  # the look at which it is there
    order = np.argsort(comes, kind="stable")
    slots, subjects, comes = slots[order], subjects[order], comes[order]
    there, done = np.zeros(hits.shape), 0
    for slot in range(begin, len(trials) + 1):
        upto = int(np.searchsorted(comes, slot, side="right"))
        np.add.at(there, (slots[done:upto], subjects[done:upto]), 1.0)
        done = upto
        old = (slot - np.arange(slot) - 0.5) * HOURS_BETWEEN_EVALUATIONS
        yield _summed(there[:slot]), _summed(trials[:slot] * delays.come(old)[:, None])


def _summed(each: Counts) -> Counts:
    return np.vstack([np.zeros(each.shape[1]), each]).cumsum(axis=0)


def _look(node: tree.Compare, line: float, length: int, least: float) -> Look:
    direction: Direction = "below" if node.op in {"<", "<="} else "above"
    confidence = node.confidence or Decimal("0.95")
    z = confidence_check.z_of(confidence) if node.confidence is not None else 0.0
    parts = types.ratio_of_counts(node.left)
    whole = parts is not None and confidence_check.is_whole(parts)

    def once(hits: Counts, trials: Counts, slot: int) -> Counts:
        n, k = trials[slot] - trials[slot - length], hits[slot] - hits[slot - length]
        lower, upper = wilson(k, np.maximum(n, 1.0), z)
        beyond = upper < line if direction == "below" else lower > line
        return np.asarray((n >= max(least, 1.0)) & beyond)

    def month(hits: Counts, trials: Counts, slot: int) -> Counts:
        starts = confidence_sequences.beginnings(SIMULATION_START + timedelta(hours=slot * HOURS_BETWEEN_EVALUATIONS))
        at = np.array([int((one.at - SIMULATION_START) / timedelta(hours=HOURS_BETWEEN_EVALUATIONS)) for one in starts])
        known = at >= 0
        sums = Sums(
            hits[slot] - hits[at[known]],
            trials[slot] - trials[at[known]],
            confidence_sequences.lumped(starts, known.tolist()),
            whole=whole,
        )
        needed = confidence_sequences.line_of_evidence(float(confidence))
        screen = Screen(sums, direction, needed, node.holds == "month")
        if node.holds == "month":
            return np.asarray(screen.taken(np.array([line])))
        found = screen.values(np.array([line]))
        return np.asarray((found >= needed) & confidence_sequences.of_the_scope(found, float(confidence)))

    return once if node.holds == "once" else month
