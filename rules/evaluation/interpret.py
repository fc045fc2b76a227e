"""Evaluate condition trees to columns: the value of each part for every subject of a frame."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.evaluation import columns, confidence_check, entity_counts, losses, ranking, unusual
from rules.evaluation.columns import Truth
from rules.evaluation.frame import Against, Ahead, Baseline, Frame, Lookback, Peers, dimension_of
from rules.language import patterns, types
from rules.language.functions import OF_THE_MOMENT
from rules.model import holidays, local_time, metrics, tree
from rules.model.facts import Column, Why
from rules.model.revision import Group
from rules.model.syntax import Condition

# --- values ----------------------------------------------------------------------------------------


def value(node: tree.Node, frame: Frame, lookback: Lookback) -> Column:
    """Return the part's value for each subject, or one for all if it is a constant."""
    reader = _VALUES.get(type(node))
    return reader(node, frame, lookback) if reader else _as_objects(answer(node, frame, lookback))


def _as_objects(found: Truth) -> Column:
    return Column((found.answers == columns.YES).astype(object), found.why)


def _constant(node: tree.Constant, frame: Frame, _look: Lookback) -> Column:
    held = node.value
    return columns.constant(held.total_seconds() if isinstance(held, timedelta) else held, exact=frame.exact)


def _metric(node: tree.Metric, frame: Frame, lookback: Lookback) -> Column:
    formula = metrics.DERIVED.get(node.name)
    if formula is None:
        return frame.amount(node.name, node.per, lookback)
    if frame.cohorts is not None and formula.over == ("clicks",) and all(map(metrics.follows_clicks, formula.plus)):
        formula = replace(formula, plus=tuple(map(metrics.by_click, formula.plus)), over=(metrics.EFFECTIVE_CLICKS,))
    measure = frame.total if formula.over else frame.amount

    def summed(names: tuple[str, ...]) -> Column:
        result = measure(names[0], node.per, lookback)
        for name in names[1:]:
            result = columns.arithmetic("+", result, measure(name, node.per, lookback), exact=frame.exact)
        return result

    result = summed(formula.plus)
    if formula.minus:
        result = columns.arithmetic("-", result, summed(formula.minus), exact=frame.exact)
    if formula.over:
        result = columns.arithmetic("/", result, summed(formula.over), exact=frame.exact)
    return result


def _arithmetic(node: tree.Arithmetic, frame: Frame, lookback: Lookback) -> Column:
    left, right = (node.left, node.right) if node.op != "/" else cohort(node.left, node.right, frame)
    return columns.arithmetic(node.op, value(left, frame, lookback), value(right, frame, lookback), exact=frame.exact)


def cohort(top: tree.Node, bottom: tree.Node, frame: Frame) -> tuple[tree.Node, tree.Node]:
    """Return both sides of a ratio; conversions over clicks as conversions by their click over effective clicks."""
    found = [part for part in top.walk() if isinstance(part, tree.Metric)]
    below = [part for part in bottom.walk() if isinstance(part, tree.Metric)]
    fits = frame.cohorts is not None and found and all(metrics.follows_clicks(part.name) for part in found)
    if not fits or not below or any(part.name != "clicks" for part in below):
        return top, bottom
    return _renamed(top, metrics.by_click), _renamed(bottom, lambda _name: metrics.EFFECTIVE_CLICKS)


def _renamed(node: tree.Node, name: Callable[[str], str]) -> tree.Node:
    """Return the tree with other names for its metrics."""
    match node:
        case tree.Metric():
            return replace(node, name=name(node.name))
        case tree.Over() | tree.Ago() | tree.Negative():
            return replace(node, item=_renamed(node.item, name))
        case tree.Arithmetic():
            return replace(node, left=_renamed(node.left, name), right=_renamed(node.right, name))
        case tree.Call():
            return replace(node, arguments=tuple(_renamed(part, name) for part in node.arguments))
    return node


def _negative(node: tree.Negative, frame: Frame, lookback: Lookback) -> Column:
    inner = columns.numeric(value(node.item, frame, lookback), exact=frame.exact)
    return Column(-inner.values, inner.why)


def _over(node: tree.Over, frame: Frame, lookback: Lookback) -> Column:
    return value(node.item, frame, replace(lookback, window=node.window))


