"""Describe the result of a single condition in one sentence."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from rules.evaluation import interpret, unusual
from rules.evaluation.frame import Ahead
from rules.evaluation.measurement import Measurement, baseline_words, described, is_named, lookbacks, titled
from rules.language import types, unparse
from rules.model import formatting, local_time, metrics, tree
from rules.model.durations import as_percent
from rules.model.facts import Why
from rules.model.verdicts import Answer

PLURALS = frozenset({"clicks", "impressions", "conversions"})


def sentence(measurement: Measurement) -> str:
    """Return the finding as a sentence without its full stop. It quotes nothing from an event's body."""
    if measurement.answer is Answer.NO_DECISION:
        return _undecided(measurement)
    node = measurement.node
    if isinstance(node, tree.Compare | tree.Change) and node.holds != "once":
        return _proven(measurement, node)
    say = _SENTENCES.get(type(node))
    return say(measurement, node) if say else _stated(measurement)


def _proven(measurement: Measurement, node: tree.Compare | tree.Change) -> str:
    """Return `conversion rate 0.05% since 14 Jan 2026 03:00 UTC (1 of 2,100 clicks) is below 0.40%.

    Evidence 61 of 20 ...`.
    """
    story = measurement.story()
    value = formatting.number(story.hits / story.trials, "share") if story.trials > 0 else ""
    since = f" since {local_time.told(story.since, measurement.frame.data.tz)}" if story.since else ""
    of = f"({formatting.number(round(story.hits))} of {formatting.number(round(story.trials))})"
    side = "above" if measurement.turns_up() else "below"
    line = formatting.number(story.line, "share")
    if isinstance(node, tree.Change):
        base = baseline_words(measurement, node)
        line += f", which is {float(node.share) * 100:g}% {node.direction} from {base}, whose own chance is counted in"
    level = f"{float(node.confidence or 0) * 100:g}%{' a month' if node.holds == 'month' else ' of pauses'}"
    proven = "is proven to be" if measurement.answer is Answer.YES else "is not proven to be"
    if not story.trials > 0:
        return f"there is nothing yet to measure the {measurement.name()} by{since}, so it {proven} {side} {line}"
    kind = "evidence from its own past" if story.own_past else "evidence"
    proof = f"{kind} {strength(story.found)} of the {strength(story.needed)} that {level} needs"
    days = f" (counted 1 to {story.spread:.2g}: rates here differ from day to day)" if story.spread > 1.005 else ""
    return f"{measurement.name()} {value}{since} {of} {proven} {side} {line}; {proof}{days}"


def strength(value: float) -> str:
    """Return three digits below a thousand, whole numbers above: nobody reads 3.84e+04."""
    return f"{value:.3g}" if value < 999.5 else f"{value:,.0f}"


def _stated(measurement: Measurement) -> str:
    if isinstance(measurement.node, tree.Matches):
        return f"{measurement.name()} {'matches' if measurement.answer else 'does not match'} the pattern"
    if isinstance(measurement.node, tree.Within):
        inside = bool(measurement.answer) != measurement.node.negated
        return f"{measurement.name()} is {'one of' if inside else 'none of'} {_listed(measurement)}"
    said = f"{unparse.text(measurement.node)} is {'true' if measurement.answer else 'false'}"
    if isinstance(measurement.node, tree.Call) and measurement.node.function == "holiday":
        return f"{said} on {local_time.clock('date', measurement.frame.now, measurement.frame.data.tz)}"
    return said


def _listed(measurement: Measurement) -> str:
    right = measurement.right()
    return (
        formatting.held(measurement.threshold())
        if isinstance(right, tree.Listing)
        else unparse.text(right or measurement.node)
    )


def _compared(measurement: Measurement, node: tree.Compare) -> str:
    metric = measurement.measured_part()
    plural = metric is not None and measurement.unit() == "count"
    said = formatting.comparison(node.op, holds=bool(measurement.answer), plural=plural)
    if isinstance(node.left, tree.Count):
        value = formatting.number(measurement.cell(node.left), "count")
        return f"{unparse.text(node.left)} ({value}) {said} {_right_words(measurement)}"
    if metric is None and not types.has_metric(node):
        return f"{measurement.name()} {said} {_right_words(measurement)}"
    value, right = _both_sides(measurement, node)
    parts = measurement.sample()
    sample = (
        formatting.sample(parts, metric.name)
        if metric is not None and len(list(lookbacks(node.left, measurement.lookback))) == 1
        else ""
    )
    if node.op == "=":
        return f"{measurement.name()} {said} {right}{'' if measurement.answer else f' but {value}'}"
    sure = f" with {float(node.confidence) * 100:g}% confidence" if node.confidence is not None else ""
    return f"{measurement.name()} {value}{sample} {said} {right}{sure}"


