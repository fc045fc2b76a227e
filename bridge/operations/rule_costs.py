"""Estimate what a rule costs at this network's volumes before it is live."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.exc import SQLAlchemyError

from bridge.config import rules_directory, settings
from bridge.reports.arrival_curves import EDGES
from bridge.reports.current_facts import LiveFacts, facts_for
from bridge.reports.past_facts import lasting
from bridge.services.container import Services
from bridge.store.schema_version import pending
from rules.backtest.costs import Cost, Delays, Item, NoRatio, forecast, ratio, worth_of_hit
from rules.evaluation import confidence_check
from rules.language import types
from rules.language.actions import destructive
from rules.model import metrics, tree
from rules.model.facts import Why
from rules.model.revision import Revision

DAY = timedelta(days=1)
MEASURED, FARTHER = 7 * DAY, 19 * DAY  # a live process has twenty days at hand
QUANTILES = (0.25, 0.5, 0.9)  # of the subjects with traffic: quiet, typical, busy
HOUR = 3600  # seconds
TYPICAL = (100.0, 700.0, 2_000.0, 8_000.0)  # a day, where nothing has been measured yet


def costs_of(services: Services, revision: Revision, now: datetime) -> list[dict[str, Any]]:
    """Return one row per volume; none for a rule without a ratio of counts."""
    node = ratio(revision.when)
    if node is None:
        return []
    with _facts(services, revision, now) as facts:
        span = _span_with(facts, _counted(node), now)
        volumes = _volumes(facts, _counted(node), now, span)
        worth = _worth(facts, now, span)
        delays = _delays(facts, node, now)
    some = volumes[volumes > 0]
    chosen = _typical_of(some) if len(some) else TYPICAL
    try:
        found = forecast(revision, chosen, delays, worth)
    except NoRatio:
        return []
    return [_row(revision, one, len(some), worth, delayed=delays is not None) for one in found]


def costs_in_home(directory: Path | None) -> tuple[str, ...] | None:
    """Return one line for each rule and volume of a directory whose database can be read; None for others."""
    services = Services(settings.load(directory))
    try:
        if pending(services.store.engine):
            return None
        revisions = rules_directory.read(services.settings).revisions
        return tuple(line for one in revisions for line in _lines(one, costs_of(services, one, services.clock())))
    except SQLAlchemyError:
        return None
    finally:
        services.close()


def typical_costs_in_home(directory: Path | None) -> tuple[str, ...]:
    """Return the same at typical volumes."""
    revisions = rules_directory.read(settings.load(directory)).revisions
    return tuple(line for one in revisions for line in _lines(one, typical_costs(one)))


def _lines(revision: Revision, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield the costs as sentences; a rule that takes traffic away and has none says why."""
    if not rows and revision.timed and destructive(revision.then):
        yield f"{revision.id}: no forecast: it compares no ratio of counts with a plain number, as cr < 0.40% does"
    yield from map(costs_text, rows)


def _delays(facts: LiveFacts, node: tree.Node, now: datetime) -> Delays | None:
    """Return the conversion lag in this network; None if it is unknown or not needed."""
    if not _waits_for_conversions(node):
        return None
    curves = facts.data.curves(now)
    return None if curves is None else Delays(EDGES / HOUR, curves.shares[0])


def _waits_for_conversions(node: tree.Node) -> bool:
    """Return whether conversions that are yet to come change the ratio: those of clicks, and not of impressions."""
    parts = types.ratio_of_counts(node.left) if isinstance(node, tree.Compare) else None
    return parts is not None and not confidence_check.is_whole(parts)


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """The input of the simulated month: the items in a rule's scope, their delays and the worth of a conversion."""

    items: Sequence[Item] = ()  # with their traffic a day and their ratio
    delays: Delays | None = None  # how soon conversions come after their clicks; None: not known, or of no interest
    worth: float = 0.0  # revenue of a conversion


def network_of(services: Services, revision: Revision, now: datetime) -> Network:
    """Return the network as it is now, for a rule with a ratio of counts; empty for others."""
    node = ratio(revision.when)
    parts = None if node is None else types.ratio_of_counts(node.left)
    if node is None or parts is None:
        return Network()
    with _facts(services, revision, now) as facts:
        span = _span_with(facts, _counted(node), now)
        hits, trials = (_amounts(facts, part, now, span) for part in parts)
        days = _days(facts, _counted(node), now, span)
        delays, worth = _delays(facts, node, now), _worth(facts, now, span)
    some = (trials > 0) & (days > 0)
    each = zip(hits[some], trials[some], days[some], strict=True)
    return Network([Item(a_day=float(of / on), rate=float(hit / of)) for hit, of, on in each], delays, worth)


@contextmanager
def _facts(services: Services, revision: Revision, now: datetime) -> Iterator[LiveFacts]:
    """Load the facts of the rule's scope; amounts can be read while the block runs.

    What is paused now belongs to it: it had traffic before, and will have when it is back.
    """
    data = services.data(revision.account, revision.integration)
    with services.store.read() as session:
        services.library.current(session)  # reads the tables anew where rules have changed
        yield facts_for(session, data, lasting(revision), now, services.library.tables)


def _span_with(facts: LiveFacts, name: str, now: datetime) -> timedelta:
    """Return the last week; or, if nothing had traffic in it, as far back as observations are at hand."""
    return next((span for span in (MEASURED, FARTHER) if _volumes(facts, name, now, span).any()), MEASURED)


