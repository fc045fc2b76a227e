"""Explain what is wrong with a cron expression, and what to write instead.

`cronsim` decides: it finds the due times.
"""

import re
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from rules.model.spelling import a

_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = ("minute", "hour", "day-of-month", "month", "day-of-week")
_RANGES = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31",
    "month": "1 to 12 or jan to dec",
    "day-of-week": "0 to 7 or sun to sat",
}
_SHORTHANDS = {
    "yearly": "0 0 1 1 *",
    "annually": "0 0 1 1 *",
    "monthly": "0 0 1 * *",
    "weekly": "0 0 * * 1",
    "daily": "0 0 * * *",
    "midnight": "0 0 * * *",
    "hourly": "0 * * * *",
    "minutely": "* * * * *",
    "quarterly": "0 0 1 1,4,7,10 *",
    "semiannually": "0 0 1 1,7 *",
}
_SYSTEMD = re.compile(
    r"(?:(?P<days>[a-z]{3}[a-z.,-]*)\s+)?(?:\*-(?P<month>[\d*/,]+)-(?P<day>[\d*/,]+)\s+)?"
    r"(?P<hour>[\d*/,]+):(?P<minute>[\d*/,]+)(?::00?)?(?:\s+(?P<zone>[a-z_]+(?:/[a-z_+-]+)*))?",
    re.ASCII,
)
_AMAZON = re.compile(r"cron\((?P<fields>[^()]+)\)", re.ASCII)
#: @every 15m, every 5 minutes, rate(5 minutes), R/PT15M, PT1H30M, 15m
_REPEATED = re.compile(
    r"(?:@?every\s+|rate\(\s*|r/pt|pt)?(?P<count>\d+)\s*(?P<unit>[smhd])[a-z]*\s*\)?"
    r"(?:(?P<then>\d+)\s*(?P<smaller>[smh])[a-z]*)?",
    re.ASCII,
)
_ZONED = re.compile(r"(?:cron_)?tz=(?P<zone>\S+)\s+(?P<rest>.+)", re.ASCII)
_BEHIND = re.compile(r"@(?P<rest>[a-z]+)\s+(?P<zone>[a-z_]+/[a-z_+-]+)", re.ASCII)
_QUARTZ_DAY = re.compile(r"(?P<day>[1-7])(?P<more>l|#[1-5]|/\d)?", re.ASCII)


def problem(expression: str) -> str | None:
    """Return the problem of a five-field cron expression, and the remedy; None if cronsim accepts it."""
    parts = expression.split()
    if len(parts) == len(_FIELDS) and "?" not in expression:
        return _field_problem(parts)
    repeated = _REPEATED.fullmatch(expression.strip().lower())
    if repeated:
        more = f"{repeated['then']}{repeated['smaller']}" if repeated["then"] else ""
        return f"this is not a cron expression; write trigger: {{every: {repeated['count']}{repeated['unit']}{more}}}"
    meant = _meant_in_zone(expression.strip().lower())
    hint = f"; write {meant}" if meant else ""
    if len(parts) == len(_FIELDS) or (len(parts) in {6, 7} and not hint):
        return f"'?', seconds and years are not known in a cron expression{hint}"
    return f"a cron expression has five fields ({', '.join(_FIELDS)}), not {len(parts)}{hint}"


def warning(expression: str) -> str | None:
    """Return an unexpected meaning of a valid expression, or None."""
    _, _, day, _, weekday = expression.split()
    for step, full, other in ((day, "1-31", weekday), (weekday, "0-6", day)):
        if step.startswith("*/") and other != "*":
            either = step.replace("*", full, 1)
            return f"'{day}' and '{weekday}' must both fit; for days on which one of the two fits write {either}"
    return _uneven_step(expression)


def _uneven_step(expression: str) -> str | None:
    """Warn about an uneven step: a step begins again with each hour and each day, so its last gap may be shorter."""
    minute, hour, *_ = expression.split()
    for field, full, unit, whole in ((minute, 60, "minutes", "hour"), (hour, 24, "hours", "day")):
        found = re.fullmatch(r"(?:\*|0-59|0-23)/(\d+)", field)
        step = int(found[1]) if found else full
        if step > full or full % step:
            gap = f"the last gap is {full % step} {unit}" if step < full else f"this is once in each {whole}"
            return f"'{field}' begins anew with each {whole}: {gap}; for even gaps write every: {step}{unit[0]}"
    return None


def _is_valid(expression: str) -> bool:
    try:
        next(CronSim(expression, _ANY_DAY))
    except (CronSimError, StopIteration):
        return False
    return expression.isascii()


def _field_problem(parts: list[str]) -> str | None:
    if _is_valid(" ".join(parts)):
        return None
    for number, (name, part) in enumerate(zip(_FIELDS, parts, strict=True)):
        alone = ["*"] * len(_FIELDS)
        alone[number] = part
        if not _is_valid(" ".join(alone)):
            return f"'{part}' is not {a(name)} ({_RANGES[name]}){_range_hint(name, parts) or _word_hint(number, parts)}"
    return f"day '{parts[2]}' never comes in month '{parts[3]}'; change one of the two"


