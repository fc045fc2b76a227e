"""Durations, shares and numbers as people write them: `90m`, `1h30m`, `5%`, `2.5`. Both ways."""

import re
from datetime import timedelta
from decimal import Decimal

UNIT_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
MAX_DURATION = timedelta(days=3_660)  # ten years: beyond that somebody mistyped
_DURATION = re.compile(r"(?:\d{1,9}[wdhms])+")
_SPOKEN = re.compile(
    r"(?:(?:the )?(?:last|past) )?(\d{1,6})?\s*(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)"
)
_PART = re.compile(r"(\d+)([wdhms])")
_PERCENT = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)%")


def duration(text: str) -> timedelta | None:
    """Parse `1h30m` to a timedelta; None for an invalid text, or one beyond ten years."""
    if not _DURATION.fullmatch(text):
        return None
    seconds = sum(int(count) * UNIT_SECONDS[unit] for count, unit in _PART.findall(text))
    return timedelta(seconds=seconds) if seconds <= MAX_DURATION.total_seconds() else None


def meant(text: object) -> str | None:
    """Return `15 minutes`, `1 day` and `day` in our form: `15m`, `1d`. None if it is ambiguous."""
    found = _SPOKEN.fullmatch(str(text).strip().lower())
    return f"{found[1] or 1}{found[2][0]}" if found else None


def written(length: timedelta) -> str:
    """Return the text that `duration` parses to this length: 5400 s is `1h30m`. Hours up to two days, no weeks."""
    rest = int(length.total_seconds())
    parts = []
    for unit, size in UNIT_SECONDS.items():
        if unit == "w" or (unit == "d" and rest < 2 * size):
            continue  # people say 24h and 7d
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def percent(text: str) -> Decimal | None:
    """Parse `5%` to Decimal("0.05"), or None if the text is not a percentage."""
    found = _PERCENT.fullmatch(text)
    return plain(Decimal(found[1]) / 100) if found else None


def as_percent(share: Decimal) -> str:
    """Return Decimal("0.05") as `5%`."""
    return f"{plain(share * 100):f}%"


def plain(number: Decimal) -> Decimal:
    """Return the same number without trailing zeros or an exponent, so that 0.40 and 0.4 print alike."""
    short = number.normalize()
    return short.quantize(Decimal(1)) if short == short.to_integral_value() else short
