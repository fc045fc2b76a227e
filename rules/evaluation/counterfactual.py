"""Find what would change an answer: how much more must happen, and how long that takes at the present rate.

A promise is made only where the numbers after it have been evaluated and say yes.
"""

import math
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from rules.evaluation import confidence_check, hypothetical
from rules.evaluation.hypothetical import Change
from rules.evaluation.measurement import Measurement, bare
from rules.evaluation.windows import TimeRange
from rules.model import formatting, metrics, tree
from rules.model.facts import Why
from rules.model.verdicts import Answer

_MAX_VALUE = 1e12


class Flip(NamedTuple):
    """A change that would alter an answer, in words. `change`: the same in numbers, or None without amounts."""

    words: str
    change: Change | None = None


def soon(count: float, measurement: float, window: timedelta) -> str:
    """Return `, about 40 min`: the time until this many more arrive, at the rate of `seen` within the window."""
    if measurement <= 0 or window <= timedelta(0):
        return ""
    seconds = count / measurement * window.total_seconds()
    if seconds > timedelta(days=60).total_seconds():
        return ", more than two months"
    return f", about {formatting.span(timedelta(seconds=seconds))}"


def _more_of(name: str, needed: float, amount: float, span: TimeRange) -> Flip | None:
    """Return the amount of a base metric that is still needed: at the present rate, if there is one."""
    missing = needed - amount
    if missing <= 0 or missing > _MAX_VALUE:
        return None
    missing = _shown(missing, metrics.unit(name))
    if amount <= 0:
        return Flip(_more(missing, name), Change(span, more={name: missing}))
    words = f"{_more(missing, name)} at this rate{soon(missing, amount, span.length)}"
    return Flip(words, Change(span, share=missing / amount))


def _more(amount: float, name: str) -> str:
    title = metrics.title(name)
    return f"{formatting.number(amount, metrics.unit(name))} more {title.removesuffix('s') if amount == 1 else title}"


def _proving(
    op: str, successes: float, trials: float, *, line: float, z: float, names: tuple[str, str], span: TimeRange
) -> Flip | None:
    """Return how much more would prove that a ratio is beyond the threshold.

    It uses the present value if that is beyond already.
    """

    def proven(hits: float, count: float) -> bool:
        lower, upper = _wilson(min(hits, count), count, z)
        return upper < line if op in {"<", "<="} else lower > line

    below = names[1]
    share = min(successes / trials, 1.0)
    if share < line if op in {"<", "<="} else share > line:
        enough = _least(trials, _MAX_VALUE, lambda count: proven(share * count, count))
        return None if enough is None else _more_of(below, enough, trials, span)
    if op in {"<", "<="}:
        enough = _least(trials, _MAX_VALUE, lambda count: proven(successes, count))
        return None if enough is None else _without(enough - trials, trials, names, span)
    enough = _least(successes, trials, lambda hits: proven(hits, trials))
    return None if enough is None else _on_the_same(enough - successes, names, span)


def _wilson(hits: float, count: float, z: float) -> tuple[float, float]:
    """Return `columns.wilson` of one proportion: it is called many times in a row."""
    weight = count + z * z
    middle = (hits + z * z / 2) / weight
    half = math.sqrt(hits * (count - hits) / count + z * z / 4) * z / weight
    return (0.0 if hits <= 0 else middle - half), (1.0 if hits >= count else middle + half)