def _range_hint(name: str, parts: list[str]) -> str:
    """Return a hint about `fri-mon`, which runs backwards, because a week begins with Sunday, which is 0."""
    begin, _, end = parts[4].lower().partition("-")
    first, last = (_day(word) for word in (begin, end))
    if name != "day-of-week" or first is None or last is None:
        return ""
    days = [day % 7 for day in range(first, (last if last >= first else last + 7) + 1)]
    meant = "*" if len(set(days)) == 7 else ",".join(str(day) for day in days)
    return f"; write {' '.join([*parts[:4], meant])}"


def _word_hint(number: int, parts: list[str]) -> str:
    """Return the local form of `monday`, `january`, or Jenkins's `H/15`."""
    meant = re.sub(r"[a-z]+", lambda found: found[0][:3], parts[number].lower()).replace("h/", "*/")
    changed = [*parts[:number], meant, *parts[number + 1 :]]
    return f"; write {' '.join(changed)}" if _is_valid(" ".join(changed)) else ""


def _day(word: str) -> int | None:
    if word in _DAYS:
        return _DAYS.index(word)
    return int(word) if word in set("01234567") else None


def _meant_in_zone(text: str) -> str | None:
    """Return a hint about `TZ=Europe/Berlin 0 6 * * *` or `@daily Europe/Berlin`: here the zone has its own key."""
    found = _ZONED.fullmatch(text) or _BEHIND.fullmatch(text)
    if found is None:
        return _two_readings(text) or _meant(text)
    rest = found["rest"] if len(found["rest"].split()) == len(_FIELDS) else _meant(found["rest"])
    if rest is None or not _is_valid(rest):
        return None
    zone = found["zone"].title() if "/" in found["zone"] else found["zone"].upper()
    return f"{rest}, and the zone of {zone} as tz"


def _two_readings(text: str) -> str | None:
    """Return a hint about ambiguous weekday numbers: Quartz begins with Sunday as 1."""
    parts = text.split()
    if len(parts) == len(_FIELDS) and "?" in text:
        minute, hour, day, month, weekday = parts
    elif len(parts) in {6, 7} and "?" not in text:
        _, minute, hour, day, month, weekday, *_ = parts
    else:
        return None
    if not any(one.isdigit() for one in weekday) or "/" in weekday:
        return None
    start = " ".join("*" if part == "?" else part for part in (minute, hour, day, month))
    cron_, quartz = (f"{start} {days}" for days in (weekday, ",".join(_from_quartz(one) for one in weekday.split(","))))
    if not _is_valid(cron_) or not _is_valid(quartz):
        return None
    return f"{cron_} where 1 is Monday, or {quartz} where 1 is Sunday, as in Quartz"


def _meant(text: str) -> str | None:
    """Return the five fields for a shorthand, a Quartz or a systemd expression."""
    word = text.removeprefix("@")
    if word in _SHORTHANDS:
        return _SHORTHANDS[word]
    amazon = _AMAZON.fullmatch(text)
    parts = text.split() if amazon is None else ["0", *amazon["fields"].split()]
    if amazon is None and len(parts) == 6 and parts[0].startswith("*/") and set(parts[1:]) <= {"*", "?"}:
        return f"trigger: {{every: {parts[0][2:]}s}}" if parts[0][2:].isdecimal() else None
    if len(parts) in {6, 7}:
        parts = [*parts[1:5], ",".join(_from_quartz(day) for day in parts[5].split(","))]
    elif len(parts) != len(_FIELDS):
        return _from_systemd(text)
    found = " ".join("*" if part == "?" else part for part in parts)
    return found if _is_valid(found) else None


def _from_quartz(day: str) -> str:
    """Convert from Quartz, which counts weekdays from 1, Sunday; its `L` alone is the seventh, Saturday."""
    return "-".join("6" if part == "l" else _QUARTZ_DAY.sub(_one_less, part) for part in day.split("-"))


def _one_less(found: re.Match[str]) -> str:
    return f"{int(found['day']) - 1}{(found['more'] or '').upper()}"


def _from_systemd(text: str) -> str | None:
    found = _SYSTEMD.fullmatch(text)
    if found is None:
        return None
    days = (found["days"] or "*").replace("..", "-")
    date = f"{_plain(found['day'] or '*')} {_plain(found['month'] or '*')}"
    meant = f"{_plain(found['minute'])} {_plain(found['hour'])} {date} {days}"
    if not _is_valid(meant):
        return None
    return meant if found["zone"] is None else f"{meant}, and the zone of {found['zone'].title()} as tz"


def _plain(number: str) -> str:
    return str(int(number)) if number.isdigit() else number.replace("0/", "*/", 1)