def _both_sides(measurement: Measurement, node: tree.Compare) -> tuple[str, str]:
    """Return both values in words, with enough digits to show a difference."""
    left, right = measurement.cell(node.left), measurement.threshold()
    value, line = formatting.held(left, measurement.unit()), formatting.held(right, measurement.unit())
    if value == line:
        exact = measurement.exact(node.left), measurement.exact(node.right)
        if None not in exact:
            value, line = formatting.apart(*exact, measurement.unit())
    return value, _right_words(measurement, line)


def _right_words(measurement: Measurement, said: str | None = None) -> str:
    right = measurement.right()
    value = measurement.threshold()
    words = formatting.held(value, measurement.unit()) if said is None else said
    if right is None or isinstance(right, tree.Constant) or not any(map(is_named, right.walk())):
        return words
    shown = f" ({words})" if isinstance(value, int | float | Decimal) else ""
    return f"{titled(right)}{shown}"


def _changed(measurement: Measurement, node: tree.Change) -> str:
    base = measurement.exact(node.item, replace(measurement.lookback, against=interpret.against(node)))
    current = measurement.exact(node.item)
    assert base is not None and current is not None, "a change that was decided has both"  # noqa: PT018
    moved = formatting.change(current, base, None if measurement.answer else node.share)
    said = f"is {moved}" + ("" if measurement.answer else f", not {node.direction} {as_percent(node.share)},")
    value, against = formatting.apart(current, base, measurement.unit())
    return f"{measurement.name()} {value} {said} against {against} ({baseline_words(measurement, node)})"


def _forecast(measurement: Measurement, node: tree.Forecast) -> str:
    ahead = measurement.cell(node.item, replace(measurement.lookback, against=Ahead(node.within)))
    now, later = (
        formatting.held(measurement.cell(node.item), measurement.unit()),
        formatting.held(ahead, measurement.unit()),
    )
    will = "will reach" if measurement.answer else "will not reach"
    soon = formatting.span(node.within)
    return f"{measurement.name()} {now} {will} {_right_words(measurement)} within {soon}; it is heading for {later}"


def _unusual(measurement: Measurement, node: tree.Unusual) -> str:
    """Return `clicks 120 is unusual (down): 251 to 440 is usual at 99%, the middle ... is 340`."""
    found, unit = interpret.usual(node, measurement.frame, measurement.lookback), measurement.unit()
    value, middle = (formatting.number(float(one[0]), unit) for one in (found.now, found.middle))
    low, high = (formatting.number(float(one), unit) for one in found.usual(0, whole=unit == "count"))
    side = "" if node.direction == "either" else f"ly {'high' if node.direction == 'up' else 'low'}"
    said = f"is {'' if measurement.answer else 'not '}unusual{side}"
    return (
        f"{measurement.name()} {value} {said}: {low} to {high} is usual at {as_percent(node.confidence)}, "
        f"the middle of the same hours of {int(found.weeks[0])} weeks before is {middle}"
    )


def _ranked(measurement: Measurement, node: tree.Rank) -> str:
    """Return `conversion rate 0.05% is place 2 of 38, and the worst 5 are meant`."""
    found = interpret.ranked(node, measurement.frame, measurement.lookback)
    value = formatting.held(measurement.cell(node.item), measurement.unit())
    much = f"{node.side} {node.count:f}" if node.share is None else f"{node.side} {as_percent(node.share)}"
    group = "" if node.group is None else f" of the same {unparse.text(node.group).removesuffix('.id')}"
    meant = f"the {much}" + (f" ({int(found.taken[0])})" if node.share is not None else "")
    place = f"place {int(found.place[0]):,} of {int(found.ranked[0]):,}{group}"
    return f"{measurement.name()} {value} is {place}; {meant} are meant"


