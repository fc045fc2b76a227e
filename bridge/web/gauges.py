"""Gauges read from the database at each scrape, so that every process shows the same values."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bridge.config.settings import Account
from bridge.integr8.exports import DAY, PER_DAY
from bridge.services.container import Services
from bridge.store import (
    exports,
    feeds,
    halts,
    heartbeats,
    holds,
    journal,
    ledger,
    notifications,
    revisions,
    service_alerts,
)


@dataclass(frozen=True, slots=True)
class Gauge:
    """A gauge: its name, its description, and its labels."""

    name: str
    text: str
    labels: tuple[str, ...] = ()

    def family(self, readings: Mapping[tuple[str, ...], float]) -> GaugeMetricFamily:
        made = GaugeMetricFamily(self.name, self.text, labels=self.labels)
        for labels, value in readings.items():
            made.add_metric(labels, value)
        return made


DATABASE_UP = Gauge("bridge_database_up", "1 while the database answers; otherwise all other gauges are missing.")
EVENTS = Gauge("bridge_events", "Events in the journal, by state.", ("state",))
EFFECTS = Gauge("bridge_effects", "Effects in the ledger, by state.", ("state",))
PLANS_WAITING = Gauge("bridge_plans_waiting", "Plans that wait for approval.")
HOLDS_ACTIVE = Gauge("bridge_holds_active", "Targets that rules keep paused.")
HALTED = Gauge("bridge_halted", "1 while the global halt is on.")
FEED_AGE = Gauge("bridge_feed_age_seconds", "Age of the newest complete data of a feed, in seconds.", ("feed",))
HEARTBEAT_AGE = Gauge(
    "bridge_heartbeat_age_seconds", "Time since the last heartbeat of a part of the service, in seconds.", ("part",)
)
BUDGET = Gauge("bridge_budget_per_second", "Requests a second that bridge.yaml allows.", ("account",))
EXPORTS_LEFT = Gauge("bridge_exports_left", "Exports that Integr8 still allows within 24 hours.", ("account",))
RULES_BROKEN = Gauge("bridge_rules_broken", "Rule files whose newest text is refused; the last good revision is live.")
NOTICES = Gauge("bridge_notices", "Notices by channel and state, such as waiting.", ("channel", "state"))
CHANNEL_FAILURES = Gauge("bridge_channel_failures", "Failed deliveries in a row; 0 after a success.", ("channel",))
TROUBLES = Gauge(
    "bridge_service_alerts", "Problems with the service that were sent to the operations channels.", ("kind",)
)

READ = (
    DATABASE_UP, EVENTS, EFFECTS, PLANS_WAITING, HOLDS_ACTIVE, HALTED, FEED_AGE, HEARTBEAT_AGE, RULES_BROKEN,
    NOTICES, CHANNEL_FAILURES, TROUBLES,
    BUDGET, EXPORTS_LEFT,
)  # fmt: skip


class Gauges(Collector):
    """Reads the database of one service whenever a registry collects."""

    def __init__(self, services: Services, clock: Callable[[], datetime]) -> None:
        self._services = services
        self._clock = clock

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            with self._services.store.read() as session:
                now, accounts = self._clock(), self._services.settings.accounts
                found = [*_readings(session, now), *_budgets(session, accounts, now)]
        except SQLAlchemyError:
            yield DATABASE_UP.family({(): 0})  # what this group counted itself is still told
            return
        yield DATABASE_UP.family({(): 1})
        for gauge, readings in found:
            yield gauge.family(readings)


def _readings(session: Session, now: datetime) -> Iterator[tuple[Gauge, Mapping[tuple[str, ...], float]]]:
    yield EVENTS, _by_state(journal.EventState, journal.counts(session))
    yield EFFECTS, _by_state(ledger.EffectState, ledger.counts(session))
    yield PLANS_WAITING, {(): ledger.count_waiting(session)}
    yield HOLDS_ACTIVE, {(): holds.count_active(session)}
    yield HALTED, {(): halts.halted(session) is not None}
    yield FEED_AGE, _ages({one.name: one.as_of for one in feeds.everything(session) if one.as_of}, now)
    yield HEARTBEAT_AGE, _ages(heartbeats.last_beats(session), now)
    generation = revisions.newest(session)
    problems = generation.problems if generation else []
    yield RULES_BROKEN, {(): len({one["file"] for one in problems if one["severity"] == "error"})}
    yield CHANNEL_FAILURES, {(name,): float(n) for name, n in notifications.failures(session).items()}
    yield NOTICES, {(channel, state): number for (channel, state), number in notifications.counts(session).items()}
    yield (
        TROUBLES,
        {(kind,): number for kind, number in Counter(row.kind for row in service_alerts.open_alerts(session)).items()},
    )


def _budgets(
    session: Session, accounts: Mapping[str, Account], now: datetime
) -> Iterator[tuple[Gauge, Mapping[tuple[str, ...], float]]]:
    yield BUDGET, {(name,): account.rate.per_second for name, account in accounts.items()}
    used = exports.counts(session, now - DAY)
    yield EXPORTS_LEFT, {(name,): max(0, PER_DAY - used.get(name, 0)) for name in accounts}


def _by_state(states: Iterable[str], counts: Mapping[str, int]) -> dict[tuple[str, ...], float]:
    """Return all states, including empty ones: otherwise an alert never ends after its last row has left the state."""
    return {(str(state),): counts.get(str(state), 0) for state in states}


def _ages(moments: Mapping[str, datetime], now: datetime) -> dict[tuple[str, ...], float]:
    return {(name,): (now - at).total_seconds() for name, at in moments.items()}
