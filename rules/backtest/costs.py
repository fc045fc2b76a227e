"""Estimate what a rule costs before it is live: false pauses by chance, and how long a collapse goes unnoticed.

A month is simulated for some typical volumes, with the very tests that the evaluator uses: subjects whose true ratio is
exactly at the line, 1.5 times as good, and twice as good until it falls to a quarter. For a threshold that is to be
chosen, the items of the network itself are simulated, each with its own volume and ratio. Where it is known how soon
conversions come after their clicks, they do so here, and young clicks count by the share that has come. Pure, and the
same each time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rules.evaluation import confidence_check, confidence_sequences, losses
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
    limited: "Limited | None" = None  # what `lose_at_most` changes; None: no such limit, or a hit's worth is not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """What `lose_at_most` does to the same subjects: the earlier of the evidence and the limit counts."""

    honest: float  # share of subjects exactly at the line that are over the limit at least once within 30 days
    unnoticed: timedelta | None
    passed: float
    missing: float


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


def outlook(revision: Revision, items: Sequence[Item], delays: Delays | None = None, worth: float = 0.0) -> Outlook:
    """Return the next month for these items, if each keeps its ratio. Raises NoRatio.

    `worth` is what a hit brings, for `lose_at_most`; a collapse counts as found when it is over that limit, too.
    """
    rule = _judged(revision, worth)
    line, down = rule.line, rule.down
    honest = [one for one in items if one.rate > 0 and (one.rate >= line if down else one.rate <= line)]
    honest = honest[:: max(len(honest) // SUBJECTS, 1)][:SUBJECTS]
    if not honest:
        return Outlook(honest=0, honest_paused=0.0, unnoticed=None)
    volumes, rates = (np.array(part) for part in zip(*((one.a_day, one.rate) for one in honest), strict=True))
    fall = 0.25 if down else 4.0
    worlds = [_simulated(volumes, rates, fate) for fate in ((1.0, 1.0), (1.0, fall))]
    first, limit = (found.reshape(2, len(honest)) for found in _first(worlds, rule.looks, delays))
    collapsed = np.minimum(first[1], limit[1])
    late = _found_after(collapsed)
    short = line - rates * fall if down else rates * fall - line
    return Outlook(
        honest=sum(one.rate > 0 and (one.rate >= line if down else one.rate <= line) for one in items),
        honest_paused=float(np.isfinite(first[0]).mean()),
        unnoticed=None if np.isinf(late) else timedelta(hours=late),
        missing=_missing(collapsed, volumes * np.maximum(short, 0.0)),
    )


def forecast(
    revision: Revision, volumes: Sequence[float], delays: Delays | None = None, worth: float = 0.0
) -> tuple[Cost, ...]:
    """Return the costs for each of these volumes a day; `worth` of a hit is for `lose_at_most`. Raises NoRatio."""
    rule = _judged(revision, worth)
    line, down = rule.line, rule.down
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
    first, over = (np.split(found, len(volumes)) for found in _first(worlds, rule.looks, delays))
    ends = np.cumsum(sizes)[:-1]
    costs = (_cost(volume, line, fall[1], np.split(found, ends)) for volume, found in zip(volumes, first, strict=True))
    if not rule.limited:
        return tuple(costs)
    return tuple(
        replace(cost, limited=_limited(cost.a_day, line, fall[1], np.split(found, ends), np.split(limit, ends)))
        for cost, found, limit in zip(costs, first, over, strict=True)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """A comparison as the evaluator judges it: by its evidence, and by `lose_at_most`."""

    line: float
    down: bool
    looks: tuple[Look, Look]
    limited: bool  # whether the second one can say yes at all


def _judged(revision: Revision, worth: float) -> _Judged:
    """Return the comparison with its judgement by the evaluator. Raises NoRatio."""
    node = ratio(revision.when)
    if node is None or not isinstance(node.right, tree.Constant) or not isinstance(node.right.value, Decimal):
        raise NoRatio(f"{revision.id}: no condition of `when` holds a ratio of counts against a plain number")
    line = float(node.right.value)
    window = revision.data.window
    hours = int((window.length if isinstance(window, Rolling) else timedelta(days=1)) / timedelta(hours=1))
    least = float(next(iter(revision.data.need.values()), Decimal(0)))
    length = max(hours // HOURS_BETWEEN_EVALUATIONS, 1)
    worth = worth_of_hit(revision, worth)
    limit = revision.lose_at_most
    lost = _never if limit is None or not worth else _losing(node, line, (length, least), float(limit.amount) / worth)
    return _Judged(line, node.op in {"<", "<="}, (_look(node, line, length, least), lost), lost is not _never)


def worth_of_hit(revision: Revision, known: float) -> float:
    """Return what a hit is worth to `lose_at_most`: the rule's own figure, or what is known; 0: unknown."""
    limit = revision.lose_at_most
    return known if limit is None or limit.worth is None else float(limit.worth)


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


def _limited(volume: float, line: float, fallen: float, first: Sequence[Counts], over: Sequence[Counts]) -> Limited:
    """Return what the limit changes; a subject that is proven at the same look is not over the limit."""
    cost = _cost(volume, line, fallen, [np.minimum(one, other) for one, other in zip(first, over, strict=True)])
    honest = float((over[0] < first[0]).mean())
    return Limited(honest=honest, unnoticed=cost.unnoticed, passed=cost.passed, missing=cost.missing)


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


def _first(worlds: Sequence[tuple[Counts, Counts]], looks: Sequence[Look], delays: Delays | None) -> Counts:
    """Return the hour of the month at which each subject is first caught, a row per look; infinite if it never is."""
    trials, hits = (np.hstack([world[part] for world in worlds]) for part in (0, 1))
    first = np.full((len(looks), trials.shape[1]), np.inf)
    begin = BEFORE // HOURS_BETWEEN_EVALUATIONS
    known = _known(trials, hits, begin) if delays is None else _delayed(trials, hits, begin, delays)
    for slot, (some, of) in enumerate(known, start=begin):
        for row, look in zip(first, looks, strict=True):
            caught = look(some, of, slot) & np.isinf(row)
            row[caught] = slot * HOURS_BETWEEN_EVALUATIONS - BEFORE
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
        starts, at, known = _beginnings(slot)
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


def _beginnings(slot: int) -> tuple[Sequence[confidence_sequences.Beginning], Counts, NDArray[np.bool_]]:
    """Return the beginnings of the evidence at a slot, the slot of each, and whether it is simulated."""
    starts = confidence_sequences.beginnings(SIMULATION_START + timedelta(hours=slot * HOURS_BETWEEN_EVALUATIONS))
    at = np.array([int((one.at - SIMULATION_START) / timedelta(hours=HOURS_BETWEEN_EVALUATIONS)) for one in starts])
    return starts, at, at >= 0


def _never(hits: Counts, _trials: Counts, _slot: int) -> Counts:
    return np.zeros(hits.shape[1], bool)


def _losing(node: tree.Compare, line: float, sample: tuple[int, float], most: float) -> Look:
    """Return who lacks more than `most` hits, as `lose_at_most` counts them. `sample`: the rule's window and `need`."""
    length, least = sample
    down = node.op in {"<", "<="}

    def look(hits: Counts, trials: Counts, slot: int) -> Counts:
        _, at, known = _beginnings(slot)
        since = np.array([slot - length]) if node.holds == "once" else at[known]
        due = (trials[slot] - trials[since]) * line
        short = due - (hits[slot] - hits[since])
        found = losses.largest(short if down else -short, due)
        return np.asarray((found > most) & (trials[slot] - trials[slot - length] >= max(least, 1.0)))

    return look
