"""Type-check conditions before they run.

Also its degree: 1 for amounts that grow with time (clicks, payout), 0 for ratios and plain numbers. Amounts of
time ranges of different length can only be compared per unit of time; ratios can be compared as they are.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from rules.language import names, patterns
from rules.language.functions import FORGIVING, FUNCTIONS, Kind
from rules.model import holidays, metrics, tree
from rules.model.errors import Problem
from rules.model.local_time import DAYS
from rules.model.revision import Calendar, Rolling
from rules.model.spelling import did_you_mean, listed
from rules.model.syntax import Place

_LITERALS: dict[str, Kind] = {
    "number": "number",
    "percent": "number",
    "duration": "duration",
    "text": "text",
    "bool": "bool",
    "null": "null",
}
_NAMES: dict[Kind, str] = {
    "number": "a number",
    "text": "a text",
    "bool": "true or false",
    "duration": "a duration",
    "list": "a list",
    "null": "null",
    "any": "a value",
}
_DAY = 86_400
_WEEK = timedelta(days=7)
_LEAST_PAST, _MOST_PAST = timedelta(days=28), timedelta(days=63)


class _TypeMismatch(ValueError):
    def __init__(self, node: tree.Node, message: str) -> None:
        super().__init__(message)
        self.column = node.column


def check(node: tree.Node, place: Place, *, condition: bool) -> tuple[Problem, ...]:
    """Return the first problem of a resolved tree, if any.

    With `condition` the whole must be true or false, not a bare value.
    """
    try:
        kind = kind_of(node)
    except _TypeMismatch as mismatch:
        return (Problem(replace(place, column=place.column + mismatch.column - 1), str(mismatch)),)
    if condition and kind not in {"bool", "any"}:
        alone = kind == "number" and isinstance(node, tree.Constant)
        comma = "; a comma begins another condition: decimals have a point, thousands nothing" if alone else ""
        return (Problem(place, f"this is {_NAMES[kind]}, not a condition; compare it with something{comma}"),)
    return ()


def kind_of(node: tree.Node) -> Kind:
    """Return the kind of a resolved tree's value; conditions are "bool". Raises ValueError if parts do not match."""
    return _KINDS[type(node)](node)


def degree(node: tree.Node) -> int | None:
    """Return 1 for an amount over time, 0 for a ratio or a plain value, None for a mixture."""
    match node:
        case tree.Metric(name=name):
            return 0 if name in metrics.DERIVED and metrics.DERIVED[name].over else 1
        case tree.Negative(item=item) | tree.Over(item=item) | tree.Ago(item=item):
            return degree(item)
        case tree.Call(function="abs" | "min" | "max", arguments=arguments):
            return _same(*(degree(item) for item in arguments))
        case tree.Arithmetic(op=op, left=left, right=right):
            return _combined(op, degree(left), degree(right))
    return 0


def _same(*degrees: int | None) -> int | None:
    return degrees[0] if len(set(degrees)) == 1 else None


