"""Convert windows to absolute UTC edges.

Rolling windows are elapsed time; calendar ones follow the wall clock of a zone.

A day has 23 or 25 hours when the clocks change; "the same hours a week ago" means the same local time.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from functools import lru_cache
from zoneinfo import ZoneInfo

from rules.model.revision import Calendar, Rolling, Window

_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
# What grows, and of what the same part is taken: the 3rd at noon is compared with last month until the 3rd at noon.
SAME_PART: frozenset[tuple[Window, Window]] = frozenset(
    [
        (Calendar("this_week"), Calendar("last_week")),
        (Calendar("this_month"), Calendar("last_month")),
        (Calendar("month_to_date"), Calendar("last_month")),
    ]
)


@dataclass(frozen=True, slots=True, order=True)
class TimeRange:
    """[start, end) in UTC. Empty if the end is not after the start."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return max(self.end - self.start, timedelta(0))

    @property
    def empty(self) -> bool:
        return self.end <= self.start


def time_range(window: Window, now: datetime, settle: timedelta, zone: str) -> TimeRange:
    """Return the window as of `now`, without the newest part that has not settled.

    A rolling window keeps its length and moves back; a calendar one loses its end, because its start is fixed.
    """
    end = now - settle
    if isinstance(window, Rolling):
        return TimeRange(end - window.length, end)
    start, limit = period(window, now, zone)
    return TimeRange(start, min(end, limit))


def period(window: Calendar, now: datetime, zone: str) -> tuple[datetime, datetime]:
    """Return start and end of the whole calendar time range, in UTC; the end may be in the future.

    Weeks begin on Monday.
    """
    today = now.astimezone(_zone(zone)).date()
    monday, first = today - today.weekday() * _DAY, today.replace(day=1)
    match window.unit:
        case "this_hour":
            begun = now.astimezone(_zone(zone)).replace(minute=0, second=0, microsecond=0).astimezone(UTC)
            return begun, begun + timedelta(hours=1)
        case "today":
            days = today, today + _DAY
        case "yesterday":
            days = today - _DAY, today
        case "this_week":
            days = monday, monday + _WEEK
        case "last_week":
            days = monday - _WEEK, monday
        case "last_month":
            days = _month_before(first), first
        case _:
            days = first, (first + 32 * _DAY).replace(day=1)
    return _midnight(days[0], zone), _midnight(days[1], zone)


def _month_before(first: date) -> date:
    return (first - _DAY).replace(day=1)


def earlier(moment: datetime, shift: timedelta, zone: str) -> datetime:
    """Return `shift` before the moment: whole days by local time, anything else by elapsed time."""
    if shift % _DAY:
        return moment - shift
    wall = moment.astimezone(_zone(zone))
    naive = wall.replace(tzinfo=None) - shift
    return naive.replace(tzinfo=_zone(zone), fold=wall.fold).astimezone(UTC)


def before(current: TimeRange, baseline: Window, now: datetime, zone: str, window: Window | None = None) -> TimeRange:
    """Return the time range to compare with: the one that ends where the current one begins, or a calendar time range.

    For a week or a month that is not over (`window`), the same part of the previous one.
    """
    if isinstance(baseline, Rolling):
        return TimeRange(current.start - baseline.length, current.start)
    whole = time_range(baseline, now, timedelta(0), zone)
    if window is None or (window, baseline) not in SAME_PART:
        return whole
    wall = current.end.astimezone(_zone(zone))
    if baseline.unit == "last_week":
        end = earlier(current.end, _WEEK, zone)
    else:
        first = _month_before(current.start.astimezone(_zone(zone)).date())
        naive = datetime.combine(first + (wall.day - 1) * _DAY, wall.time())
        end = naive.replace(tzinfo=_zone(zone), fold=wall.fold).astimezone(UTC)
    return TimeRange(whole.start, min(end, whole.end))


def same_hours(current: TimeRange, days: int, zone: str) -> tuple[TimeRange, ...]:
    """Return the current time range on each of this number of days before, by local time.

    A day on which it does not exist is left out: an hour that a clock change skips has no data.
    """
    every = tuple(
        TimeRange(earlier(current.start, n * _DAY, zone), earlier(current.end, n * _DAY, zone))
        for n in range(1, days + 1)
    )
    return tuple(part for part in every if not part.empty) or every


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=1_000)
def _midnight(day: date, zone: str) -> datetime:
    # Where midnight does not exist (clocks go forward at 0:00) the day begins when the gap ends.
    return datetime.combine(day, clock(), _zone(zone)).astimezone(UTC)
