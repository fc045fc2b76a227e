"""Read amounts, ids and times as spreadsheets and ad platforms write them. Ambiguous values are refused.

`1,500.00`, `1.500,00`, `1 500,00`, `$12.50` and `1,5` have one meaning each. `1,500` may be 1500 or 1.5, and the id
`1.00E+03` has lost its last digits: the sentence says what to write instead.
"""

import re
from datetime import UTC, datetime, tzinfo
from decimal import Decimal

from rules.model.input_values import id_of, is_shortened, parse_moment, parse_number

__all__ = ["amount", "identifier", "is_shortened", "moment"]

_AROUND = re.compile(r"^(?:[$€£¥]|[A-Z]{3}\b)?\s*(?P<amount>[-+0-9.,' eE]+?)\s*(?:[$€£¥]|\b[A-Z]{3})?$")
_PLAIN_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2019": "'"})
#: How thousands may be separated, and what stands before the decimals then.
_GROUPED = (
    (re.compile(r"[+-]?\d{1,3}(?:,\d{3})+\.\d+"), ",", "."),
    (re.compile(r"[+-]?\d{1,3}(?:,\d{3}){2,}"), ",", "."),
    (re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+,\d+"), ".", ","),
    (re.compile(r"[+-]?\d{1,3}(?:\.\d{3}){2,}"), ".", ","),
    (re.compile(r"[+-]?\d{1,3}(?: \d{3})+(?:[.,]\d+)?"), " ", ","),
    (re.compile(r"[+-]?\d{1,3}(?:'\d{3})+(?:[.,]\d+)?"), "'", ","),
)
_TWO_MEANINGS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_TWO_MEANINGS_WITH_COMMAS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_YEAR_FIRST = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(.*)", re.DOTALL)
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(.*)", re.DOTALL)
_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(.*)", re.DOTALL)
_MONTHS = 12
_HALF_DAY = re.compile(r"[\s,]+(\d{1,2})(:\d{2}(?::\d{2})?)\s*([AaPp])\.?[Mm]\.?")


def amount(text: str, *, commas: bool = False) -> Decimal:
    """Return the exact number in a cell. `commas`: the file writes decimals with a comma, so `1.500` is ambiguous too.

    Raises ValueError with a sentence for a text that is not a number, or may be two.
    """
    around = _AROUND.match(text.strip().translate(_PLAIN_SPACES))
    shown = around["amount"].strip() if around else text
    if _TWO_MEANINGS.fullmatch(shown) or (commas and _TWO_MEANINGS_WITH_COMMAS.fullmatch(shown)):
        joined, split = re.sub(r"[.,]", "", shown), shown.replace(",", ".")
        raise ValueError(f"{text!r} may be {joined} or {split}; write it without a separator of thousands")
    for pattern, thousands, decimals in _GROUPED:
        if pattern.fullmatch(shown):
            return Decimal(shown.replace(thousands, "").replace(decimals, "."))
    number = parse_number(shown.replace(",", ".") if _DECIMAL_COMMA.fullmatch(shown) else shown)
    if number is None:
        raise ValueError(f"{text!r} is not a number; write it like 1234.56")
    return number


identifier = id_of


def moment(text: str, zone: tzinfo = UTC) -> datetime | None:
    """Return the time in a cell, or None. `2026/11/28 10:00`, `28.11.2026 10:00`, `11/28/2026 10:00 PM` are accepted.

    Raises ValueError for `11/12/2026`, which is a day in November or in December.
    """
    shown = re.sub(r"\s*(?:UTC|GMT)$", "Z", text.strip())
    for pattern, order in ((_YEAR_FIRST, (1, 2, 3)), (_DAY_FIRST, (3, 2, 1)), (_SLASHES, (3, 1, 2))):
        found = pattern.fullmatch(shown)
        if found:
            year, month, day = (int(found[one]) for one in order)
            if pattern is _SLASHES:
                month, day = _month_and_day(text, year, month, day)
            shown = f"{year:04}-{month:02}-{day:02}{_clock(found[4])}"
    return parse_moment(shown, zone)


def _month_and_day(text: str, year: int, first: int, second: int) -> tuple[int, int]:
    """Return month and day: Americans write the month first, others the day."""
    if first <= _MONTHS and second <= _MONTHS and first != second:
        american, other = f"{year:04}-{first:02}-{second:02}", f"{year:04}-{second:02}-{first:02}"
        raise ValueError(f"{text!r} may be {american} or {other}; write it in one of these forms")
    return (second, first) if first > _MONTHS else (first, second)


def _clock(shown: str) -> str:
    """Return the time of day after a date, as ISO writes it."""
    found = _HALF_DAY.fullmatch(shown)
    if found and 1 <= int(found[1]) <= _MONTHS:
        return f" {int(found[1]) % 12 + (12 if found[3] in 'Pp' else 0):02}{found[2]}"
    return re.sub(r"^[\s,]+(\d):", r" 0\1:", shown)
