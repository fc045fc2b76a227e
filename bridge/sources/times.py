"""Times as senders write them: ISO 8601, `2026-03-01 12:30:00`, seconds or milliseconds since 1970."""

import re
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

_NUMBER = re.compile(r"\d{9,13}(\.\d{1,9})?")
_MILLISECONDS_FROM = Decimal(100_000_000_000)  # as seconds this is the year 5138


def parse_time(value: Any, zone: tzinfo = UTC) -> datetime | None:
    """An aware UTC time, or None for what is not one. A time without an offset is taken to be local to `zone`."""
    text = str(value).strip()
    try:
        if _NUMBER.fullmatch(text):
            number = Decimal(text)
            return datetime.fromtimestamp(float(number if number < _MILLISECONDS_FROM else number / 1000), UTC)
        if len(text) > 40 or not re.match(r"\d{4}-", text):  # fromisoformat also takes 20260301; senders mean a number
            return None
        # In a query string the plus of an offset arrives as a space.
        moment = datetime.fromisoformat(re.sub(r" (\d{2}:?\d{2})$", r"+\1", text) if text.count(":") >= 3 else text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
