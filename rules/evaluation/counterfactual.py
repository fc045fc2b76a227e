"""What would change an answer: how much more must happen, and how long that takes at the present rate."""

import math
from datetime import timedelta

import numpy as np

from rules.evaluation import proof
from rules.evaluation.columns import wilson
from rules.evaluation.measurement import Measurement, bare, lookbacks
from rules.model import formatting, metrics, tree
from rules.model.facts import Why
from rules.model.verdicts import Answer

_LARGEST = 1e12


def soon(count: float, measurement: float, window: timedelta) -> str:
    """`, about 40 min`: the time until so many more at the rate at which `seen` came within the window."""
    if measurement <= 0 or window <= timedelta(0):
        return ""
    seconds = count / measurement * window.total_seconds()
    if seconds > timedelta(days=60).total_seconds():
        return ", more than two months"
    return f", about {formatting.span(timedelta(seconds=seconds))}"


def more(name: str, needed: float, measurement: float, window: timedelta) -> str | None:
    """The amount of a base metric that is still needed."""
    missing = needed - measurement
    if missing <= 0 or missing > _LARGEST:
        return None
    amount = math.ceil(missing - 1e-9) if metrics.unit(name) == "count" else missing
    return f"{_more(amount, name)} at this rate{soon(missing, measurement, window)}"


def _more(amount: float, name: str) -> str:
    title = metrics.title(name)
    return f"{formatting.number(amount, metrics.unit(name))} more {title.removesuffix('s') if amount == 1 else title}"


def evidence(
    op: str, successes: float, trials: float, *, line: float, z: float, names: tuple[str, str], window: timedelta
) -> str | None:
    """How many more trials at the same share would prove that it is below or above the line."""
    share = min(successes / trials, 1.0)
    right_side = share < line if op in {"<", "<="} else share > line
    if not right_side:
        return rate(op, successes, trials, line=line, names=names, window=window)
    enough = _enough(op, share, trials, line, z)
    return more(names[1], enough, trials, window) if enough else None


def _enough(op: str, share: float, trials: float, line: float, z: float) -> float | None:
    def proven(count: float) -> bool:
        lower, upper = wilson(np.array([share * count]), np.array([count]), z)
        return bool(upper[0] < line) if op in {"<", "<="} else bool(lower[0] > line)

    low = high = max(trials, 1.0)
    while not proven(high):
        high *= 2
        if high > _LARGEST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if proven(middle) else (middle, high)
    return math.ceil(high)


def rate(
    op: str, successes: float, trials: float, *, line: float, names: tuple[str, str], window: timedelta
) -> str | None:
    """What moves a ratio of two amounts over the line: more above it, or more below it with nothing above."""
    above, below = names
    if op in {"<", "<="} and line > 0:
        needed = successes / line
        missing: float = math.floor(needed - trials) + 1 if op == "<" else math.ceil(needed - trials - 1e-9)
        if missing <= 0 or missing > _LARGEST:
            return None
        without = f"without any {metrics.title(above)}" if metrics.unit(above) == "count" else f"without {above}"
        return f"{_more(missing, below)} {without}{soon(missing, trials, window)}"
    if op in {">", ">="}:
        needed = line * trials
        missing = needed - successes
        if metrics.unit(above) == "count":
            missing = math.floor(missing) + 1 if op == ">" else math.ceil(missing - 1e-9)
        if missing <= 0 or missing > _LARGEST:
            return None
        return f"{_more(missing, above)} on the same {below}"
    return None


# --- of a test that was seen ---


def nearest(measurement: Measurement) -> str | None:
    """What would turn a test into a yes, or None where nothing useful can be said."""
    if measurement.answer is Answer.YES:
        return None
    if measurement.why is Why.TOO_FEW:  # more of the same helps only where the numbers of now would be a yes
        whole = Measurement(measurement.node, measurement.frame.without_needs(), measurement.lookback)
        return _sample(measurement) if whole.answer is Answer.YES else None
    if measurement.answer is Answer.NO_DECISION:
        return None
    return _turning(measurement)


def _turning(measurement: Measurement) -> str | None:
    if isinstance(measurement.node, tree.Compare | tree.Change) and measurement.node.holds != "once":
        return _unproven(measurement)
    if isinstance(measurement.node, tree.Compare):
        return _comparison(measurement, measurement.node)
    if isinstance(measurement.node, tree.Change):
        side = "or less" if measurement.node.direction == "down" else "or more"
        return f"{measurement.name()} of {formatting.held(measurement.threshold(), measurement.unit())} {side}"
    return None


def _unproven(measurement: Measurement) -> str | None:
    """How much more must go on as it did since the beginning that says most."""
    story = measurement.story()
    share = story.hits / story.trials if story.trials > 0 else None
    if share is None or story.found <= 0 or not (share < story.line) or measurement.turns_up():
        return None
    gain = share * math.log(share / story.line) - share + story.line if share > 0 else story.line
    missing = story.spread * math.log(story.needed / story.found) / gain if gain > 0 else 0.0
    if missing <= 0 or missing > _LARGEST or story.since is None:
        return None
    length = measurement.frame.now - story.since
    clicks = formatting.counted(math.ceil(missing), "more click")
    return f"about {clicks} at this rate{soon(missing, story.trials, length)}"


def _sample(measurement: Measurement) -> str | None:
    for name, least in measurement.frame.data.need.items():
        amount = measurement.cell(tree.Metric(name=name), measurement.frame.lookback)
        if amount is not None and amount < float(least):
            return more(name, float(least), float(amount), measurement.window(measurement.frame.lookback))
    return None


def _comparison(measurement: Measurement, node: tree.Compare) -> str | None:
    line, metric = measurement.threshold(), measurement.measured_part()
    plain = len(list(lookbacks(node.left, measurement.lookback))) == 1
    if metric is None or not plain or isinstance(line, bool) or not isinstance(line, int | float):
        return None
    window = measurement.window(measurement.lookback_of(metric))
    formula = metrics.DERIVED.get(metric.name)
    if formula is None:
        present = not measurement.lookback_of(metric).shift
        simple = present and isinstance(bare(node.left), tree.Metric) and node.op in {">", ">="}
        amount = float(measurement.cell(metric, measurement.lookback_of(metric)) or 0)
        needed = line + (1 if node.op == ">" and metrics.unit(metric.name) == "count" else 0)
        return more(metric.name, needed, amount, window) if simple else None
    if formula.minus or len(formula.over) != 1 or not isinstance(bare(node.left), tree.Metric):
        return None
    names = (formula.plus[0], formula.over[0])
    above, below = (measurement.counted(metric, name) for name in names)
    if below <= 0:
        return None
    if node.confidence is not None:
        z = proof.z_of(node.confidence)
        return evidence(node.op, above, below, line=float(line), z=z, names=names, window=window)
    return rate(node.op, above, below, line=float(line), names=names, window=window)
