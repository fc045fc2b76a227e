"""Compute the due times of a cron expression in a time zone, exact over clock changes.

A search backwards that begins inside the hour that comes twice loses one of the two, and so does adding to a local
time. So the search is forwards, a day at a time, and the results are instants in UTC.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim

DAY = timedelta(days=1)
LEAD = 2 * DAY  # the search begins so long before what is asked for; no clock change reaches further
CACHED = 256  # days of rules that a process keeps; a rule that runs each minute has 1,440 moments a day


def latest(expression: str, tz: str, now: datetime) -> datetime | None:
    """Return the newest due time at or before now, in UTC; None if there was none for decades.

    Raises CronSimError, a ValueError, for an invalid expression.
    """
    found = _until_the_end_of(expression, tz, now.astimezone(UTC).date())
    row = bisect_right(found, now)
    return found[row - 1] if row else None


@lru_cache(maxsize=CACHED)
def _until_the_end_of(expression: str, tz: str, day: date) -> tuple[datetime, ...]:
    """Return the due times of one UTC day in order, with the last one before it in front."""
    begin = datetime.combine(day, time(), UTC)
    last: datetime | None = None
    found: list[datetime] = []
    for at in _forwards(expression, tz, _start(expression, tz, begin - LEAD), begin + DAY):
        if at < begin:
            last = at
        else:
            found.append(at)
    return tuple(([last] if last else []) + found)


def _start(expression: str, tz: str, moment: datetime) -> datetime:
    """Return a start early enough for the forward search to find the last due time before the moment."""
    before = next(CronSim(expression, moment.astimezone(ZoneInfo(tz)), reverse=True), None)
    return moment if before is None else before.astimezone(UTC) - LEAD


def _forwards(expression: str, tz: str, start: datetime, end: datetime) -> Iterator[datetime]:
    for local in CronSim(expression, start.astimezone(ZoneInfo(tz))):
        at = local.astimezone(UTC)
        if at >= end:
            return
        if at > start:
            yield at
