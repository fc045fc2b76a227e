"""Find the data for which a rule says yes: clauses of simple bounds, for the conflict check.

A clause is one way to say yes: bounds on measured values and attributes, and conditions that are too rich for
bounds (`opaque`). A clause is empty when its bounds contradict each other. Computed on the safe side: what cannot be
computed never makes a clause empty.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import product
from typing import Any

from rules.language import types, unparse
from rules.model import durations, metrics, tree
from rules.model.revision import Group, Revision, Rolling, Window
from rules.model.syntax import Condition

MAX_CLAUSES = 64  # beyond it the rule is too branched to say anything useful about

_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "!=", "!=": "="}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


@dataclass(frozen=True, slots=True)
class Bounds:
    """The possible values: an interval of numbers, or a set of texts and booleans."""

    low: Decimal | None = None
    low_open: bool = False
    high: Decimal | None = None
    high_open: bool = False
    among: frozenset[Any] | None = None
    never: frozenset[Any] = frozenset()
    unit: str = "count"

    def narrowed(self, op: str, value: Any) -> "Bounds":
        """Return these bounds with one more comparison."""
        if isinstance(value, bool | str):
            if op == "=":
                return replace(self, among=frozenset({value}) & (self.among or frozenset({value})))
            return replace(self, never=self.never | {value})
        if op == "!=":
            return replace(self, never=self.never | {value})
        found = self.below(value, is_open=op == "<") if op in {"<", "<=", "="} else self
        return found.above(value, is_open=op == ">") if op in {">", ">=", "="} else found

    def below(self, value: Decimal, *, is_open: bool) -> "Bounds":
        """Return these bounds, and no larger than the value."""
        if self.high is None or value < self.high or (value == self.high and is_open):
            return replace(self, high=value, high_open=is_open)
        return self

    def above(self, value: Decimal, *, is_open: bool) -> "Bounds":
        """Return these bounds, and no smaller than the value."""
        if self.low is None or value > self.low or (value == self.low and is_open):
            return replace(self, low=value, low_open=is_open)
        return self

    def among_only(self, values: frozenset[Any]) -> "Bounds":
        """Return only these values."""
        return replace(self, among=values if self.among is None else self.among & values)

    @property
    def empty(self) -> bool:
        if self.among is not None:
            return not {value for value in self.among if self._holds(value)}
        if self.low is None or self.high is None:
            return False
        if self.low == self.high:
            return self.low_open or self.high_open or self.low in self.never
        return self.low > self.high

    def _holds(self, value: Any) -> bool:
        if value in self.never or isinstance(value, bool | str):
            return value not in self.never and not (isinstance(value, str) and self.low is not None)
        above = self.low is None or value > self.low or (value == self.low and not self.low_open)
        below = self.high is None or value < self.high or (value == self.high and not self.high_open)
        return above and below

    def example(self) -> Any:
        """Return one value inside."""
        if self.among is not None:
            return next((value for value in sorted(self.among, key=str) if self._holds(value)), None)
        return self._number()

    def _number(self) -> Decimal:
        low, high = self.low, self.high
        if low is not None and high is not None:
            return low if low == high else durations.plain((low + high) / 2)
        if low is not None:
            return low if not self.low_open and low not in self.never else low + (1 if low >= 1 or low <= 0 else low)
        if high is not None:
            return high if not self.high_open and high not in self.never else (high / 2 if high > 0 else high - 1)
        return Decimal(next(number for number in range(100) if number not in self.never))


@dataclass(frozen=True, slots=True)
class Clause:
    """One way to say yes."""

    bounds: Mapping[str, Bounds] = field(default_factory=dict)
    opaque: frozenset[str] = frozenset()

    @property
    def empty(self) -> bool:
        turned = {text.removeprefix("not (").removesuffix(")") for text in self.opaque if text.startswith("not (")}
        return any(found.empty for found in self.bounds.values()) or bool(turned & self.opaque)

    def joined(self, other: "Clause") -> "Clause":
        """Return both at once."""
        bounds = dict(self.bounds)
        for name, found in other.bounds.items():
            bounds[name] = meet(bounds[name], found) if name in bounds else found
        return Clause(bounds, self.opaque | other.opaque)


def meet(one: Bounds, other: Bounds) -> Bounds:
    """Return what both allow."""
    found = one
    if other.high is not None:
        found = found.narrowed("<" if other.high_open else "<=", other.high)
    if other.low is not None:
        found = found.narrowed(">" if other.low_open else ">=", other.low)
    if other.among is not None:
        found = found.among_only(other.among)
    return replace(found, never=found.never | other.never)


def clauses(group: Group | None, window: Window, *, turned: bool = False) -> tuple[Clause, ...] | None:
    """Return the ways in which a group says yes (or, `turned`, no); None if they are too many to examine."""
    if group is None:
        return () if turned else (Clause(),)
    if group.kind == "none":
        return clauses(replace(group, kind="any"), window, turned=not turned)
    parts = [_member(item, window, turned=turned) for item in group.items]
    return _combined(parts, together=(group.kind == "all") != turned)


def _member(item: Condition | Group, window: Window, *, turned: bool) -> tuple[Clause, ...] | None:
    return (
        clauses(item, window, turned=turned) if isinstance(item, Group) else _of(item.tree, window, "", turned=turned)
    )


def _combined(parts: list[tuple[Clause, ...] | None], *, together: bool) -> tuple[Clause, ...] | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if not together:
        found = tuple(clause for part in known for clause in part)
        return found if len(found) <= MAX_CLAUSES else None
    result: tuple[Clause, ...] = (Clause(),)
    for part in known:
        result = tuple(one.joined(other) for one, other in product(result, part))
        if len(result) > MAX_CLAUSES:
            return None
    return result


def _of(node: tree.Node, window: Window, shift: str, *, turned: bool) -> tuple[Clause, ...] | None:
    match node:
        case tree.And(items=items) | tree.Or(items=items):
            parts = [_of(item, window, shift, turned=turned) for item in items]
            return _combined(parts, together=isinstance(node, tree.And) != turned)
        case tree.Not(item=item):
            return _of(item, window, shift, turned=not turned)
        case tree.Over(item=item, window=inner):
            return _of(item, inner, shift, turned=turned)
    return _test(node, window, shift, turned=turned)


def _test(node: tree.Node, window: Window, shift: str, *, turned: bool) -> tuple[Clause, ...]:
    match node:
        case tree.Constant(value=bool() as value):
            return (Clause(),) if value != turned else ()
        case tree.Compare():
            return _compared(node, window, shift, turned=turned)
        case tree.Within(item=item, choices=tree.Listing(items=choices), negated=negated):
            return _among(node, item, choices, out=negated != turned)
        case tree.Attribute(name=name):
            return (Clause({name: Bounds().narrowed("=", not turned)}),)
    return _opaque(node, turned=turned)


def _opaque(node: tree.Node, *, turned: bool) -> tuple[Clause, ...]:
    text = unparse.text(node)
    return (Clause(opaque=frozenset({f"not ({text})" if turned else text})),)


def _compared(node: tree.Compare, window: Window, shift: str, *, turned: bool) -> tuple[Clause, ...]:
    left, op, right = node.left, str(node.op), node.right
    if _constant(left) is not None:
        left, op, right = right, _MIRRORED[op], left
    name, value = key(left, window, shift), _constant(right)
    if name is None or value is None or (turned and node.confidence is not None):
        return _opaque(node, turned=turned)
    bounds = Bounds(unit=_unit(left)).narrowed(_NEGATED[op] if turned else op, value)
    if _unit(left) == "count":
        bounds = bounds.narrowed(">=", Decimal(0))
    return (Clause({name: bounds}),)


def _among(node: tree.Node, item: tree.Node, choices: tuple[tree.Node, ...], *, out: bool) -> tuple[Clause, ...]:
    name = key(item, Rolling(length=_ANY), "")
    values = frozenset(_constant(choice) for choice in choices)
    if name is None or types.has_metric(item) or None in values:
        return _opaque(node, turned=out)
    if out:
        return (Clause({name: Bounds(never=values)}),)
    return (Clause({name: Bounds(among=values)}),)


_ANY = durations.MAX_DURATION


def _constant(node: tree.Node) -> Any:
    if isinstance(node, tree.Negative):
        inner = _constant(node.item)
        return -inner if isinstance(inner, Decimal) else None
    if not isinstance(node, tree.Constant) or node.kind in {"null", "duration"}:
        return None
    return node.value


def key(node: tree.Node, window: Window, shift: str) -> str | None:
    """Return the name of a value in a rule test, or None if it has none."""
    match node:
        case tree.Metric(name=name):
            prefix = unparse.text(node).removesuffix(name)
            return f"{prefix}{name}_{unparse.window(window)}{shift}"
        case tree.Over(item=item, window=inner):
            return key(item, inner, shift)
        case tree.Ago(item=item, shift=back) if not shift:
            return key(item, window, f"_ago_{durations.written(back)}")
        case tree.Attribute(name=name):
            return name
        case tree.Own(dimension=dimension):
            return f"{dimension}.id"
    return None


def _unit(node: tree.Node) -> str:
    while isinstance(node, tree.Over | tree.Ago):
        node = node.item
    return metrics.unit(node.name) if isinstance(node, tree.Metric) else "plain"


def of_rule(revision: Revision) -> tuple[Clause, ...] | None:
    """Return the ways in which a rule says yes: `when`, with `need`; `unless` is left out, on the safe side."""
    return with_need(clauses(revision.when, revision.data.window), revision)


def with_need(found: tuple[Clause, ...] | None, revision: Revision) -> tuple[Clause, ...] | None:
    """Return the clauses with a sufficient sample."""
    if found is None:
        return None
    window = unparse.window(revision.data.window)
    needed = Clause({f"{name}_{window}": Bounds().narrowed(">=", least) for name, least in revision.data.need.items()})
    return tuple(clause.joined(needed) for clause in found)


def scope(revision: Revision, ignoring: frozenset[str] = frozenset()) -> Clause:
    """Return the subjects of a rule as a clause over their attributes."""
    bounds = {name: Bounds(among=frozenset(values)) for name, values in revision.scope.where.items()}
    for name, values in revision.scope.exclude.items():
        bounds[name] = replace(bounds.get(name, Bounds()), never=frozenset(values))
    found = Clause({name: one for name, one in bounds.items() if name not in ignoring})
    ways = clauses(revision.scope.conditions, revision.data.window) or ()
    return found.joined(replace(ways[0], opaque=frozenset())) if len(ways) == 1 else found


def living(found: tuple[Clause, ...] | None) -> Iterator[Clause]:
    """Yield the possible clauses."""
    yield from (clause for clause in found or () if not clause.empty)
