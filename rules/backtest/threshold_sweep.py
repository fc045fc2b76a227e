"""Compare two revisions over the same past, or one revision with many thresholds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from rules.backtest.backtest import Fire, Inhibitor, Progress, Report, backtest
from rules.backtest.costs import Delays, Item, NoRatio, Outlook, outlook
from rules.backtest.simulated_world import History
from rules.language.unparse import condition as written
from rules.model import tree
from rules.model.formatting import counted, span
from rules.model.revision import Group, Revision
from rules.model.syntax import Condition

ONE_OF_TWENTY = 0.05
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences between two revisions over the same time range."""

    old: Report
    new: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One threshold of a sweep: wrong pauses, and the losses without a pause."""

    value: Decimal
    pauses: int
    false_alarms: int
    flaps: int
    loss_avoided: Decimal
    profit_forgone: Decimal
    saved_clicks: Decimal
    honest: int | None = None  # items of the network that are not beyond this threshold; None: nothing is known
    honest_paused: float | None = None  # share of them that it would pause by chance in a month
    unnoticed_hours: int | None = None  # until half of the collapses to a quarter are found; None: not in 20 days
    missing_revenue: Decimal | None = None  # that the traffic of one collapse falls short of the threshold until then
    best: bool = False
    reason: str = ""  # why this one is recommended; empty for the others
    warnings: tuple[str, ...] = ()  # what weakens these figures, as a period without data


class NothingToSweep(ValueError):
    """The rule does not compare this metric with a plain number."""


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
    progress: Progress = lambda _done, _looks, _at: None,
) -> tuple[Tried, ...]:
    """Run the same backtest for each threshold of one metric. `progress` receives the evaluations of all together.

    One of them is marked as a good point: the one that saves the most clicks of bad traffic, minus those that false
    alarms would have cost.

    Raises NothingToSweep, and the errors of `backtest`.
    """
    tried = []
    wanted = tuple(values)
    for number, value in enumerate(wanted):
        moved = with_threshold(revision, metric, value)
        heard = part(progress, number, len(wanted))
        report = backtest(moved, history, start, end, step=step, inhibitors=inhibitors, progress=heard)
        wrong = {id(fire) for fire in report.false_alarms}
        right = sum((_clicks(fire) for fire in report.pauses if id(fire) not in wrong), Decimal(0))
        tried.append(
            Tried(
                value=value,
                pauses=len(report.pauses),
                false_alarms=len(wrong),
                flaps=report.flaps,
                loss_avoided=report.loss_avoided,
                profit_forgone=report.profit_forgone,
                saved_clicks=right - sum((_clicks(fire) for fire in report.false_alarms), Decimal(0)),
                warnings=report.warnings,
            )
        )
    return _recommended(tried)


def part(progress: Progress, number: int, parts: int) -> Progress:
    """Return the progress of one of several equally long backtests, as a part of the whole."""
    return lambda done, evaluations, at: progress(number * evaluations + done, parts * evaluations, at)


def plain_thresholds(revision: Revision) -> dict[str, Decimal]:
    """Return the metrics that the rule compares with a plain number, and that number: what can be swept."""
    return dict(_plain(revision.when)) if revision.when else {}


def _plain(group: Group) -> Iterable[tuple[str, Decimal]]:
    for item in group.items:
        if isinstance(item, Group):
            yield from _plain(item)
        elif isinstance(item.tree, tree.Compare) and isinstance(item.tree.right, tree.Constant):
            value = item.tree.right.value
            if isinstance(value, Decimal):
                yield from ((one.name, value) for one in item.tree.left.walk() if isinstance(one, tree.Metric))


def with_outlook(
    tried: Sequence[Tried],
    revision: Revision,
    metric: str,
    items: Sequence[Item],
    *,
    delays: Delays | None = None,
    worth: float = 0.0,
) -> tuple[Tried, ...]:
    """Return the same thresholds with estimates for the month ahead, for these items of the network.

    `delays` are the times from click to conversion, if known; `worth` is the revenue of a conversion.

    If no threshold would have paused anything, the recommended one finds a collapse soonest, of those that pause
    at most ONE_OF_TWENTY of the honest items by chance. A rule without a ratio has no such estimate.
    """
    try:
        ahead = [outlook(with_threshold(revision, metric, one.value), items, delays, worth) for one in tried]
    except NoRatio:
        return tuple(tried)
    pairs = zip(tried, ahead, strict=True)
    return _recommended([_beside(one, found, worth) for one, found in pairs]) if items else tuple(tried)


def _beside(one: Tried, found: Outlook, worth: float) -> Tried:
    if not found.honest:
        return replace(one, honest=0)
    hours = None if found.unnoticed is None else round(found.unnoticed / HOUR)
    money = Decimal(f"{found.missing * worth:.2f}")
    return replace(
        one, honest=found.honest, honest_paused=found.honest_paused, unnoticed_hours=hours, missing_revenue=money
    )


def _recommended(tried: Sequence[Tried]) -> tuple[Tried, ...]:
    top = max(tried, key=lambda one: (one.saved_clicks, -one.false_alarms), default=None)
    if top is None or not top.pauses:
        top = _soonest(tried)
    chosen = ((one, one is top) for one in tried)
    return tuple(replace(one, best=best, reason=_why(one, tried) if best else "") for one, best in chosen)


def _soonest(tried: Sequence[Tried]) -> Tried | None:
    """Return the threshold that finds a collapse first, of those that leave nearly all honest items alone."""
    fit = [
        (one.unnoticed_hours, one.honest_paused, number)
        for number, one in enumerate(tried)
        if one.honest and one.honest_paused is not None and one.honest_paused <= ONE_OF_TWENTY
        if one.unnoticed_hours is not None
    ]
    return tried[min(fit)[2]] if fit else None


def _why(top: Tried, tried: Sequence[Tried]) -> str:
    """Return the reasons for the recommended threshold: its savings, its neighbours, the next month."""
    return "; ".join(word for word in (_saved(top, tried), _expected(top)) if word)


def _expected(one: Tried) -> str:
    if not one.honest:
        return ""
    unnoticed = one.unnoticed_hours
    found = "is not found within 20 days" if unnoticed is None else f"is found after {span(unnoticed * HOUR)}"
    return (
        f"in a month it pauses {one.honest_paused or 0.0:.1%} of {counted(one.honest, 'honest item')} by chance, and a "
        f"collapse to a quarter {found}"
    )


def _saved(top: Tried, tried: Sequence[Tried]) -> str:
    """Return its savings, and what its neighbours would do instead."""
    if not top.pauses:
        return "none of these thresholds would have paused anything"
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
    """Return the same rule with another number beside the metric. Raises NothingToSweep if there is none."""
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
