"""Local time: hours of the day in a time zone, quiet hours, day-parting, midnight.

Correct over clock changes.

A time range of hours is worked out as instants, from the calendar day on which it begins. So it stays one time range
on the day when the clock goes back, and a time that does not exist is read as Python reads it (PEP 495): moved
forward by the gap.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from rules.model.revision import Quiet

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def clock(name: str, now: datetime, tz: str) -> int | str:
    """Return `hour`, `weekday` or `date` of a moment, in local time."""
    local = now.astimezone(ZoneInfo(tz))
    found: dict[str, int | str] = {
        "hour": local.hour,
        "weekday": DAYS[local.weekday()],
        "date": local.date().isoformat(),
    }
    return found[name]


def told(moment: datetime, tz: str) -> str:
    """Return a moment for people in the zone of the rule: `14 Jan 2026 03:00 CET`."""
    return f"{moment.astimezone(ZoneInfo(tz)):%d %b %Y %H:%M %Z}"


def instant(day: date, at: time, tz: str, *, last: bool = False) -> datetime:
    """Return the UTC instant of a local time; if it occurs twice, the first or the last of the two."""
    return datetime.combine(day, at, ZoneInfo(tz)).replace(fold=int(last)).astimezone(UTC)


def end_of(hours: Quiet, now: datetime) -> datetime | None:
    """Return when the time range that contains `now` ends, UTC; None if `now` is outside.

    `start` later than `end` crosses midnight and belongs to the day on which it begins; equal times mean the whole day.
    Both occurrences of a repeated hour are inside.
    """
    today = now.astimezone(ZoneInfo(hours.tz)).date()
    return next(
        (end for day in (today - timedelta(days=1), today) for end in _occurrences(hours, day, now)),
        None,
    )


def _occurrences(hours: Quiet, day: date, now: datetime) -> tuple[datetime, ...]:
    if day.weekday() not in hours.days:
        return ()
    last_day = day if hours.start < hours.end else day + timedelta(days=1)
    start = instant(day, hours.start, hours.tz)
    end = instant(last_day, hours.end, hours.tz, last=True)
    return (end,) if start <= now < end else ()


def last_midnight(now: datetime, tz: str) -> datetime:
    """Return the beginning of the present day in `tz`, as UTC: the first occurrence of a repeated midnight."""
    return instant(now.astimezone(ZoneInfo(tz)).date(), time(0), tz)


def first_of_month(now: datetime, tz: str) -> datetime:
    """Return the beginning of the present month in `tz`, as UTC."""
    return instant(now.astimezone(ZoneInfo(tz)).date().replace(day=1), time(0), tz)


def next_midnight(now: datetime, tz: str) -> datetime:
    """Return the next beginning of a day in `tz`, as UTC; always later than `now`."""
    today = now.astimezone(ZoneInfo(tz)).date()
    return instant(today + timedelta(days=1), time(0), tz)


def say(at: datetime, tz: str) -> str:
    """Return an instant for a stored sentence that may be read years later: `24 Nov 2026 18:30 Europe/Berlin`."""
    local = at.astimezone(ZoneInfo(tz))
    return f"{local.day} {local:%b %Y %H:%M} {tz}"