def _combined(op: str, left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return None
    if op in "+-":
        return _same(left, right)
    total = left + right if op == "*" else left - right
    return total if total in {0, 1} else None


def ratio_of_counts(node: tree.Node) -> tuple[tree.Node, tree.Node] | None:
    """Return (numerator, denominator) if the value is a ratio of counts, which `@95%` can judge."""
    match node:
        case tree.Metric(name=name) if name in metrics.DERIVED:
            derived = metrics.DERIVED[name]
            if derived.minus or len(derived.over) != 1 or not all(map(metrics.is_count, derived.parts)):
                return None
            return replace(node, name=derived.plus[0]), replace(node, name=derived.over[0])
        case tree.Over(item=item) | tree.Ago(item=item):
            inner = ratio_of_counts(item)
            return (replace(node, item=inner[0]), replace(node, item=inner[1])) if inner else None
        case tree.Arithmetic(op="/", left=left, right=right) if _counted(left) and _counted(right):
            return left, right
    return None


def _counted(node: tree.Node) -> bool:
    match node:
        case tree.Metric(name=name):
            return metrics.is_count(name)
        case tree.Over(item=item) | tree.Ago(item=item):
            return _counted(item)
        case tree.Arithmetic(op="+", left=left, right=right):
            return _counted(left) and _counted(right)
    return False


def is_counted(node: tree.Node) -> bool:
    """Return True for counts: clicks, conversions + approved."""
    return _counted(node)


def is_amount(node: tree.Node) -> bool:
    """Return True for an amount that is never below zero, such as payout."""
    while isinstance(node, tree.Over | tree.Ago):
        node = node.item
    return isinstance(node, tree.Metric) and node.name in metrics.BASE


def has_metric(node: tree.Node) -> bool:
    """Return True if the value is measured, wholly or in part."""
    return node.has_metric()


# --- one function per kind of node -----------------------------------------------------------------


def _wants(node: tree.Node, *kinds: Kind, role: str = "") -> Kind:
    found = kind_of(node)
    if found != "any" and found not in kinds:
        raise _TypeMismatch(node, f"{_NAMES[found]} where {role or _NAMES[kinds[0]]} is needed")
    return found


def _arithmetic(node: tree.Arithmetic) -> Kind:
    kinds = {kind_of(node.left), kind_of(node.right)}
    if node.op in "+-" and "duration" in kinds and kinds <= {"duration", "any"}:
        return "duration"
    for side in (node.left, node.right):
        _wants(side, "number")
    return "number"


def _compare(node: tree.Compare) -> Kind:
    left, right = kind_of(node.left), kind_of(node.right)
    if "list" in {left, right}:
        raise _TypeMismatch(node.right, "a list cannot be compared; write `in` to look into it")
    if "null" in {left, right}:
        if node.op not in {"=", "!="}:
            raise _TypeMismatch(node, "null is neither larger nor smaller than anything; only = and != fit")
        if has_metric(node.left) or has_metric(node.right):
            raise _TypeMismatch(node, "a metric is never null; missing data gives no decision")
    elif "any" not in {left, right} and left != right:
        raise _TypeMismatch(node.right, f"{_NAMES[left]} compared with {_NAMES[right]}")
    if node.op not in {"=", "!="} and {left, right} & {"text", "bool"} and not orders_dates(node):
        raise _TypeMismatch(
            node, f"'{node.op}' orders numbers, durations and dates, not {_NAMES[left if left != 'any' else right]}"
        )
    for one, other in ((node.left, node.right), (node.right, node.left)):
        _check_clock(one, [other])
        _check_field(one, [other])
    if node.confidence is not None:
        _check_confidence(node)
    return "bool"


def orders_dates(node: tree.Compare) -> bool:
    """Return True if `date` is before or after a date in the text, a table or a body."""
    sides = (node.left, node.right)
    dates = [isinstance(side, tree.Clock) and side.name == "date" for side in sides]
    return any(dates) and all(
        is_date or isinstance(side, tree.Constant) or kind_of(side) == "any"
        for is_date, side in zip(dates, sides, strict=True)
    )


def _check_clock(clock: tree.Node, others: Iterable[tree.Node]) -> None:
    """Check a date: one that no calendar has would never match, and nobody would notice."""
    if not isinstance(clock, tree.Clock):
        return
    for other in others:
        if not isinstance(other, tree.Constant):
            continue
        held = other.value
        if clock.name == "weekday" and held not in DAYS:
            meant = str(held)[:3].lower()
            hint = f"; did you mean '{meant}'?" if meant in DAYS else ""
            raise _TypeMismatch(other, f"{held!r} is not a weekday; use {listed(DAYS)}{hint}")
        if clock.name == "hour" and not (isinstance(held, Decimal) and 0 <= held <= 24 and held == int(held)):
            raise _TypeMismatch(other, f"{held} is not an hour; hours are whole numbers from 0 to 23")
        if clock.name == "date" and not is_date(held):
            raise _TypeMismatch(other, f'{held!r} is not a date; write "2026-12-24"')


def _check_field(field: tree.Node, others: Iterable[tree.Node]) -> None:
    """Check a comparison with a value that a field of Integr8 never has."""
    if not isinstance(field, tree.Attribute):
        return
    for other in others:
        doubt = names.value_doubt(field.name, other.value) if isinstance(other, tree.Constant) else None
        if doubt is not None:
            raise _TypeMismatch(other, doubt)


def is_date(held: object) -> bool:
    """Return True for a text such as "2026-12-24", the form of `date`."""
    try:
        return isinstance(held, str) and date.fromisoformat(held).isoformat() == held
    except ValueError:
        return False


def _check_confidence(node: tree.Compare | tree.Change) -> None:
    if isinstance(node, tree.Compare) and node.op in {"=", "!="}:
        raise _TypeMismatch(node, "'@' needs < <= > or >=")
    if node.confidence is not None and not (0.5 < node.confidence < 1):
        raise _TypeMismatch(node, "'@' takes a confidence above 50% and below 100%, such as @95%")
    judged = node.left if isinstance(node, tree.Compare) else node.item
    if ratio_of_counts(judged) is None:
        raise _TypeMismatch(
            judged, "'@' can judge a share of things counted (cr, ctr, rejection_rate, approved / conversions) only"
        )


def _within(node: tree.Within) -> Kind:
    _wants(node.item, "number", "text", "bool", role="a single value")
    _wants(node.choices, "list", role="a list such as [1, 2]")
    if isinstance(node.choices, tree.Listing):
        _check_clock(node.item, node.choices.items)
        _check_field(node.item, node.choices.items)
    return "bool"


def _in_table(node: tree.InTable) -> Kind:
    _wants(node.item, "text", "number", "bool", role="a single value")
    if has_metric(node.item):
        raise _TypeMismatch(
            node.item,
            "'in table' looks an attribute up, such as offer.id; a measured value cannot be looked up in a table",
        )
    return "bool"


def _matches(node: tree.Matches) -> Kind:
    _wants(node.item, "text")
    try:
        patterns.compiled(node.pattern)
    except patterns.PatternError as error:
        raise _TypeMismatch(node, f"the pattern {node.pattern!r}: {error}") from None
    return "bool"


def _change(node: tree.Change) -> Kind:
    _wants(node.item, "number")
    if not has_metric(node.item):
        raise _TypeMismatch(node.item, f"'{node.direction} ... vs' needs something measured, such as cr or clicks")
    if node.share <= 0 or (node.direction == "down" and node.share > 1):
        raise _TypeMismatch(node, "the change must be above 0%, and 'down' at most 100%")
    if degree(node.item) is None:
        raise _TypeMismatch(node.item, "a mixture of amounts and ratios cannot be compared with another time range")
    if node.same_hours and not _whole_days(node):
        raise _TypeMismatch(node, "'same hours' needs whole days to look back at, such as vs 7d")
    if node.confidence is not None:
        _check_confidence(node)
    return "bool"


def _whole_days(node: tree.Change) -> bool:
    window = node.baseline
    return isinstance(window, Rolling) and window.length.total_seconds() % _DAY == 0


def _unusual(node: tree.Unusual) -> Kind:
    _wants(node.item, "number")
    if not has_metric(node.item):
        raise _TypeMismatch(node.item, "'unusual' needs something measured, such as clicks or cr")
    if not 0.5 < node.confidence < 1:
        raise _TypeMismatch(node, "'@' takes a confidence above 50% and below 100%, such as @99%")
    if node.past % _WEEK or not _LEAST_PAST <= node.past <= _MOST_PAST:
        raise _TypeMismatch(node, "'unusual' compares hours of the week: whole weeks, from vs 28d to vs 63d same hours")
    return "bool"


def _rank(node: tree.Rank) -> Kind:
    _wants(node.item, "number", role="something to rank by, such as cr,")
    if not any(isinstance(part, tree.Metric | tree.Attribute) for part in node.item.walk()):
        raise _TypeMismatch(node.item, "a plain value cannot rank items; write a metric such as cr")
    if node.count is not None and (node.count < 1 or node.count != node.count.to_integral_value()):
        raise _TypeMismatch(node, f"'{node.side}' takes a whole number from 1 on, or a share such as 10%")
    if node.share is not None and not 0 < node.share < 1:
        raise _TypeMismatch(node, f"'{node.side}' takes a share above 0% and below 100%")
    if node.side in {"worst", "best"} and node.more_is_worse is None:
        words = "whether more of it is worse depends on who asks; write top for the largest, bottom for the smallest"
        raise _TypeMismatch(node, words)
    if node.group is not None and not isinstance(node.group, tree.Attribute | tree.Own):
        raise _TypeMismatch(node.group, "'per' takes what makes a group, such as advertiser or offer.visibility")
    return "bool"


def _forecast(node: tree.Forecast) -> Kind:
    _wants(node.item, "number")
    _wants(node.limit, "number")
    if degree(node.item) != 1 or not has_metric(node.item):
        raise _TypeMismatch(node.item, "a forecast needs an amount that grows with time, such as clicks or payout")
    if any(isinstance(part, tree.Call) for part in node.item.walk()):
        raise _TypeMismatch(node.item, "a forecast continues a straight line; leave out the function")
    if node.op not in {">", ">="}:
        raise _TypeMismatch(node, "a forecast asks when an amount will be reached; write >= or >")
    for part in node.item.walk():
        if isinstance(part, tree.Over) and isinstance(part.window, Calendar) and part.window.over:
            raise _TypeMismatch(node.item, f"{part.window.unit.replace('_', ' ')} is over and no longer grows")
    return "bool"


def _call(node: tree.Call) -> Kind:
    function = FUNCTIONS.get(node.function)
    if function is None:
        raise _TypeMismatch(node, f"there is no function '{node.function}'{did_you_mean(node.function, FUNCTIONS)}")
    given, wanted = len(node.arguments), len(function.takes)
    if given < wanted or (given > wanted and not function.more):
        raise _TypeMismatch(
            node, f"{node.function}() takes {wanted}{' or more' if function.more else ''} values, not {given}"
        )
    for number, argument in enumerate(node.arguments):
        kind = function.takes[min(number, wanted - 1)]
        if kind == "any":
            kind_of(argument)
        else:
            _wants(argument, kind)
        if node.function in FORGIVING and has_metric(argument):
            raise _TypeMismatch(argument, f"{node.function}() is not for metrics: missing data must give no decision")
    if node.function == "holiday":
        _check_holiday(node)
    return kind_of(node.arguments[0]) if node.function == "default" else function.gives


def _check_holiday(node: tree.Call) -> None:
    """Check a country: an unknown one would never have a holiday, and nobody would notice."""
    if len(node.arguments) > 2:
        raise _TypeMismatch(node.arguments[2], 'holiday() takes a country and a part of it: holiday("DE", "BY")')
    held = [argument.value for argument in node.arguments if isinstance(argument, tree.Constant)]
    if len(held) == len(node.arguments):
        wrong = holidays.problem(*map(str, held))
        if wrong:
            raise _TypeMismatch(node.arguments[-1], wrong)


def _count(node: tree.Count) -> Kind:
    if node.where is not None:
        _wants(node.where, "bool", role="a condition on what is counted")
    return "number"


def _constant(node: tree.Constant) -> Kind:
    return _LITERALS[node.kind]


def _listing(node: tree.Listing) -> Kind:
    for item in node.items:
        if not isinstance(item, tree.Constant) and not (
            isinstance(item, tree.Negative) and isinstance(item.item, tree.Constant)
        ):
            raise _TypeMismatch(item, "a list holds plain values only")
        _wants(item, "number", "text", "bool", role="a number or a text")
    return "list"


def _negative(node: tree.Negative) -> Kind:
    return _wants(node.item, "number")


def _over(node: tree.Over | tree.Ago) -> Kind:
    if not has_metric(node.item):
        raise _TypeMismatch(node.item, "'over' and 'ago' belong to something measured, such as clicks")
    if isinstance(node.item, tree.Forecast):
        raise _TypeMismatch(
            node.item, "put 'over' directly after the metric of the forecast: forecast payout over today >= ..."
        )
    return kind_of(node.item)


def _all_conditions(node: tree.And | tree.Or) -> Kind:
    for item in node.items:
        _wants(item, "bool", role="a condition")
    return "bool"


def _not(node: tree.Not) -> Kind:
    _wants(node.item, "bool", role="a condition")
    return "bool"


_KINDS: dict[type[tree.Node], Callable[..., Kind]] = {
    tree.Constant: _constant,
    tree.Listing: _listing,
    tree.Name: lambda _node: "any",
    tree.Metric: lambda _node: "number",
    tree.Attribute: lambda _node: "any",
    tree.Own: lambda _node: "any",
    tree.Clock: lambda node: "number" if node.name == "hour" else "text",
    tree.Reference: lambda _node: "any",
    tree.Negative: _negative,
    tree.Arithmetic: _arithmetic,
    tree.Call: _call,
    tree.Count: _count,
    tree.Over: _over,
    tree.Ago: _over,
    tree.Compare: _compare,
    tree.Within: _within,
    tree.InTable: _in_table,
    tree.Matches: _matches,
    tree.Change: _change,
    tree.Forecast: _forecast,
    tree.Unusual: _unusual,
    tree.Rank: _rank,
    tree.Not: _not,
    tree.And: _all_conditions,
    tree.Or: _all_conditions,
}