def _least(known: float, most: float, proven: Callable[[float], bool]) -> int | None:
    """Return the least whole number that proves it, as do all greater ones; None if none does."""
    low = high = max(known, 1.0)
    while not proven(high):
        if high >= most:
            return None
        high = min(high * 2, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if proven(middle) else (middle, high)
    return math.ceil(high)


def _moving(
    op: str, successes: float, trials: float, *, line: float, names: tuple[str, str], span: TimeRange
) -> Flip | None:
    """Return what moves a ratio of two amounts over the threshold.

    It is more above it, or more below it with nothing above.
    """
    if op in {"<", "<="} and line > 0:
        missing = successes / line - trials
        return _without(math.floor(missing) + 1 if op == "<" else math.ceil(missing - 1e-9), trials, names, span)
    if op in {">", ">="}:
        missing, unit = line * trials - successes, metrics.unit(names[0])
        return _on_the_same(_reached(missing, op, unit) if op == ">" else _shown(missing, unit), names, span)
    return None


def _without(missing: float, trials: float, names: tuple[str, str], span: TimeRange) -> Flip | None:
    above, below = names
    if missing <= 0 or missing > _MAX_VALUE:
        return None
    without = f"without any {metrics.title(above)}" if metrics.unit(above) == "count" else f"without {above}"
    return Flip(
        f"{_more(missing, below)} {without}{soon(missing, trials, span.length)}", Change(span, more={below: missing})
    )


def _on_the_same(missing: float, names: tuple[str, str], span: TimeRange) -> Flip | None:
    above, below = names
    if missing <= 0 or missing > _MAX_VALUE:
        return None
    return Flip(f"{_more(missing, above)} on the same {below}", Change(span, more={above: missing}))


# --- of a test that was seen ---


def nearest(measurement: Measurement) -> Flip | None:
    """Return what would turn a test into a yes, or None if nothing useful can be said."""
    if measurement.answer is Answer.YES:
        return None
    if measurement.why is Why.TOO_FEW:  # more of the same helps only where the numbers of now would be a yes
        whole = Measurement(measurement.node, measurement.frame.without_needs(), measurement.lookback)
        return _tried(measurement, _sample(measurement)) if whole.answer is Answer.YES else None
    if measurement.answer is Answer.NO_DECISION:
        return None
    found = _turning(measurement)
    # A line that stands still is reached by what is missing; one that is measured may move along.
    return found if isinstance(measurement.right(), tree.Constant) else _tried(measurement, found)


def _tried(measurement: Measurement, found: Flip | None) -> Flip | None:
    """Return the same, unless the numbers after it say no."""
    if found is None or found.change is None:
        return found
    turns = hypothetical.turns_test(measurement.node, measurement.frame, measurement.lookback, found.change)
    return found if turns else None


def _turning(measurement: Measurement) -> Flip | None:
    if isinstance(measurement.node, tree.Compare | tree.Change) and measurement.node.holds != "once":
        return _unproven(measurement)
    if isinstance(measurement.node, tree.Compare):
        return _comparison(measurement, measurement.node)
    if isinstance(measurement.node, tree.Change):
        side = "or less" if measurement.node.direction == "down" else "or more"
        return Flip(f"{measurement.name()} of {formatting.held(measurement.threshold(), measurement.unit())} {side}")
    return None


def _unproven(measurement: Measurement) -> Flip | None:
    """Return how much longer it must continue as it did since the most telling beginning."""
    story = measurement.story()
    share = story.hits / story.trials if story.trials > 0 else None
    if share is None or story.found <= 0 or not (share < story.line) or measurement.turns_up():
        return None
    gain = share * math.log(share / story.line) - share + story.line if share > 0 else story.line
    missing = story.spread * math.log(story.needed / story.found) / gain if gain > 0 else 0.0
    if missing <= 0 or missing > _MAX_VALUE or story.since is None:
        return None
    length = measurement.frame.now - story.since
    clicks = formatting.counted(math.ceil(missing), "more click")
    return Flip(f"about {clicks} at this rate{soon(missing, story.trials, length)}")


def _sample(measurement: Measurement) -> Flip | None:
    """Return what `need` still lacks most, in relation to what there is."""
    frame = measurement.frame
    span = frame.current(frame.lookback, frame.settle_of_row())
    found = []
    for name, least in frame.data.need.items():
        amount = measurement.cell(tree.Metric(name=name), frame.lookback)
        flip = None if amount is None else _more_of(name, float(least), float(amount), span)
        if flip is not None and flip.change is not None:
            found.append((math.inf if flip.change.more else flip.change.share, flip))
    return max(found, key=lambda one: one[0])[1] if found else None


def _comparison(measurement: Measurement, node: tree.Compare) -> Flip | None:
    line, metric = measurement.threshold(), bare(node.left)
    if not isinstance(metric, tree.Metric) or isinstance(line, bool) or not isinstance(line, int | float):
        return None
    lookback = measurement.lookback_of(metric)
    if metric.per is not None or lookback.shift:
        return None  # the amounts are not the subject's own, or the past, which does not change
    span = measurement.frame.current(lookback, measurement.frame.settle_of_row())
    if metric.name in metrics.DERIVED:
        return _ratio(measurement, node, metric, float(line), span)
    if node.op not in {">", ">="}:
        return None
    amount = float(measurement.cell(metric, lookback) or 0)
    return _more_of(metric.name, _reached(line, node.op, metrics.unit(metric.name)), amount, span)


def _ratio(
    measurement: Measurement, node: tree.Compare, metric: tree.Metric, line: float, span: TimeRange
) -> Flip | None:
    formula = metrics.DERIVED[metric.name]
    if formula.minus or len(formula.over) != 1:
        return None
    names = (formula.plus[0], formula.over[0])
    above, below = (measurement.counted(metric, name) for name in names)
    if below <= 0:
        return None
    if node.confidence is not None:
        z = confidence_check.z_of(node.confidence)
        return _proving(node.op, above, below, line=line, z=z, names=names, span=span)
    return _moving(node.op, above, below, line=line, names=names, span=span)


def _shown(amount: float, unit: str) -> float:
    """Return the number rounded up to its written form: the written number keeps the promise."""
    return math.ceil(amount - 1e-9) if unit == "count" else math.ceil(amount * 100 - 1e-6) / 100


def _reached(line: float, op: str, unit: str) -> float:
    """Return the least amount that meets `> threshold` or `>= threshold`."""
    if op == ">=":
        return line
    return math.floor(line) + 1 if unit == "count" else math.floor(line * 100) / 100 + 0.01


def together(flips: list[Flip]) -> Flip | None:
    """Return several at once; None if their words cannot be joined."""
    if len(flips) == 1:
        return flips[0]
    changes = [flip.change for flip in flips if flip.change is not None]
    change = hypothetical.together(changes) if len(changes) == len(flips) else None
    return None if change is None else Flip("; and ".join(dict.fromkeys(flip.words for flip in flips)), change)