def _too_few_to_compare(measurement: Measurement) -> str | None:
    """Return why there is nothing to compare with, if the subject's own sample is large enough."""
    if isinstance(measurement.node, tree.Unusual):
        weeks = int(interpret.usual(measurement.node, measurement.frame, measurement.lookback).weeks[0])
        known = f"of {measurement.name()} the same hours of only {weeks} weeks are known"
        return f"{known}; {unusual.MIN_WEEKS} are needed" if weeks < unusual.MIN_WEEKS else None
    if isinstance(measurement.node, tree.Rank):
        found = interpret.ranked(measurement.node, measurement.frame, measurement.lookback)
        few = f"the number of those that can be ranked by {measurement.name()} is {int(found.ranked[0])}"
        return f"{few}; there is nothing to choose between" if found.ranked[0] else None
    return None


def _undecided(measurement: Measurement) -> str:
    match measurement.why:
        case Why.TOO_FEW:
            return _too_few_to_compare(measurement) or _too_few(measurement)
        case Why.TOO_OLD:
            return _too_old(measurement)
        case Why.UNDEFINED:
            return f"{measurement.name()} is undefined{_from_what(measurement)}"
        case Why.MISMATCH:
            return f"{measurement.name()} cannot be compared with {_right_words(measurement)}"
    name = _missing_name(measurement)
    return f"{name} {'are' if name.partition(' ')[0].rpartition('.')[2] in PLURALS else 'is'} missing"


def _too_old(measurement: Measurement) -> str:
    name, age = _oldest(measurement)
    wanted = measurement.frame.data.fresh or timedelta(0)
    return f"the data on {name} is {formatting.span(age)} old, the rule wants {formatting.span(wanted)}"


def _from_what(measurement: Measurement) -> str:
    below = {
        f"{prefix}{name}"
        for part, _ in lookbacks(measurement.node, measurement.lookback)
        for prefix in [unparse.text(part).removesuffix(part.name)]
        for name in (metrics.DERIVED[part.name].over if part.name in metrics.DERIVED else metrics.parts(part.name))
    }
    zero = [name for name, value in measurement.sample().items() if value == 0 and name in below]
    if isinstance(measurement.node, tree.Change) and not zero:
        return f": there is nothing to compare with ({baseline_words(measurement, measurement.node)})"
    return f" from 0 {zero[-1]}" if zero else ""


def _too_few(measurement: Measurement) -> str:
    for name, least in measurement.frame.data.need.items():
        amount = measurement.cell(tree.Metric(name=name), measurement.frame.lookback)
        if amount is not None and amount < float(least):
            unit = metrics.unit(name)
            few = f"{formatting.number(amount, unit)} {metrics.title(name)}"
            return f"only {few} of the {formatting.number(least, unit)} that the rule needs"
    return "there is too little data"


def _oldest(measurement: Measurement) -> tuple[str, timedelta]:
    ages: dict[str, timedelta] = {}
    for part in measurement.node.walk():
        if isinstance(part, tree.Metric):
            for name in metrics.parts(part.name):
                ages[name] = measurement.frame.age(name) or timedelta(0)
    name = max(ages, key=lambda key: ages[key])
    return metrics.title(name), ages[name]


def _missing_name(measurement: Measurement) -> str:
    for part, lookback in lookbacks(measurement.node, measurement.lookback):
        for name in metrics.parts(part.name):
            if measurement.cell(replace(part, name=name), lookback) is None:
                return described(replace(part, name=name), lookback)
    for leaf in measurement.node.walk():
        if isinstance(leaf, tree.Attribute | tree.Own) and measurement.cell(leaf) is None:
            return unparse.text(leaf)
    if isinstance(measurement.node, tree.InTable) and measurement.cell(measurement.node.item) is not None:
        return f"table {measurement.node.table}"
    if isinstance(measurement.node, tree.Change):
        return f"{measurement.name()} of {baseline_words(measurement, measurement.node)}"
    return measurement.name()


_SENTENCES: dict[type[tree.Node], Callable[..., str]] = {
    tree.Change: _changed,
    tree.Forecast: _forecast,
    tree.Compare: _compared,
    tree.Unusual: _unusual,
    tree.Rank: _ranked,
}