def _volumes(facts: LiveFacts, name: str, now: datetime, span: timedelta) -> Any:
    """Return the traffic of each subject a day, over those days on which it had any: others do not say how much."""
    total, days = _by_day(facts, name, now, span)
    return np.divide(total, days, out=np.zeros(len(total)), where=days > 0)


def _days(facts: LiveFacts, name: str, now: datetime, span: timedelta) -> Any:
    """Return on how many days each subject had traffic."""
    return _by_day(facts, name, now, span)[1]


def _by_day(facts: LiveFacts, name: str, now: datetime, span: timedelta) -> tuple[Any, Any]:
    """Return the amount of each subject over the days that are known, and on how many of them it had any."""
    per = facts.subjects[0].per if facts.subjects else ()
    total, days = np.zeros(len(facts.subjects)), np.zeros(len(facts.subjects))
    for ago in range(span // DAY):
        found = facts.measure(name, per, now - (ago + 1) * DAY, now - ago * DAY)
        each = np.where(found.why == Why.KNOWN, found.values, 0.0)
        total += each
        days += each > 0
    return total, days


def _amounts(facts: LiveFacts, node: tree.Node, now: datetime, span: timedelta) -> Any:
    """Return the sum of one side of the ratio over the span."""
    total = np.zeros(len(facts.subjects))
    for part in node.walk():
        if isinstance(part, tree.Metric):
            total += _by_day(facts, part.name, now, span)[0]
    return total


def typical_costs(revision: Revision) -> list[dict[str, Any]]:
    """Return the costs at typical volumes, without a network: one row each, none for a rule without such a ratio."""
    try:
        found = forecast(revision, TYPICAL)
    except NoRatio:
        return []
    return [_row(revision, one, 0, 0.0, delayed=False) for one in found]


def costs_text(row: dict[str, Any]) -> str:
    """Return one row as a sentence."""
    unnoticed = row["unnoticed_hours"]
    more = "" if row.get("delays") else " and as long as conversions take"
    after = f"{unnoticed} h{more}" if unnoticed[0].isdigit() else unnoticed
    limit = f"; {row['limit']}" if row.get("limit") else ""
    volume = f"{row['a_day']:,} a day" + ("" if row["subjects"] else " (no traffic is known here)")
    side = "beyond" if row.get("rises") else "short of"
    worth = f", {row['missing_revenue']} of revenue {side} the threshold" if Decimal(row["missing_revenue"]) else ""
    fall = "a rise to four times" if row.get("rises") else "a collapse to a quarter"
    return (
        f"{row['rule']}: at {volume}, it pauses {row['honest_paused']} of honest items in a month "
        f"({row['better_paused']} of those 1.5 times as good); {fall} goes unnoticed for {after}, "
        f"in which {row['passed']:,} pass{worth}{limit}"
    )


def _typical_of(volumes: Any) -> tuple[float, ...]:
    """Return a quiet, a typical and a busy subject, each once; equal subjects give one row."""
    return tuple({f"{value:.0f}": float(value) for value in np.quantile(volumes, QUANTILES)}.values())


def _counted(node: tree.Compare) -> str:
    """Return the denominator of the ratio: clicks for `cr`."""
    names = [part.name for part in node.left.walk() if isinstance(part, tree.Metric)]
    return next((metrics.DERIVED[name].over[0] for name in names if name in metrics.DERIVED), "clicks")


def _worth(facts: LiveFacts, now: datetime, span: timedelta) -> float:
    """Return the revenue per conversion of everything in scope."""
    revenue, sold = (_by_day(facts, name, now, span)[0].sum() for name in ("revenue", "conversions"))
    return float(revenue / sold) if sold > 0 else 0.0


def _row(revision: Revision, one: Cost, subjects: int, worth: float, *, delayed: bool) -> dict[str, Any]:
    found = one.limited or one
    return {
        "rule": revision.id,
        "a_day": round(one.a_day),
        "subjects": subjects,
        "honest_paused": f"{one.honest_paused:.0%}",
        "better_paused": f"{one.better_paused:.0%}",
        "unnoticed_hours": _hours(found.unnoticed),
        "passed": round(found.passed),
        "missing_revenue": f"{found.missing * (worth or worth_of_hit(revision, 0.0)):.2f}",
        "delays": delayed or not _waits_for_conversions(_compared(revision)),
        "limit": _limit_words(revision, one),
        "rises": _rises(revision),
    }


def _compared(revision: Revision) -> tree.Compare:
    node = ratio(revision.when)
    assert node is not None, "only a rule with a ratio has costs"
    return node


def _rises(revision: Revision) -> bool:
    """Return whether the rule acts above its threshold."""
    return _compared(revision).op in {">", ">="}


def _hours(unnoticed: timedelta | None) -> str:
    return "more than 20 days" if unnoticed is None else str(round(unnoticed / timedelta(hours=1)))


def _limit_words(revision: Revision, one: Cost) -> str:
    """Return what `lose_at_most` has to do with these figures; empty for a rule without it."""
    limit = revision.lose_at_most
    if limit is None:
        return ""
    if one.limited is None:
        return f"without lose_at_most: {limit.money}, because what a conversion brings is not known here"
    does = {
        "ask": "asks a person",
        "pause": "pauses, until probation",
        "cap": f"caps to {limit.clicks_per_day or 0:,} clicks a day",
    }[limit.then]
    hours = _hours(one.unnoticed)
    proof = f"a proof alone takes {hours}{' h' if hours[0].isdigit() else ''}"
    return (
        f"lose_at_most: {limit.money} is in these figures; it {does}, and does so for {one.limited.honest:.0%} of "
        f"honest items in a month, too; {proof}"
    )
