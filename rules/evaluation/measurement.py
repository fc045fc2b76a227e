"""One condition evaluated for one subject: both sides, the sample, the window. Sentences are made from it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from rules.evaluation import confidence_check, interpret, templates
from rules.evaluation.columns import Truth
from rules.evaluation.frame import Frame, Lookback
from rules.evaluation.windows import SAME_PART
from rules.language import unparse
from rules.model import formatting, metrics, tree
from rules.model.facts import Column, Why
from rules.model.revision import Rolling
from rules.model.verdicts import Answer


class Measurement:
    """A test, the frame of its one subject, and the answer."""

    def __init__(self, node: tree.Node, frame: Frame, lookback: Lookback) -> None:
        self.node = node
        self.frame = frame
        self.lookback = lookback
        self.found = interpret.answer(node, frame, lookback)
        self.answer = Answer(int(self.found.answers[0]))
        self.why = why_of(self.found)

    def left(self) -> tree.Node:
        """Return the compared side."""
        for name in ("left", "item"):
            found = getattr(self.node, name, None)
            if isinstance(found, tree.Node):
                return found
        return self.node

    def right(self) -> tree.Node | None:
        """Return the other side, if it is a separate part."""
        return next(
            (getattr(self.node, name) for name in ("right", "limit", "choices") if hasattr(self.node, name)), None
        )

    def cell(self, node: tree.Node, lookback: Lookback | None = None) -> Any:
        """Return a part's value for the subject, or None."""
        if isinstance(node, tree.Listing):
            return [self.cell(item) for item in node.items]
        column = interpret.value(node, self.frame, lookback or self.lookback)
        return templates.jsonable(column.values[0]) if why_of(column) is Why.KNOWN else None

    def exact(self, node: tree.Node, lookback: Lookback | None = None) -> Fraction | None:
        """Return a part's exact value for the subject, if it is a number."""
        column = interpret.value(node, self.frame.exactly(np.zeros(1, np.intp)), lookback or self.lookback)
        found = column.values[0]
        return Fraction(found) if why_of(column) is Why.KNOWN and isinstance(found, int | Decimal | Fraction) else None

    def threshold(self) -> Any:
        """Return what the value is compared with."""
        if isinstance(self.node, tree.Change):
            line = interpret.turning_point(self.node, self.frame, self.lookback)
            return templates.jsonable(line.values[0]) if why_of(line) is Why.KNOWN else None
        if isinstance(self.node, tree.Unusual):
            found = interpret.usual(self.node, self.frame, self.lookback)
            return list(found.usual(0, whole=self.unit() == "count")) if not found.why[0] else None
        right = self.right()
        if right is None:
            return getattr(self.node, "pattern", None)
        return self.cell(right)

    def measured_part(self) -> tree.Metric | None:
        """Return the first metric of the compared side."""
        return next((part for part in self.left().walk() if isinstance(part, tree.Metric)), None)

    def lookback_of(self, metric: tree.Metric | None) -> Lookback:
        """Return the time range of a metric."""
        return next(
            (lookback for part, lookback in lookbacks(self.node, self.lookback) if part is metric), self.lookback
        )

    def edges(self, metric: tree.Metric | None) -> tuple[Any, Any]:
        """Return start and end of the metric's window, UTC."""
        if metric is None:
            return None, None
        current = self.frame.current(self.lookback_of(metric), self.frame.settle_of_row())
        return current.start, current.end

    def sample(self) -> dict[str, float | None]:
        """Return the base metrics behind the compared side."""
        held: dict[str, float | None] = {}
        for part, lookback in lookbacks(self.left(), self.lookback):
            prefix = "" if part.per is None else unparse.text(part).removesuffix(part.name)
            for name in metrics.parts(part.name):
                held.setdefault(prefix + name, self.cell(replace(part, name=self._counted(part, name)), lookback))
            if self.is_cohort(part):
                effective = self.cell(replace(part, name=metrics.EFFECTIVE_CLICKS), lookback)
                held.setdefault(f"{prefix}effective_clicks", effective)
        return held

    def story(self) -> confidence_check.Story:
        """Return the evidence behind `@95% a month`, in figures."""
        node = self.node
        assert isinstance(node, tree.Compare | tree.Change)
        return confidence_check.story(
            node, interpret.parts_of(node, self.frame), self.frame, self.lookback, interpret.value
        )

    def turns_up(self) -> bool:
        """Return True if the test asks whether something is above its threshold."""
        return getattr(self.node, "direction", "") == "up" or getattr(self.node, "op", "") in {">", ">="}

    def has_cohorts(self) -> bool:
        """Return True if some ratio of this test counts conversions by their click."""
        if any(isinstance(part, tree.Metric) and self.is_cohort(part) for part in self.node.walk()):
            return True
        return any(
            isinstance(part, tree.Arithmetic)
            and part.op == "/"
            and interpret.cohort(part.left, part.right, self.frame) != (part.left, part.right)
            for part in self.node.walk()
        )

    def is_cohort(self, part: tree.Metric) -> bool:
        """Return True if the metric counts conversions by their click."""
        formula = metrics.DERIVED.get(part.name)
        return self.frame.cohorts is not None and formula is not None and formula.over == ("clicks",)

    def counted(self, metric: tree.Metric, name: str) -> float:
        """Return a base metric as the ratio uses it: conversions by their click, clicks as effective clicks."""
        inner = metrics.EFFECTIVE_CLICKS if self.is_cohort(metric) and name == "clicks" else self._counted(metric, name)
        return float(self.cell(replace(metric, name=inner), self.lookback_of(metric)) or 0)

    def _counted(self, part: tree.Metric, name: str) -> str:
        return metrics.by_click(name) if self.is_cohort(part) and name != "clicks" else name

    def unit(self) -> str:
        """Return the unit of both sides."""
        return unit_of(self.left()) if unit_of(self.left()) != "plain" else unit_of(self.right())

    def name(self) -> str:
        """Return the compared side in words."""
        left = self.left()
        return described(left, self.lookback_of(left)) if isinstance(left, tree.Metric) else titled(left)

    def window(self, lookback: Lookback) -> timedelta:
        """Return the length of the window."""
        return self.frame.current(lookback, self.frame.settle_of_row()).length


