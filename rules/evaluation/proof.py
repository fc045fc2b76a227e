"""`@95% a month`: gather what `evidence` needs for one condition, for all subjects at once, and judge it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rules.evaluation import columns, evidence
from rules.evaluation.evidence import Beginning, Direction, Sums
from rules.evaluation.frame import Against, Baseline, Frame, Lookback, Peers
from rules.model import metrics, tree
from rules.model.facts import Column, Why

Value: TypeAlias = Callable[[tree.Node, Frame, Lookback], Column]
Parts: TypeAlias = tuple[tree.Node, tree.Node]
Judged: TypeAlias = tree.Compare | tree.Change
# A change spends half of its errors on the ratio that it compares with, which is measured anew about ten times a month.
BASELINE_SPLIT, BASELINES = 2.0, 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Proof:
    """The evidence per subject, what it must reach, and where there can be none."""

    found: NDArray[np.float64]
    line: NDArray[np.float64]
    needed: float
    yes: NDArray[np.bool_]
    why: columns.Whys


@dataclass(frozen=True, slots=True)
class Story:
    """The evidence of one subject: since when, how much of what, against which line."""

    since: datetime | None  # None: over the rule's own window
    hits: float
    trials: float
    line: float
    found: float
    needed: float
    own_past: bool = False  # it is the comparison with its own good past that says most


@cache
def z_of(confidence: Decimal) -> float:
    """How many standard deviations a one-sided confidence is: 1.645 for 95%."""
    return NormalDist().inv_cdf(float(confidence))


def prove(node: Judged, parts: Parts, frame: Frame, lookback: Lookback, value: Value) -> Proof:
    """Judge every subject of the frame's facts. What was judged once is kept with the frame."""
    key = (node, lookback)
    if key not in frame.proofs:
        frame.proofs[key] = _proof(node, parts, frame.whole(), lookback, value)
    whole: Proof = frame.proofs[key]
    if frame.rows is None:
        return whole
    at = frame.rows
    return replace(whole, found=whole.found[at], line=whole.line[at], yes=whole.yes[at], why=whole.why[at])


def _proof(node: Judged, parts: Parts, frame: Frame, lookback: Lookback, value: Value) -> Proof:
    confidence = node.confidence or Decimal("0.95")
    line = _line(node, parts, frame, lookback, value)
    found = _sums(node, parts, frame, lookback, value)
    needed = evidence.line_of_evidence(float(confidence)) * (BASELINE_SPLIT if isinstance(node, tree.Change) else 1.0)
    strength = evidence.strength(found.sums, line.values, _direction(node), needed)
    if isinstance(node, tree.Compare) and node.holds == "month":
        rest = np.flatnonzero(strength < needed)
        lines = np.broadcast_to(line.values, frame.size)[rest]
        own = evidence.against_past(evidence.only(found.sums, rest), lines, _direction(node), needed)
        strength[rest] = np.maximum(strength[rest], own)
    why = np.broadcast_to(columns.first_reason(found.why, line.why), frame.size)
    taken = strength >= needed
    if node.holds == "pauses":
        taken &= evidence.of_the_scope(strength, float(confidence))
    return Proof(strength, np.broadcast_to(line.values, frame.size), needed, taken, why)


def story(node: Judged, parts: Parts, frame: Frame, lookback: Lookback, value: Value) -> Story:
    """The evidence of the frame's one subject in figures: the beginning that says most."""
    proof = prove(node, parts, frame, lookback, value)
    found = _sums(node, parts, frame, lookback, value)
    line = float(proof.line[0])
    direction = _direction(node)
    usable = 0 < line < 1
    at = evidence.since(found.sums, line, direction) if usable else len(found.starts) - 1
    strength = float(evidence.mixed(found.sums, proof.line, direction)[0]) if usable else 0.0
    own = strength < proof.needed <= float(proof.found[0])
    since = found.starts[at].at if found.starts else None
    hits, trials = float(found.sums.hits[at, 0]), float(found.sums.trials[at, 0])
    return Story(since, hits, trials, line, max(strength, float(proof.found[0])), proof.needed, own)


def _direction(node: Judged) -> Direction:
    down = node.direction == "down" if isinstance(node, tree.Change) else node.op in {"<", "<="}
    return "below" if down else "above"


# --- the line --------------------------------------------------------------------------------------


def _line(node: Judged, parts: Parts, frame: Frame, lookback: Lookback, value: Value) -> Column:
    """What the ratio is held against: a value, or a share of what it was, less what chance may have added to that."""
    if isinstance(node, tree.Compare):
        return columns.numeric(value(node.right, frame, lookback))
    against: Against = Peers() if node.baseline is None else Baseline(node.baseline, node.same_hours)
    there = replace(lookback, against=against, raw=True)
    hits, trials = (columns.numeric(value(part, frame, there)) for part in parts)
    confidence = 1 - (1 - (node.confidence or Decimal("0.95"))) / Decimal(BASELINE_SPLIT * BASELINES)
    lower, upper = columns.wilson(hits.values, np.maximum(trials.values, 1.0), z_of(confidence))
    nothing = ((trials.values <= 0) | (hits.values <= 0)) & (trials.why == columns.KNOWN)
    why = columns.first_reason(hits.why, trials.why)
    down = node.direction == "down"
    sure = lower * float(1 - node.share) if down else upper * float(1 + node.share)
    return Column(sure, np.where(nothing, np.uint8(Why.UNDEFINED), why))


# --- the sums --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Gathered:
    sums: Sums
    starts: tuple[Beginning, ...]  # empty: the rule's own window is all that is known
    why: columns.Whys


def _sums(node: Judged, parts: Parts, frame: Frame, lookback: Lookback, value: Value) -> _Gathered:
    whole = not any(isinstance(part, tree.Metric) and metrics.base(part.name) == "clicks" for part in parts[1].walk())
    starts = list(_starts(node, frame, lookback))
    measured = [_pair(parts, frame, replace(lookback, since=one.at), value) for one in starts]
    known = [bool((why == columns.KNOWN).any()) for _, _, why in measured]
    if not any(known):
        hits, trials, why = _pair(parts, frame, lookback, value)
        return _Gathered(Sums(hits[None, :], trials[None, :], np.ones(1), whole), (), why)
    told = [pair for pair, there in zip(measured, known, strict=True) if there]
    weights = evidence.lumped(starts, known)
    if isinstance(node, tree.Change):  # what lies before its window is what it is compared with
        weights = np.array([one.weight for one, there in zip(starts, known, strict=True) if there])
    sums = Sums(
        np.stack([hits for hits, _, _ in told]),
        np.stack([trials for _, trials, _ in told]),
        weights,
        whole,
    )
    used = tuple(one for one, there in zip(starts, known, strict=True) if there)
    return _Gathered(sums, used, told[-1][2])


def _starts(node: Judged, frame: Frame, lookback: Lookback) -> Iterator[Beginning]:
    first = frame.current(lookback, frame.settles()[0][0]).start if isinstance(node, tree.Change) else None
    for one in evidence.beginnings(frame.now):
        if first is None or one.at >= first:
            yield one


def _pair(parts: Parts, frame: Frame, lookback: Lookback, value: Value) -> tuple[Any, Any, columns.Whys]:
    """Hits and trials over one time range; what is not known counts nothing."""
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
