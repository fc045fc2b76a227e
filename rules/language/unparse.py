"""Convert condition trees to text: one spelling for each meaning. Parsing the text gives the same tree."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from rules.model import durations, tree
from rules.model.revision import Calendar, Window
from rules.model.syntax import Condition, Template

# How tightly each kind of part binds; a looser part inside a tighter one is put into brackets.
_OR, _AND, _NOT, _TEST, _SUM, _PRODUCT, _SIGN, _POSTFIX, _ATOM = range(9)


def condition(found: Condition) -> str:
    """Return the condition in its canonical form."""
    return text(found.tree)


def template(found: Template) -> str:
    """Return the template with each expression in its canonical form."""
    return "".join(part if isinstance(part, str) else f"{{{{ {condition(part)} }}}}" for part in found.parts)


def text(node: tree.Node) -> str:
    """Return a tree as text."""
    return _WRITERS[type(node)](node)[0]


def window(found: Window) -> str:
    """Return a window as text: `24h`, `today`."""
    return found.unit if isinstance(found, Calendar) else durations.written(found.length)


def _inside(node: tree.Node, level: int) -> str:
    written, own = _WRITERS[type(node)](node)
    return written if own >= level else f"({written})"


def _constant(node: tree.Constant) -> tuple[str, int]:
    return literal(node.value, node.kind), _SIGN  # not an atom: a literal takes no `over`


def literal(value: Any, kind: str) -> str:
    """Return a literal of the given kind."""
    match kind, value:
        case "percent", Decimal():
            return durations.as_percent(value)
        case "number", Decimal():
            return f"{value:f}"
        case "duration", timedelta():
            return durations.written(value)
        case "text", str():
            return quoted(value)
    return {True: "true", False: "false", None: "null"}[value]


def quoted(value: str) -> str:
    """Return a text in double quotes; the backslash is doubled only where it would be an escape."""
    result = ""
    for number, character in enumerate(value):
        following = value[number + 1 : number + 2]
        doubled = character == '"' or (character == "\\" and following in {"\\", '"', "'", ""})
        result += f"\\{character}" if doubled else character
    return f'"{result}"'


def _listing(node: tree.Listing) -> tuple[str, int]:
    return f"[{', '.join(text(item) for item in node.items)}]", _SIGN


def _metric(node: tree.Metric) -> tuple[str, int]:
    prefix = "" if node.per is None else "network." if not node.per else f"{node.per[0]}."
    return prefix + node.name, _ATOM


def _attribute(node: tree.Attribute | tree.Name) -> tuple[str, int]:
    dotted = node.name if isinstance(node, tree.Attribute) else node.text
    head, *rest = dotted.split(".")
    return head + "".join(f".{part}" if _is_word(part) else f'["{part}"]' for part in rest), _ATOM


def _is_word(part: str) -> bool:
    return bool(part) and all(character.isalnum() or character == "_" for character in part)


def _arithmetic(node: tree.Arithmetic) -> tuple[str, int]:
    level = _SUM if node.op in "+-" else _PRODUCT
    return f"{_inside(node.left, level)} {node.op} {_inside(node.right, level + 1)}", level


def _count(node: tree.Count) -> tuple[str, int]:
    where = "" if node.where is None else f" where {text(node.where)}"
    per = "" if node.per is None else f" per {node.per[0] if node.per else 'network'}"
    return f"count({node.kind}{where}){per}", _ATOM if not per else _SIGN


def _over(node: tree.Over) -> tuple[str, int]:
    return f"{_inside(node.item, _POSTFIX)} over {window(node.window)}", _POSTFIX


def _ago(node: tree.Ago) -> tuple[str, int]:
    return f"{_inside(node.item, _POSTFIX)} ago {durations.written(node.shift)}", _POSTFIX


def _compare(node: tree.Compare) -> tuple[str, int]:
    return f"{_inside(node.left, _SUM)} {node.op} {_inside(node.right, _SUM)}{_sure(node)}", _TEST


def _sure(node: tree.Compare | tree.Change) -> str:
    lasting = {"once": "", "month": " a month", "pauses": " of pauses"}[node.holds]
    return "" if node.confidence is None else f" @{durations.as_percent(node.confidence)}{lasting}"


def _within(node: tree.Within) -> tuple[str, int]:
    word = "not in" if node.negated else "in"
    return f"{_inside(node.item, _SUM)} {word} {_inside(node.choices, _SUM)}", _TEST


def _in_table(node: tree.InTable) -> tuple[str, int]:
    word = "not in" if node.negated else "in"
    return f"{_inside(node.item, _SUM)} {word} table {node.table}{f'.{node.of}' if node.of else ''}", _TEST


def _matches(node: tree.Matches) -> tuple[str, int]:
    return f"{_inside(node.item, _SUM)} matches {quoted(node.pattern)}", _TEST


def _change(node: tree.Change) -> tuple[str, int]:
    baseline = "peers" if node.baseline is None else window(node.baseline)
    same = " same hours" if node.same_hours else ""
    share = durations.as_percent(node.share)
    return f"{_inside(node.item, _SUM)} {node.direction} {share} vs {baseline}{same}{_sure(node)}", _TEST


def _unusual(node: tree.Unusual) -> tuple[str, int]:
    side = "" if node.direction == "either" else f" {node.direction}"
    sure, past = durations.as_percent(node.confidence), durations.written(node.past)
    return f"{_inside(node.item, _SUM)} unusual{side} @{sure} vs {past} same hours", _TEST


def _rank(node: tree.Rank) -> tuple[str, int]:
    much = f"{node.count:f}" if node.share is None else durations.as_percent(node.share)
    group = "" if node.group is None else f" per {_name_of(node.group)}"
    return f"{node.side} {much} by {_inside(node.item, _SUM)}{group}", _TEST


def _name_of(group: tree.Node) -> str:
    written = text(group)
    return written.removesuffix(".id") if written.count(".") == 1 else written


def _forecast(node: tree.Forecast) -> tuple[str, int]:
    ahead = durations.written(node.within)
    return f"forecast {_inside(node.item, _SUM)} {node.op} {_inside(node.limit, _SUM)} within {ahead}", _TEST


def _joined(word: str, level: int) -> Callable[[Any], tuple[str, int]]:
    def write(node: tree.And | tree.Or) -> tuple[str, int]:
        return f" {word} ".join(_inside(item, level + 1) for item in node.items), level

    return write


_WRITERS: dict[type[tree.Node], Callable[[Any], tuple[str, int]]] = {
    tree.Constant: _constant,
    tree.Listing: _listing,
    tree.Name: _attribute,
    tree.Attribute: _attribute,
    tree.Metric: _metric,
    tree.Clock: lambda node: (node.name, _ATOM),
    tree.Own: lambda node: (f"{node.dimension}.id", _ATOM),
    tree.Reference: lambda node: (f"{node.step}.{node.name}", _ATOM),
    tree.Negative: lambda node: (f"-{_inside(node.item, _SIGN)}", _SIGN),
    tree.Arithmetic: _arithmetic,
    tree.Call: lambda node: (f"{node.function}({', '.join(text(a) for a in node.arguments)})", _ATOM),
    tree.Count: _count,
    tree.Over: _over,
    tree.Ago: _ago,
    tree.Compare: _compare,
    tree.Within: _within,
    tree.InTable: _in_table,
    tree.Matches: _matches,
    tree.Change: _change,
    tree.Forecast: _forecast,
    tree.Unusual: _unusual,
    tree.Rank: _rank,
    tree.Not: lambda node: (f"not {_inside(node.item, _NOT)}", _NOT),
    tree.And: _joined("and", _AND),
    tree.Or: _joined("or", _OR),
}
