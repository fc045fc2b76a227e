"""The metrics. Base metrics come from the facts; derived ones are formulas over them, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rules.model.spelling import nearest

COUNTS: tuple[str, ...] = ("clicks", "impressions", "conversions", "approved", "rejected", "pending")
SUMS: tuple[str, ...] = ("payout", "revenue")
BASE: tuple[str, ...] = (*COUNTS, *SUMS)
#: Clicks, each weighed by the share of conversions that has arrived at its age. Nobody can write such a name.
EFFECTIVE_CLICKS = "effective clicks"
_BY_CLICK = " by click"  # `conversions by click`: counted when their clicks were
EVENTS = "events."  # `events.purchase`: how many post-conversion events of that name

Unit: TypeAlias = Literal["count", "money", "share"]


@dataclass(frozen=True, slots=True)
class Derived:
    """`plus` minus `minus`, divided by the sum of `over`; without `over` it is a plain difference."""

    title: str
    unit: Unit
    plus: tuple[str, ...]
    minus: tuple[str, ...] = ()
    over: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The base metrics that it needs, each once."""
        return tuple(dict.fromkeys((*self.plus, *self.minus, *self.over)))


DERIVED: Mapping[str, Derived] = {
    "profit": Derived("profit", "money", ("revenue",), ("payout",)),
    "cr": Derived("conversion rate", "share", ("conversions",), over=("clicks",)),
    "ctr": Derived("click-through rate", "share", ("clicks",), over=("impressions",)),
    "epc": Derived("payout per click", "money", ("payout",), over=("clicks",)),
    "rpc": Derived("revenue per click", "money", ("revenue",), over=("clicks",)),
    "cpa": Derived("payout per conversion", "money", ("payout",), over=("conversions",)),
    "margin": Derived("margin", "share", ("revenue",), ("payout",), ("revenue",)),
    "rejection_rate": Derived("rejection rate", "share", ("rejected",), over=("conversions",)),
    "approval_rate": Derived("approval rate", "share", ("approved",), over=("conversions",)),
}
NAMES: tuple[str, ...] = (*BASE, *DERIVED)


def is_metric(name: str) -> bool:
    """Return True for base and derived metrics and for `events.NAME`."""
    return name in NAMES or (name.startswith(EVENTS) and len(name) > len(EVENTS))


def is_count(name: str) -> bool:
    """Return True if the values are counts, for which a confidence bound can be computed."""
    return name in COUNTS or name.startswith(EVENTS)


def is_sum(name: str) -> bool:
    """Return True for amounts of money that are added up, also by click."""
    return base(name) in SUMS


def by_click(name: str) -> str:
    """Return the base metric, counted at the time of the click."""
    return name + _BY_CLICK


def base(name: str) -> str:
    """Return the base metric behind a name that counts by click."""
    return "clicks" if name == EFFECTIVE_CLICKS else name.removesuffix(_BY_CLICK)


def is_by_click(name: str) -> bool:
    """Return True for names that only facts with click times can answer."""
    return name == EFFECTIVE_CLICKS or name.endswith(_BY_CLICK)


def follows_clicks(name: str) -> bool:
    """Return True for results of a click: conversions, their states, their events and their money."""
    return name in {"conversions", "approved", "rejected", "pending", *SUMS} or name.startswith(EVENTS)


def parts(name: str) -> tuple[str, ...]:
    """Return the base metrics behind a metric; a base metric stands for itself."""
    return DERIVED[name].parts if name in DERIVED else (name,)


def unit(name: str) -> Unit:
    """Return how values of the metric are written for people."""
    if name in DERIVED:
        return DERIVED[name].unit
    return "money" if base(name) in SUMS else "count"


def more_is_worse(name: str) -> bool | None:
    """Return whether more of it is worse for a network; None if that depends, as for a payout."""
    if name in {"rejected", "rejection_rate", "cpa"}:
        return True
    if name in {"payout", "epc", "pending"} or name.startswith(EVENTS):
        return None
    return False


def title(name: str) -> str:
    """Return the metric's name in a sentence."""
    if name.startswith(EVENTS):
        return f"{name.removeprefix(EVENTS)} events"
    return DERIVED[name].title if name in DERIVED else name


def suggestion(name: str) -> str | None:
    """Return the known metric that was probably meant."""
    return nearest(name, NAMES)
