"""Notify the `notices: operations` channels about problems with the service: once on start, once on recovery.

Workers check whenever they deliver notices. While no worker runs, because Redis, the workers or beat are down, the web
process checks and delivers by itself (`Watchdog`).
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import redis
import structlog
from sqlalchemy.orm import Session

from bridge.config.errors import SettingsError
from bridge.notifications import deliver
from bridge.notifications.collect import due
from bridge.notifications.inputs import NotificationInputs
from bridge.store import heartbeats, notifications, service_alerts
from bridge.store.service_alerts import ObservedProblem, ServiceAlert

log = structlog.get_logger()

RECOVERED_AFTER = timedelta(minutes=1)  # an alert that returns within it has never been over
RECOVERED_AT_ONCE = frozenset({"halt", "rules"})  # a person ended these
NO_TICK_FOR = timedelta(seconds=60)  # without a tick: nobody works
WATCH_INTERVAL = 15.0  # seconds between two checks of the web process


def watch(inputs: NotificationInputs, now: datetime, idle: Sequence[ObservedProblem] = ()) -> None:
    """Check once, and write the notices that follow. Does nothing if no channel receives them.

    `idle` holds the problems that only a process besides the workers can see, such as that no worker runs.
    """
    if not inputs.operations:
        return
    with inputs.store.read() as session:
        seen = {one.key: one for one in [*service_alerts.observe(session, now), *idle]}
        known = {row.key: row for row in service_alerts.open_alerts(session)}
    new = [one for key, one in seen.items() if key not in known]
    same = [key for key in seen if key in known]
    over = [row for key, row in known.items() if key not in seen and _is_over(row, now)]
    if not new and not over and all(now - known[key].seen_at < RECOVERED_AFTER / 2 for key in same):
        return
    with inputs.store.write() as session:
        begun, ended = service_alerts.begin(session, new, now), service_alerts.end(session, [row.key for row in over])
        service_alerts.go_on(session, same, now)
        notifications.add(session, list(_begin_notices(inputs, [one for one in new if one.key in begun], now)))
        notifications.add(session, list(_end_notices(inputs, [row for row in over if row.key in ended], now)))


def _is_over(row: ServiceAlert, now: datetime) -> bool:
    return row.kind in RECOVERED_AT_ONCE or now - row.seen_at >= RECOVERED_AFTER


def _idle_workers(session: Session, ping: Callable[[], object], now: datetime) -> list[ObservedProblem]:
    last = heartbeats.last_tick(session)
    if last is None or now - last <= NO_TICK_FOR:
        return []
    return [
        ObservedProblem(
            "queue", f"no work has been done since {last:%H:%M:%S} UTC: {_why_idle(ping)}; webhooks are still accepted"
        )
    ]


def _why_idle(ping: Callable[[], object]) -> str:
    try:
        ping()
    except (redis.RedisError, OSError, SettingsError) as error:
        return f"Redis cannot be reached ({type(error).__name__})"
    return "worker and beat are not both running"


def _begin_notices(
    inputs: NotificationInputs, found: Iterable[ObservedProblem], now: datetime
) -> Iterable[dict[str, Any]]:
    for one in found:
        log.warning("service alert begins", alert=one.key)
        yield from _rows(inputs, "service_alert", one, since=now, now=now)


def _end_notices(inputs: NotificationInputs, found: Iterable[ServiceAlert], now: datetime) -> Iterable[dict[str, Any]]:
    for row in found:
        log.info("service alert over", alert=row.key)
        text = f"over since {now:%H:%M:%S} UTC, after {_length(now - row.since)}: {row.text.partition(';')[0]}"
        yield from _rows(inputs, "recovered", ObservedProblem(row.key, text), since=row.since, now=now)


def _length(length: timedelta) -> str:
    minutes = int(length.total_seconds()) // 60
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min" if minutes else "a moment"


def _rows(
    inputs: NotificationInputs, topic: str, one: ObservedProblem, *, since: datetime, now: datetime
) -> Iterable[dict[str, Any]]:
    """Return one row for each meant channel, except for the channel that has the problem."""
    return [
        {
            "topic": topic,
            "dedupe_key": f"{topic}:{one.key}:{since.isoformat()}",
            "text": one.text,
            "data": {"alert": one.key, "since": since.isoformat()},
            "channel": channel,
            "created_at": now,
            "due_at": due(inputs.channels[channel], now),
        }
        for channel in inputs.operations
        if one.key != f"channel:{channel}" or topic == "recovered"
    ]


class Watchdog(threading.Thread):
    """Watches the workers from the web process, which runs without Redis."""

    def __init__(
        self, inputs: Callable[[], NotificationInputs], ping: Callable[[], object], *, interval: float = WATCH_INTERVAL
    ) -> None:
        """Create it.

        `inputs` is called at each check, because bridge.yaml may have changed; `ping` raises while Redis is down.
        """
        super().__init__(name="watch", daemon=True)
        self._inputs = inputs
        self._ping = ping
        self._interval = interval
        self._stopping = threading.Event()

    def run(self) -> None:
        wait = max(self._interval, NO_TICK_FOR.total_seconds())  # after a start the workers have time to come up
        while not self._stopping.wait(wait):
            wait = self._interval
            try:
                self.once()
            except Exception:
                log.exception("watchdog failed")  # the database may be away too; the next look finds out

    def once(self) -> None:
        """Deliver what is due, but only while no worker does."""
        inputs = self._inputs()
        now = inputs.clock()
        with inputs.store.read() as session:
            idle = _idle_workers(session, self._ping, now)
        if idle:
            watch(inputs, now, idle)
            deliver.deliver(inputs, now)

    def stop(self) -> None:
        self._stopping.set()
        self.join(timeout=5)