def why_of(found: Truth | Column) -> Why:
    """Return why the one cell has no value."""
    return Why(int(found.why[0]))


def is_named(node: tree.Node) -> bool:
    """Return True for a part with its own name, which is therefore more than a plain value."""
    return isinstance(node, tree.Metric | tree.Attribute | tree.Own | tree.Call)


def bare(node: tree.Node) -> tree.Node:
    """Return the part without its windows."""
    while isinstance(node, tree.Over | tree.Ago):
        node = node.item
    return node


def lookbacks(node: tree.Node, lookback: Lookback) -> Iterator[tuple[tree.Metric, Lookback]]:
    """Yield each metric inside, with its window."""
    if isinstance(node, tree.Metric):
        yield node, lookback
    elif isinstance(node, tree.Over):
        yield from lookbacks(node.item, replace(lookback, window=node.window))
    elif isinstance(node, tree.Ago):
        yield from lookbacks(node.item, replace(lookback, shift=lookback.shift + node.shift))
    else:
        for child in node.children():
            yield from lookbacks(child, lookback)


def unit_of(node: tree.Node | None) -> str:
    """Return the unit of a part's value."""
    node = None if node is None else bare(node)
    match node:
        case tree.Metric(name=name):
            return metrics.unit(name)
        case tree.Constant(kind="percent"):
            return "share"
        case tree.Constant(kind="duration") | tree.Call(function="age"):
            return "span"
        case tree.Arithmetic(op="+" | "-" | "*", left=left, right=right):
            return next((unit for unit in map(unit_of, (left, right)) if unit not in {"plain", "share"}), "plain")
    return "plain"


def titled(node: tree.Node) -> str:
    """Return a part in words; anything but a single metric is quoted in its written form."""
    inner = bare(node)
    if isinstance(inner, tree.Metric):
        return unparse.text(node).replace(inner.name, metrics.title(inner.name), 1)
    return unparse.text(node)


def described(metric: tree.Metric, lookback: Lookback) -> str:
    """Return `conversion rate`, `advertiser's conversions over 1h`."""
    whose = "" if metric.per is None else "the network's " if not metric.per else f"the {metric.per[0]}'s "
    ago = f" {formatting.span(lookback.shift)} ago" if lookback.shift else ""
    return f"{whose}{metrics.title(metric.name)}{ago}"


def baseline_words(seen: Measurement, node: tree.Change) -> str:
    """Return the other side of a change, in words."""
    if node.baseline is None:
        return "the others in scope"
    if not isinstance(node.baseline, Rolling):
        words = node.baseline.unit.replace("_", " ")
        growing = seen.lookback_of(seen.measured_part()).window
        return f"the same part of {words}" if (growing, node.baseline) in SAME_PART else words
    if node.same_hours:
        return f"the same hours of the {node.baseline.length.days} days before"
    return f"the {formatting.span(node.baseline.length)} before"