def _ago(node: tree.Ago, frame: Frame, lookback: Lookback) -> Column:
    return value(node.item, frame, _shifted(lookback, node))


def _call(node: tree.Call, frame: Frame, lookback: Lookback) -> Column:
    if node.function == "has":
        return _as_objects(_has(value(node.arguments[0], frame, lookback)))
    arguments = [value(argument, frame, lookback) for argument in node.arguments]
    if node.function == "default":
        return _default(*arguments)
    if node.function in OF_THE_MOMENT:
        found = columns.each(lambda *held: _TIMED[node.function](held, frame), *arguments)
        return columns.numeric(found, exact=frame.exact) if node.function == "age" else found
    if node.function in _NUMBERS:
        return _number_call(node.function, [columns.numeric(argument, exact=frame.exact) for argument in arguments])
    if node.function == "number":
        return columns.numeric(arguments[0], exact=frame.exact)
    return columns.each(_TEXTS[node.function], *arguments)


_NUMBERS: dict[str, Callable[..., Any]] = {"abs": np.abs, "min": np.minimum, "max": np.maximum}


def _number_call(name: str, arguments: list[Column]) -> Column:
    why = columns.first_reason(*(argument.why for argument in arguments))
    result = arguments[0].values
    if name == "abs":
        return Column(np.abs(result), why)
    for argument in arguments[1:]:
        result = _NUMBERS[name](result, argument.values)
    return Column(result, why)


