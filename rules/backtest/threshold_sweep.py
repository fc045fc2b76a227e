"""Two revisions over the same past, and one revision with many thresholds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from rules.backtest.backtest import Fire, Inhibitor, Report, backtest
from rules.backtest.simulated_world import History
from rules.language.unparse import condition as written
from rules.model import tree
from rules.model.revision import Group, Revision
from rules.model.syntax import Condition


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two revisions would have done differently over the same time range."""

    old: Report
    new: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One threshold of a sweep: what is wrongly paused against what is wasted by not pausing."""

    value: Decimal
    pauses: int
    false_alarms: int
    flaps: int
    kept: Decimal
    lost: Decimal
    saved_clicks: Decimal
    best: bool = False
    reason: str = ""  # why this one is recommended; empty for the others


class NothingToSweep(ValueError):
    """The rule compares no such metric with a plain number."""


def sweep(
    revision: Revision,
    history: History,
    start: datetime,
    end: datetime,
    *,
    metric: str,
    values: Iterable[Decimal],
    step: timedelta | None = None,
    inhibitors: Sequence[Inhibitor] = (),
) -> tuple[Tried, ...]:
    """The same backtest for each threshold of one metric.

    One of them is marked as a good point: the one that saves the most clicks of bad traffic, less those that
    false alarms would have cost.

    Raises NothingToSweep, and what `backtest` raises.
    """
    tried = []
    for value in values:
        moved = with_threshold(revision, metric, value)
        report = backtest(moved, history, start, end, step=step, inhibitors=inhibitors)
        wrong = {id(fire) for fire in report.false_alarms}
        right = sum((_clicks(fire) for fire in report.pauses if id(fire) not in wrong), Decimal(0))
        tried.append(
            Tried(
                value=value,
                pauses=len(report.pauses),
                false_alarms=len(wrong),
                flaps=report.flaps,
                kept=report.kept,
                lost=report.lost,
                saved_clicks=right - sum((_clicks(fire) for fire in report.false_alarms), Decimal(0)),
            )
        )
    top = max(tried, key=lambda one: (one.saved_clicks, -one.false_alarms), default=None)
    if top is None or not top.pauses:
        return tuple(tried)
    return tuple(replace(one, best=True, reason=_why(one, tried)) if one is top else one for one in tried)


def _why(top: Tried, tried: list[Tried]) -> str:
    """What the recommended threshold saves, and what its neighbours would do instead."""
    words = [f"it keeps {top.saved_clicks:,.0f} clicks from bad traffic, those of {_alarms(top)} taken off"]
    at = next(number for number, one in enumerate(tried) if one is top)
    for number, side in ((at - 1, "below"), (at + 1, "above")):
        if 0 <= number < len(tried):
            other = tried[number]
            words.append(f"the next one {side} keeps {other.saved_clicks:,.0f} with {_alarms(other)}")
    return "; ".join(words)


def _alarms(one: Tried) -> str:
    return f"{one.false_alarms} false alarm{'' if one.false_alarms == 1 else 's'}"


def _clicks(fire: Fire) -> Decimal:
    return fire.came.get("clicks", Decimal(0))


def with_threshold(revision: Revision, metric: str, value: Decimal) -> Revision:
    """The same rule with another number beside the metric. Raises NothingToSweep where there is none."""
    group, count = _swept(revision.when, metric, value) if revision.when else (None, 0)
    if not count:
        raise NothingToSweep(f"{revision.id}: no condition of `when` compares {metric} with a plain number")
    return replace(revision, when=group, hash=f"{revision.hash}~{value}")


def _swept(group: Group, metric: str, value: Decimal) -> tuple[Group, int]:
    items: list[Condition | Group] = []
    total = 0
    for item in group.items:
        if isinstance(item, Group):
            inner, count = _swept(item, metric, value)
            items.append(inner)
        else:
            changed, count = _moved(item.tree, metric, value)
            items.append(_said(replace(item, tree=changed)) if count else item)
        total += count
    return replace(group, items=tuple(items)), total


def _said(item: Condition) -> Condition:
    return replace(item, text=written(item))


def _moved(node: tree.Node, metric: str, value: Decimal) -> tuple[tree.Node, int]:
    if (
        isinstance(node, tree.Compare)
        and isinstance(node.right, tree.Constant)
        and isinstance(node.right.value, Decimal)
        and any(isinstance(part, tree.Metric) and part.name == metric for part in node.left.walk())
    ):
        return replace(node, right=replace(node.right, value=value)), 1
    return node, 0
