"""What a single test found, in one sentence."""

from dataclasses import replace
from datetime import timedelta

from rules.evaluation import interpret
from rules.evaluation.frame import Ahead
from rules.evaluation.measurement import Seen, baseline_words, described, is_named, looks, titled
from rules.language import types, unparse
from rules.model import formatting, metrics, tree
from rules.model.facts import Why
from rules.model.verdicts import Answer


def sentence(seen: Seen) -> str:
    """The finding as a sentence without its full stop. Quotes nothing out of an event's body."""
    if seen.answer is Answer.NO_DECISION:
        return _undecided(seen)
    match seen.node:
        case tree.Change() as node:
            return _changed(seen, node)
        case tree.Forecast() as node:
            return _forecast(seen, node)
        case tree.Compare() as node:
            return _compared(seen, node)
    return _stated(seen)


def _stated(seen: Seen) -> str:
    if isinstance(seen.node, tree.Matches):
        return f"{seen.name()} {'matches' if seen.answer else 'does not match'} the pattern"
    if isinstance(seen.node, tree.Within):
        inside = bool(seen.answer) != seen.node.negated
        return f"{seen.name()} is {'one of' if inside else 'none of'} {_listed(seen)}"
    return f"{unparse.text(seen.node)} is {'true' if seen.answer else 'false'}"


def _listed(seen: Seen) -> str:
    right = seen.right()
    return formatting.held(seen.threshold()) if isinstance(right, tree.Listing) else unparse.text(right or seen.node)


def _compared(seen: Seen, node: tree.Compare) -> str:
    metric = seen.measured_part()
    plural = metric is not None and seen.unit() == "count"
    said = formatting.comparison(node.op, holds=bool(seen.answer), plural=plural)
    if metric is None and not types.has_metric(node):
        return f"{seen.name()} {said} {_right_words(seen)}"
    value = formatting.held(seen.cell(node.left), seen.unit())
    parts = seen.sample()
    sample = (
        formatting.sample(parts, metric.name)
        if metric is not None and len(list(looks(node.left, seen.look))) == 1
        else ""
    )
    if node.op == "=":
        return f"{seen.name()} {said} {_right_words(seen)}{'' if seen.answer else f' but {value}'}"
    sure = f" with {float(node.confidence) * 100:g}% confidence" if node.confidence is not None else ""
    return f"{seen.name()} {value}{sample} {said} {_right_words(seen)}{sure}"


def _right_words(seen: Seen) -> str:
    right = seen.right()
    value = seen.threshold()
    if right is None or isinstance(right, tree.Constant) or not any(map(is_named, right.walk())):
        return formatting.held(value, seen.unit())
    shown = f" ({formatting.held(value, seen.unit())})" if isinstance(value, int | float) else ""
    return f"{titled(right)}{shown}"


def _changed(seen: Seen, node: tree.Change) -> str:
    column = interpret.value(node.item, seen.frame, replace(seen.look, against=interpret.against(node)))
    base, current = float(column.values[0]), float(seen.cell(node.item))
    limit = f"{float(node.share) * 100:g}%"
    said = f"is {formatting.change(current, base)}" + ("" if seen.answer else f", not {node.direction} {limit},")
    value = formatting.held(current, seen.unit())
    return f"{seen.name()} {value} {said} against {formatting.held(base, seen.unit())} ({baseline_words(node)})"


def _forecast(seen: Seen, node: tree.Forecast) -> str:
    ahead = seen.cell(node.item, replace(seen.look, against=Ahead(node.within)))
    now, later = formatting.held(seen.cell(node.item), seen.unit()), formatting.held(ahead, seen.unit())
    will = "will reach" if seen.answer else "will not reach"
    soon = formatting.span(node.within)
    return f"{seen.name()} {now} {will} {_right_words(seen)} within {soon}; it is heading for {later}"


def _undecided(seen: Seen) -> str:
    match seen.why:
        case Why.TOO_FEW:
            return _too_few(seen)
        case Why.TOO_OLD:
            return _too_old(seen)
        case Why.UNDEFINED:
            return f"{seen.name()} cannot be reckoned{_from_what(seen)}"
        case Why.MISMATCH:
            return f"{seen.name()} cannot be compared with {_right_words(seen)}"
    return f"{_missing_name(seen)} is missing"


def _too_old(seen: Seen) -> str:
    name, age = _oldest(seen)
    wanted = seen.frame.data.fresh or timedelta(0)
    return f"the data on {name} is {formatting.span(age)} old, the rule wants {formatting.span(wanted)}"


def _from_what(seen: Seen) -> str:
    zero = [name for name, value in seen.sample().items() if value == 0]
    if isinstance(seen.node, tree.Change) and not zero:
        return f": there is nothing to compare with ({baseline_words(seen.node)})"
    return f" from 0 {zero[-1]}" if zero else ""


def _too_few(seen: Seen) -> str:
    for name, least in seen.frame.data.need.items():
        amount = seen.cell(tree.Metric(name=name), seen.frame.look)
        if amount is not None and amount < float(least):
            unit = metrics.unit(name)
            few = f"{formatting.number(amount, unit)} {metrics.title(name)}"
            return f"only {few} of the {formatting.number(least, unit)} that the rule needs"
    return "there is too little data"


def _oldest(seen: Seen) -> tuple[str, timedelta]:
    ages: dict[str, timedelta] = {}
    for part in seen.node.walk():
        if isinstance(part, tree.Metric):
            for name in metrics.parts(part.name):
                ages[name] = seen.frame.age(name) or timedelta(0)
    name = max(ages, key=lambda key: ages[key])
    return metrics.title(name), ages[name]


def _missing_name(seen: Seen) -> str:
    for part, look in looks(seen.node, seen.look):
        for name in metrics.parts(part.name):
            if seen.cell(replace(part, name=name), look) is None:
                return described(replace(part, name=name), look)
    for leaf in seen.node.walk():
        if isinstance(leaf, tree.Attribute | tree.Own) and seen.cell(leaf) is None:
            return unparse.text(leaf)
    if isinstance(seen.node, tree.Change):
        return f"{seen.name()} of {baseline_words(seen.node)}"
    return seen.name()