def _text(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        return function(*arguments) if all(isinstance(item, str) for item in arguments) else Why.MISMATCH

    return call


def _length(held: Any) -> Any:
    return Decimal(len(held)) if isinstance(held, str | list | tuple | dict) else Why.MISMATCH


def _contains(held: Any, item: Any) -> Any:
    if isinstance(held, str):
        return item in held if isinstance(item, str) else Why.MISMATCH
    return _among(item, held) if isinstance(held, list | tuple) else Why.MISMATCH


_TEXTS: dict[str, Callable[..., Any]] = {
    "lower": _text(str.lower),
    "upper": _text(str.upper),
    "trim": _text(str.strip),
    "length": _length,
    "contains": _contains,
    "starts_with": _text(str.startswith),
    "ends_with": _text(str.endswith),
}


def _has(found: Column) -> Truth:
    missing = found.why == Why.MISSING
    return columns.truth(~missing, np.where(missing, np.uint8(Why.KNOWN), found.why))


def _default(found: Column, other: Column) -> Column:
    size = columns.common_size(found, other)
    missing = np.broadcast_to(found.why == Why.MISSING, size)
    first, second = (np.broadcast_to(c.values.astype(object), size) for c in (found, other))
    why = np.where(missing, np.broadcast_to(other.why, size), np.broadcast_to(found.why, size))
    return Column(np.where(missing, second, first), why.astype(np.uint8))


def _age(held: Sequence[Any], frame: Frame) -> Any:
    moment = columns.moment(held[0])
    return Decimal(repr((frame.now - moment).total_seconds())) if moment else Why.MISMATCH


def _holiday(where: Sequence[Any], frame: Frame) -> bool | Why:
    today = date.fromisoformat(str(local_time.clock("date", frame.now, frame.data.tz)))
    found = holidays.is_holiday(today, *where) if all(isinstance(part, str) for part in where) else None
    return Why.MISMATCH if found is None else found


_TIMED: dict[str, Callable[[Sequence[Any], Frame], Any]] = {"age": _age, "holiday": _holiday}
_VALUES: dict[type[tree.Node], Callable[..., Column]] = {
    tree.Constant: _constant,
    tree.Metric: _metric,
    tree.Attribute: lambda node, frame, _look: frame.attribute(node.name),
    tree.Own: lambda node, frame, _look: frame.own(node.dimension),
    tree.Clock: lambda node, frame, _look: columns.constant(
        local_time.clock(node.name, frame.now, frame.data.tz), exact=frame.exact
    ),
    tree.Name: lambda _node, _frame, _look: columns.constant(None),
    tree.Reference: lambda _node, _frame, _look: columns.constant(None),
    tree.Negative: _negative,
    tree.Arithmetic: _arithmetic,
    tree.Over: _over,
    tree.Ago: _ago,
    tree.Call: _call,
    tree.Count: lambda node, frame, _look: entity_counts.count(node, frame, answer),
}

# --- conditions ------------------------------------------------------------------------------------


def group(found: Group, frame: Frame) -> Truth:
    """Return the group's answer for each subject.

    Parts without measurements come first; if they decide for all subjects, nothing is measured.
    """
    answers: list[Truth] = []
    settling = columns.NO if found.kind == "all" else columns.YES
    for item in found.items if len(found.items) == 1 else sorted(found.items, key=_measures):
        if answers and _measures(item) and any(_is_settled(each, settling) for each in answers):
            break
        answers.append(member(item, frame))
    if found.kind == "all":
        return columns.all_of(answers)
    joined = columns.any_of(answers)
    return columns.negate(joined) if found.kind == "none" else joined


def _is_settled(found: Truth, settling: np.int8) -> bool:
    return len(found.answers) > 0 and bool((found.answers == settling).all())


def _measures(item: Condition | Group) -> bool:
    if isinstance(item, Group):
        return any(map(_measures, item.items))
    return types.has_metric(item.tree)


def member(item: Condition | Group, frame: Frame) -> Truth:
    """Return the answer of one member of a group: a condition, or a group itself."""
    if isinstance(item, Group):
        return group(item, frame)
    return answer(item.tree, frame, frame.lookback)


def answer(node: tree.Node, frame: Frame, lookback: Lookback) -> Truth:
    """Return the condition's answer for each subject."""
    if isinstance(node, tree.And | tree.Or):
        join = columns.all_of if isinstance(node, tree.And) else columns.any_of
        return join([answer(item, frame, lookback) for item in node.items])
    if isinstance(node, tree.Not):
        return columns.negate(answer(node.item, frame, lookback))
    if isinstance(node, tree.Over):
        return answer(node.item, frame, replace(lookback, window=node.window))
    if isinstance(node, tree.Ago):
        return answer(node.item, frame, replace(lookback, shift=lookback.shift + node.shift))
    return _with_sample(node, frame, _whole(_test(node, frame, lookback), frame))


def _whole(found: Truth, frame: Frame) -> Truth:
    """Repeat an answer that is the same for all."""
    if len(found.answers) == frame.size:
        return found
    return Truth(np.broadcast_to(found.answers, frame.size), np.broadcast_to(found.why, frame.size))


def _with_sample(node: tree.Node, frame: Frame, found: Truth) -> Truth:
    """Return the answer with no decision for a small sample on metrics, whatever the numbers say."""
    if not frame.needs or not frame.data.need or not types.has_metric(node):
        return found
    short = frame.short()
    if not short.any():
        return found
    answers = np.where(short == Why.KNOWN, found.answers, columns.NO_DECISION)
    return Truth(answers, columns.first_reason(short, found.why))


def _test(node: tree.Node, frame: Frame, lookback: Lookback) -> Truth:
    test = _TESTS.get(type(node))
    return test(node, frame, lookback) if test else columns.of_booleans(value(node, frame, lookback))


def _compare(node: tree.Compare, frame: Frame, lookback: Lookback) -> Truth:
    if node.holds != "once":
        return _proven(node, frame, lookback)
    if node.confidence is not None:
        return _evidence(node, node.confidence, frame, lookback)
    for side, other in ((node.left, node.right), (node.right, node.left)):
        if isinstance(side, tree.Constant) and side.value is None:
            present = _has(value(other, frame, lookback))
            return columns.negate(present) if node.op == "=" else present
    left, right = value(node.left, frame, lookback), value(node.right, frame, lookback)
    if node.op in {"=", "!="}:
        left, right = _spelled(left, node.right, frame), _spelled(right, node.left, frame)
    elif types.orders_dates(node):
        left, right = columns.each(_day, left), columns.each(_day, right)
    found = columns.compare(node.op, left, right)
    if frame.exact or not (_is_rounded(node.left) or _is_rounded(node.right)):
        return found
    sides = _Sides(left, right, [_size(side, frame, lookback) for side in (node.left, node.right)])
    return _decided(node, frame, lookback, found, sides)


def _day(held: Any) -> int | Why:
    """Return the number of a day that is written as "2026-12-24"; a moment is not a day before its zone is known."""
    try:
        return date.fromisoformat(held).toordinal() if isinstance(held, str) and len(held) == 10 else Why.MISMATCH
    except ValueError:
        return Why.MISMATCH


def _spelled(column: Column, item: tree.Node, frame: Frame) -> Column:
    """Return the values to compare with `item`, with ids in the item's form."""
    if column.values.dtype != object or dimension_of(item) is None:
        return column
    values = column.values.copy()
    values[:] = [_id(held, item, frame) for held in column.values]
    return Column(values, column.why)


def _id(held: Any, item: tree.Node, frame: Frame) -> Any:
    return frame.names(item, held)[0] if isinstance(held, str) else held


def _forecast(node: tree.Forecast, frame: Frame, lookback: Lookback) -> Truth:
    ahead = replace(lookback, against=Ahead(node.within))
    left, right = value(node.item, frame, ahead), value(node.limit, frame, lookback)
    found = columns.compare(node.op, left, right)
    if frame.exact:
        return found
    sides = _Sides(left, right, [_size(node.item, frame, ahead), _size(node.limit, frame, lookback)])
    return _decided(node, frame, lookback, found, sides)


# --- where rounding could decide -------------------------------------------------------------------


def _is_rounded(node: tree.Node) -> bool:
    """Return whether the computation of a value rounds. Measured amounts and constants are exact."""
    while isinstance(node, tree.Over | tree.Ago):
        node = node.item
    if isinstance(node, tree.Metric):
        return node.name in metrics.DERIVED and bool(metrics.DERIVED[node.name].over)
    return isinstance(node, tree.Arithmetic | tree.Negative | tree.Call)


def _size(node: tree.Node, frame: Frame, lookback: Lookback) -> NDArray[Any] | None:
    """Return the size of the numbers behind a sum or a difference; None for products and quotients."""
    return _magnitude(node, frame, lookback) if any(map(_is_sum, node.walk())) else None


def _is_sum(node: tree.Node) -> bool:
    """Return whether a part adds or subtracts what may be rounded.

    `profit` subtracts: two amounts of a baseline are brought to the length of the window, each with its own rounding.
    """
    return bool(_plain_difference(node)) or (isinstance(node, tree.Arithmetic) and node.op in "+-")


def _plain_difference(node: tree.Node) -> metrics.Derived | None:
    """Return the formula of a metric that is one amount less another; None for others.

    With a divisor the amounts are not scaled, and whole sums of money are exact.
    """
    formula = metrics.DERIVED.get(node.name) if isinstance(node, tree.Metric) else None
    return formula if formula is not None and formula.minus and not formula.over else None


def _magnitude(node: tree.Node, frame: Frame, lookback: Lookback) -> NDArray[Any]:
    """Return the value with every minus as a plus: the rounding of the whole is proportional to it."""
    while isinstance(node, tree.Over | tree.Ago):
        lookback = replace(lookback, window=node.window) if isinstance(node, tree.Over) else _shifted(lookback, node)
        node = node.item
    found: NDArray[Any]
    match node:
        case tree.Arithmetic(op=op, left=left, right=right):
            a, b = _magnitude(left, frame, lookback), _magnitude(right, frame, lookback)
            if op == "/":
                below = columns.numeric(value(right, frame, lookback)).values
                with np.errstate(all="ignore"):
                    b = np.nan_to_num(b / (below * below), posinf=0.0)
            found = a + b if op in "+-" else a * b
        case tree.Negative() | tree.Call(function="abs" | "min" | "max"):
            found = sum((_magnitude(part, frame, lookback) for part in node.children()), np.zeros(1))
        case tree.Metric() if (formula := _plain_difference(node)) is not None:
            parts = (frame.amount(name, node.per, lookback).values for name in formula.parts)
            found = sum((np.abs(part) for part in parts), np.zeros(1))
        case _:
            found = np.abs(columns.numeric(value(node, frame, lookback)).values)
    return found


def _shifted(lookback: Lookback, node: tree.Ago) -> Lookback:
    return replace(lookback, shift=lookback.shift + node.shift)


@dataclass(frozen=True, slots=True, eq=False)
class _Sides:
    """The two sides of a comparison, and the sizes behind those that are sums."""

    left: Column
    right: Column
    sizes: Sequence[NDArray[Any] | None]

    def close(self) -> NDArray[np.bool_]:
        """Return the rows in which rounding could decide."""
        left, right = columns.numeric(self.left), columns.numeric(self.right)
        sums = [size for size in self.sizes if size is not None]
        if not sums:
            return columns.close(left, right)
        return columns.close(left, right, sum(sums, np.maximum(np.abs(left.values), np.abs(right.values))))


def _decided(node: tree.Node, frame: Frame, lookback: Lookback, found: Truth, sides: _Sides) -> Truth:
    """Return the same comparison, with Fractions in the rows in which rounding could have decided it."""
    close = sides.close()
    if not close.any() or not frame.size:
        return found
    rows = np.flatnonzero(close & (found.answers != columns.NO_DECISION))
    if not len(rows):
        return found
    exact = _test(node, frame.exactly(rows), lookback)
    answers, why = found.answers.copy(), np.array(np.broadcast_to(found.why, len(found.answers)))
    answers[rows], why[rows] = exact.answers, exact.why
    return Truth(answers, why)


def parts_of(node: tree.Compare | tree.Change, frame: Frame) -> tuple[tree.Node, tree.Node]:
    """Return both counts of the ratio that a confidence is about."""
    parts = types.ratio_of_counts(node.left if isinstance(node, tree.Compare) else node.item)
    assert parts is not None, "the loader lets '@' stand behind ratios of counts only"
    return cohort(*parts, frame)


def _proven(node: tree.Compare | tree.Change, frame: Frame, lookback: Lookback) -> Truth:
    found = confidence_check.judge(node, parts_of(node, frame), frame, lookback, value)
    return columns.truth(found.yes, found.why)


def lost(node: tree.Losing, frame: Frame, lookback: Lookback) -> losses.Losses:
    """Return what a ratio has cost each subject of the frame's facts."""
    return losses.losses(node, parts_of(node.item, frame), frame, lookback, value)


def _losing(node: tree.Losing, frame: Frame, lookback: Lookback) -> Truth:
    return losses.losing(node, parts_of(node.item, frame), frame, lookback, value)


def _evidence(node: tree.Compare, confidence: Decimal, frame: Frame, lookback: Lookback) -> Truth:
    lower, upper, why = bounds(node.left, confidence, frame, lookback)
    bound = upper if node.op in {"<", "<="} else lower
    return columns.compare(node.op, Column(bound, why), columns.numeric(value(node.right, frame, lookback)))


def bounds(node: tree.Node, confidence: Decimal, frame: Frame, lookback: Lookback) -> tuple[Any, Any, columns.Whys]:
    """Return the lower and upper one-sided Wilson bound of a ratio of counts, and where there is none."""
    parts = types.ratio_of_counts(node)
    assert parts is not None, "the loader lets '@' stand behind ratios of counts only"
    successes, trials = (columns.numeric(value(part, frame, lookback)) for part in cohort(*parts, frame))
    why = columns.first_reason(successes.why, trials.why)
    nothing = (trials.values <= 0) & (why == Why.KNOWN)
    lower, upper = columns.wilson(successes.values, np.maximum(trials.values, 1.0), confidence_check.z_of(confidence))
    return lower, upper, np.where(nothing, np.uint8(Why.UNDEFINED), why)


def _within(node: tree.Within, frame: Frame, lookback: Lookback) -> Truth:
    if not frame.exact and frame.size and _is_rounded(node.item):
        return _within(node, frame.exactly(np.arange(frame.size)), lookback)
    item = value(node.item, frame, lookback)
    if isinstance(node.choices, tree.Listing):
        held = [_id(value(choice, frame, lookback).values[0], node.item, frame) for choice in node.choices.items]
        found = columns.each(lambda one: _among(one, held), item)
    else:
        listed = value(node.choices, frame, lookback)
        found = columns.each(lambda one, some: _among(one, some) if _is_list(some) else Why.MISMATCH, item, listed)
    result = columns.of_booleans(found)
    return columns.negate(result) if node.negated else result


def _is_list(held: Any) -> bool:
    return isinstance(held, list | tuple)


def _among(item: Any, choices: Any) -> bool:
    pairs = (columns.comparable(item, choice) for choice in choices)
    return any(pair is not None and pair[0] == pair[1] for pair in pairs)


def _in_table(node: tree.InTable, frame: Frame, lookback: Lookback) -> Truth:
    item = value(node.item, frame, lookback)
    cells = frame.cells(node.table, node.of)
    if cells is None:
        return columns.truth(np.zeros(len(item.why), bool), np.full(len(item.why), Why.MISSING, np.uint8))
    if dimension_of(node.item) is None:
        found = columns.each(lambda held: _cell_text(held) in cells, item)
    else:
        names = partial(frame.names, node.item)
        found = columns.each(lambda held: not cells.isdisjoint(names(_cell_text(held))), item)
    result = columns.of_booleans(found)
    return columns.negate(result) if node.negated else result


def _cell_text(held: Any) -> str:
    """Return a value as tables write it: 7 and "7" are the same, and so are true and "true"."""
    if isinstance(held, bool | np.bool_):
        return "true" if held else "false"
    if columns.is_number(held) and held == int(held):
        return str(int(held))
    return str(held)


def _matches(node: tree.Matches, frame: Frame, lookback: Lookback) -> Truth:
    pattern = patterns.compiled(node.pattern)

    def search(subject: Any) -> bool | Why:
        if not isinstance(subject, str) or len(subject) > patterns.MAX_SUBJECT:
            return Why.MISMATCH
        return pattern.found_in(subject)

    return columns.of_booleans(columns.each(search, value(node.item, frame, lookback)))


def usual(node: tree.Unusual, frame: Frame, lookback: Lookback) -> unusual.Usual:
    """Return the usual value for each subject of the frame, and from where on a value is unusual."""
    parts = types.ratio_of_counts(node.item)
    return unusual.usual(node, cohort(*parts, frame) if parts else None, frame, lookback, value)


def ranked(node: tree.Rank, frame: Frame, lookback: Lookback) -> ranking.Ranking:
    """Return the rank of each subject of the frame among the whole scope."""
    key = ("rank", node, lookback, frame.needs)
    found = frame.memo.get(key)
    if found is None:
        whole = frame.whole()
        size = whole.size
        short = whole.short() if whole.needs and types.has_metric(node.item) else None
        values = _stretched(columns.numeric(value(node.item, whole, lookback)), size)
        groups = None if node.group is None else _stretched(value(node.group, whole, lookback), size)
        found = frame.memo[key] = ranking.ranking(node, values, short, groups)
    if frame.rows is None:
        return found
    rows = frame.rows
    return ranking.Ranking(found.place[rows], found.ranked[rows], found.taken[rows], found.why[rows])


def _stretched(column: Column, size: int) -> Column:
    return Column(np.broadcast_to(column.values, size), np.broadcast_to(column.why, size))


def against(node: tree.Change) -> Against:
    """Return the other side of a change."""
    return Peers() if node.baseline is None else Baseline(node.baseline, node.same_hours)


def _change(node: tree.Change, frame: Frame, lookback: Lookback) -> Truth:
    if node.holds != "once":
        return _proven(node, frame, lookback)
    current = columns.numeric(value(node.item, frame, lookback), exact=frame.exact)
    line = turning_point(node, frame, lookback)
    found = columns.compare("<=" if node.direction == "down" else ">=", current, line)
    if frame.exact:
        return found
    before = _size(node.item, frame, replace(lookback, against=against(node)))
    sizes = [_size(node.item, frame, lookback), None if before is None else before * (1 + float(node.share))]
    return _decided(node, frame, lookback, found, _Sides(current, line, sizes))


def turning_point(node: tree.Change, frame: Frame, lookback: Lookback) -> Column:
    """Return the value at which the change counts. A percentage of nothing is UNDEFINED."""
    base = columns.numeric(value(node.item, frame, replace(lookback, against=against(node))), exact=frame.exact)
    share = -node.share if node.direction == "down" else node.share
    number: Any = Fraction if frame.exact else float
    factor = np.where(base.values >= 0, number(1 + share), number(1 - share))
    nothing = (base.values == 0) & (base.why == Why.KNOWN)
    return Column(base.values * factor, np.where(nothing, np.uint8(Why.UNDEFINED), base.why))


_TESTS: dict[type[tree.Node], Callable[..., Truth]] = {
    tree.Compare: _compare,
    tree.Losing: _losing,
    tree.Within: _within,
    tree.InTable: _in_table,
    tree.Matches: _matches,
    tree.Change: _change,
    tree.Forecast: _forecast,
    tree.Unusual: lambda node, frame, lookback: unusual.answer(node, usual(node, frame, lookback)),
    tree.Rank: lambda node, frame, lookback: ranking.answer(ranked(node, frame, lookback)),
}
