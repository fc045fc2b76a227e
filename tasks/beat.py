"""Celery's beat scheduler, except that it continues when the clock is set back.

Celery keeps for each entry when it last ran, and waits until the clock has passed that moment again: after a step of an
hour there would be no tick for an hour.
"""

import time
from datetime import datetime
from typing import Any

import structlog
from celery import beat

log = structlog.get_logger()

MIN_CLOCK_STEP = 5.0  # seconds; a clock that is slewed never goes back, one that is set does


class Scheduler(beat.Scheduler):
    """A scheduler that starts its schedule again when the clock is before what it has seen."""

    _seen = 0.0

    def tick(self, *arguments: Any, **options: Any) -> float:
        now = time.time()
        if now < self._seen - MIN_CLOCK_STEP:
            log.warning("the clock was set back", seconds=round(self._seen - now))
            self._begin_anew()
        self._seen = now
        return float(super().tick(*arguments, **options))

    def _begin_anew(self) -> None:
        for entry in self.schedule.values():
            entry.last_run_at = self._now(entry)
        self._heap = None  # made anew from the entries

    @staticmethod
    def _now(entry: Any) -> datetime:
        found: datetime = entry.default_now()
        return found
