"""Check the moments and numbers of every input.

Webhooks, postbacks, reports, CSV files, tables, conditions, rule tests, the API, the console and the command line.

A moment outside 2000 to 2100 is missing: Go's zero time, the epoch and the end of time are what programs write for
"never", and one of them moves averages by decades. An infinity or NaN is not a number. A number may have an exponent
(`1e+06`), no digit before its point (`.5`) or none behind it (`150.`), but no more than 18 digits before the point.

`parse_moment` and `parse_number` are for what programs send: None is missing. `moment_of` and `number_of` are for what
a person writes and is told about.
"""

import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
MAX_DIGITS = 18  # before the point, and zeros behind it

_SECONDS = re.compile(r"[0-9]{9,16}(\.[0-9]{1,9})?")
_DAY_END = re.compile(r"(?P<day>\d{4}-\d\d-\d\d)[T ]24(?::?00){1,2}(?:\.0+)?(?P<offset>Z|[+-]\d\d:?\d\d)?", re.ASCII)
_MILLISECONDS_FROM = Decimal(10**11)  # as seconds this is the year 5138
_MICROSECONDS_FROM = Decimal(10**14)
_NUMBER = re.compile(  # a double written out in full has up to 55 decimals
    r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,60})?|\.[0-9]{1,60})(?:[eE][ +-]?[0-9]{1,3})?"
)

_SHORTENED = re.compile(r"\d+(?:[.,]\d+)?[eE]\+\d+", re.ASCII)
_WHOLE = re.compile(r"(\d+)[.,]0+", re.ASCII)
_GROUPED_ID = re.compile(r"\d{1,3}(?:[,' ]\d{3})+", re.ASCII)
_AS_FORMULA = re.compile(r'="([^"]*)"')  # how a spreadsheet is told that a number is a text
_AS_TEXT = re.compile(r"'(?=[\w-]+$)", re.ASCII)  # the same, with an apostrophe


def plausible(moment: datetime) -> bool:
    """Return whether an aware moment is plausible."""
    return EARLIEST <= moment < LATEST


def parse_moment(value: Any, zone: tzinfo = UTC) -> datetime | None:
    """Parse an aware UTC time; None for an invalid one or one outside 2000 to 2100.

    Accepts ISO 8601 (24:00 is the end of its day), `2026-03-01 12:30:00`, and seconds, milliseconds or microseconds
    since 1970. A time without an offset is local to `zone`.
    """
    text = str(value).strip()
    try:
        moment = _since_1970(text) if _SECONDS.fullmatch(text) else _written(text, zone)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment is not None and plausible(moment) else None


def parse_number(value: Any) -> Decimal | None:
    """Parse an exact number in plain digits; None for an invalid one. In a query string a plus arrives as a space."""
    text = str(value).strip()
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        return None
    number = Decimal(text.replace(" ", "+"))
    if number and not -MAX_DIGITS <= number.adjusted() < MAX_DIGITS:
        return None
    return Decimal(format(number, "f"))


def moment_of(text: Any, zone: tzinfo = UTC) -> datetime:
    """Parse a person's time to UTC. Raises ValueError with the problem and the right form."""
    found = parse_moment(text, zone)
    if found is None:
        raise ValueError(f"{str(text)[:40]!r} is not a time from 2000 to 2100; write it like 2026-11-24T10:15")
    return found


def number_of(text: Any) -> Decimal:
    """Parse a person's number. Raises ValueError with the problem and the right form."""
    found = parse_number(text)
    if found is None:
        raise ValueError(f"{str(text)[:40]!r} is not a number; write it like 1500.00")
    return found


def id_of(text: str) -> str:
    """Parse the id in a cell or a person's list. Raises ValueError with the problem and the remedy.

    `1001.0`, `="1001"` and `'1001` are how programs write 1001, and invisible characters are no part of an id. An id
    that has lost digits, or may be an amount, is refused.
    """
    if text.isascii() and text.isalnum():
        return text
    shown = _visible(text)
    found = _AS_FORMULA.fullmatch(shown)
    shown = found[1].strip() if found else _AS_TEXT.sub("", shown, count=1)
    if is_shortened(shown):
        raise ValueError(f"{text!r} is an id that a spreadsheet has shortened; format its column as text, export again")
    if _GROUPED_ID.fullmatch(shown):
        raise ValueError(f"{text!r} is an id with a separator of thousands; write {re.sub('[^0-9]', '', shown)}")
    whole = _WHOLE.fullmatch(shown)
    return whole[1] if whole else shown


def is_shortened(text: str) -> bool:
    """Return whether a spreadsheet has shown a long id as `1.00E+03`; its last digits are lost."""
    return _SHORTENED.fullmatch(text) is not None


def id_doubt(text: str) -> str | None:
    """Return why an id in a person's list matches nothing at Integr8, with what to write; None if it may."""
    try:
        meant = id_of(text)
    except ValueError as error:
        return str(error)
    if not meant:
        return f"{text!r} is not an id; remove it"
    if meant != text:
        return f"{text!r} is not an id; write {meant}"
    if meant.isdecimal() and meant.startswith("0"):
        return f"{text!r} is not an id, because ids do not begin with 0"
    return None


def _visible(text: str) -> str:
    """Return a text without invisible characters: zero-width ones, and spaces around it."""
    return "".join(one for one in text if unicodedata.category(one) not in {"Cf", "Cc"}).strip()


def _since_1970(text: str) -> datetime:
    number = Decimal(text)
    if number >= _MICROSECONDS_FROM:
        number /= 1_000_000
    elif number >= _MILLISECONDS_FROM:
        number /= 1_000
    return datetime.fromtimestamp(float(number), UTC)


def _written(text: str, zone: tzinfo) -> datetime | None:
    if len(text) > 40 or not re.match(r"[0-9]{4}-", text):  # fromisoformat also takes 20260301, which means a number
        return None
    # In a query string the plus of an offset arrives as a space.
    text = re.sub(r" (\d{2}:?\d{2})$", r"+\1", text) if text.count(":") >= 3 else text
    # ISO 8601 writes the end of a day as 24:00, which Python reads from 3.14 on.
    day_end = _DAY_END.fullmatch(text)
    if day_end:
        text = f"{date.fromisoformat(day_end['day']) + timedelta(days=1)}T00:00{day_end['offset'] or ''}"
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
