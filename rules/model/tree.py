"""The tree of a condition. Values only: `evaluate` gives them meaning, `unparse` writes them.

Two trees are equal when they say the same thing, wherever it stood: columns do not take part.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Literal, TypeAlias, get_args

from rules.model.metrics import more_is_worse as goodness
from rules.model.revision import Dimension, Window

#: For how long a confidence holds: one evaluation, a month of any number of them, or the pauses of a month together.
Holds: TypeAlias = Literal["once", "month", "pauses"]
Side: TypeAlias = Literal["worst", "best", "top", "bottom"]
SIDES: tuple[Side, ...] = get_args(Side)
COUNTABLE: Mapping[str, Dimension] = {"offers": "offer", "publishers": "publisher", "advertisers": "advertiser"}
Comparison: TypeAlias = Literal["<", "<=", ">", ">=", "=", "!="]


_LEAVES = frozenset(
    {
        "column",
        "measured",
        "name",
        "op",
        "per",
        "kind",
        "function",
        "pattern",
        "share",
        "window",
        "shift",
        "holds",
        "where",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One part of a condition. `column` counts from 1 within the condition's own text."""

    column: int = field(default=1, compare=False)
    measured: bool | None = field(default=None, init=False, repr=False, compare=False)  # once `has_metric` has looked

    def has_metric(self) -> bool:
        """Return whether it contains a metric. A tree never changes, and every evaluation asks: so it looks once."""
        found = self.measured
        if found is None:
            found = any(isinstance(part, Metric) for part in self.walk())
            object.__setattr__(self, "measured", found)
        return found

    def children(self) -> Iterator["Node"]:
        for name in _part_names(type(self)):  # type: ignore[arg-type]  # a class is hashable
            value = getattr(self, name)
            if isinstance(value, Node):
                yield value
            elif isinstance(value, tuple):
                yield from (part for part in value if isinstance(part, Node))

    def walk(self) -> Iterator["Node"]:
        """Yield the node itself and all below it, in no fixed order; never recursive, so depth cannot hurt."""
        waiting: list[Node] = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(node.children())


@cache
def _part_names(kind: type[Node]) -> tuple[str, ...]:
    return tuple(item.name for item in fields(kind) if item.name not in _LEAVES)


# --- values ----------------------------------------------------------------------------------------

LiteralKind: TypeAlias = Literal["number", "percent", "duration", "text", "bool", "null"]


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A value in the text. A percent is stored as its share: 5% is Decimal("0.05")."""

    value: Decimal | timedelta | str | bool | None
    kind: LiteralKind


@dataclass(frozen=True, slots=True)
class Listing(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A dotted name as written, before `names` has resolved it."""

    text: str


@dataclass(frozen=True, slots=True)
class Metric(Node):
    """A measured value; `per` is None for the subject's own dimension, `()` for the whole account."""

    name: str
    per: tuple[Dimension, ...] | None = None


@dataclass(frozen=True, slots=True)
class Attribute(Node):
    name: str


@dataclass(frozen=True, slots=True)
class Own(Node):
    """The subject's own id: `offer`, `offer.id`, `country`."""

    dimension: Dimension


@dataclass(frozen=True, slots=True)
class Clock(Node):
    """The local time of the evaluation, in the rule's zone: `hour`, `weekday` or `date`."""

    name: Literal["hour", "weekday", "date"]


@dataclass(frozen=True, slots=True)
class Reference(Node):
    """A value of an earlier step of `then`, known only after that step was executed."""

    step: str
    name: str


@dataclass(frozen=True, slots=True)
class Negative(Node):
    item: Node


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    op: Literal["+", "-", "*", "/"]
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Count(Node):
    """`count(offers where active) per advertiser`: how many entities meet a condition on their own attributes.

    `where` is about each of them, not about the subject, and is therefore no child. `per` is what they share with the
    subject; `()` counts those of the whole account, None means not given.
    """

    kind: str  # offers, publishers, advertisers
    where: "Node | None" = None
    per: tuple[Dimension, ...] | None = None

    @property
    def dimension(self) -> Dimension:
        """The counted dimension."""
        return COUNTABLE[self.kind]


@dataclass(frozen=True, slots=True)
class Over(Node):
    """The item, with another window for those metrics in it that have none of their own."""

    item: Node
    window: Window


@dataclass(frozen=True, slots=True)
class Ago(Node):
    """The item, a time earlier; shifts add up."""

    item: Node
    shift: timedelta


# --- conditions ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compare(Node):
    op: Comparison
    left: Node
    right: Node
    confidence: Decimal | None = None  # 0.95 for `@95%`
    holds: Holds = "once"


@dataclass(frozen=True, slots=True)
class Losing(Node):
    """The question of `lose_at_most`: whether a ratio with a threshold has cost `amount` so far.

    It is not written in conditions. `worth` is the worth of one hit; None: that of the item's hits.
    """

    item: Compare
    amount: Decimal
    worth: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Within(Node):
    """`item in choices` or, negated, `item not in choices`."""

    item: Node
    choices: Node
    negated: bool = False


@dataclass(frozen=True, slots=True)
class InTable(Node):
    """`item in table vips`, `in table vips.offer`: in the cells of a column (by default the first)."""

    item: Node
    table: str
    of: str | None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Matches(Node):
    item: Node
    pattern: str


@dataclass(frozen=True, slots=True)
class Change(Node):
    """`item up|down share vs baseline`; a baseline of None means the peers."""

    item: Node
    direction: Literal["up", "down"]
    share: Decimal
    baseline: Window | None
    same_hours: bool = False
    confidence: Decimal | None = None
    holds: Holds = "once"


@dataclass(frozen=True, slots=True)
class Unusual(Node):
    """`item unusual [up|down] @confidence vs past same hours`: far from the same hours of the weeks before."""

    item: Node
    direction: Literal["up", "down", "either"]
    confidence: Decimal
    past: timedelta

    @property
    def days(self) -> int:
        """The number of days that it looks back."""
        return self.past.days


@dataclass(frozen=True, slots=True)
class Rank(Node):
    """`worst 5 by item per group`: one of N at one end of the scope, or of each group; one of the two is set."""

    side: Side
    count: Decimal | None
    share: Decimal | None
    item: Node
    group: Node | None = None

    @property
    def largest(self) -> bool:
        """True if the largest values come first. Which end is the worse depends on the metric."""
        if self.side in {"top", "bottom"}:
            return self.side == "top"
        return self.more_is_worse == (self.side == "worst")

    @property
    def more_is_worse(self) -> bool | None:
        """True if more of the metric is worse; None if that depends."""
        names = {part.name for part in self.item.walk() if isinstance(part, Metric)}
        return goodness(next(iter(names))) if len(names) == 1 else None


@dataclass(frozen=True, slots=True)
class Forecast(Node):
    item: Node
    op: Comparison
    limit: Node
    within: timedelta


@dataclass(frozen=True, slots=True)
class Not(Node):
    item: Node


@dataclass(frozen=True, slots=True)
class And(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or(Node):
    items: tuple[Node, ...]
