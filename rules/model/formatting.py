"""Format values and findings as text: numbers, durations and comparisons in an account manager's words."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from rules.model import metrics
from rules.model.spelling import listed

_MAX_DIGITS = 15
_OPERATORS: Mapping[str, tuple[str, str]] = {  # said when it holds, and when it does not
    "<": ("is below", "is not below"),
    "<=": ("is at most", "is above"),
    ">": ("is above", "is not above"),
    ">=": ("is at least", "is below"),
    "=": ("is", "is not"),
    "!=": ("is not", "is"),
}


def number(value: Any, unit: str = "count") -> str:
    """Format a number: 2400 as `2,400`, 0.0008 as `0.08%` for a share, 12.5 as `12.50` for money."""
    if value is None:
        return "unknown"
    amount = float(value)
    if unit == "share":
        percent = amount * 100
        return f"{percent:,.2f}%" if abs(percent) >= 0.01 or percent == 0 else f"{percent:.2g}%"
    if unit == "money":
        return f"{amount:,.2f}" if abs(amount) >= 0.01 or amount == 0 else f"{amount:.4g}"
    if unit == "span":
        return span(timedelta(seconds=amount))
    return f"{amount:,.0f}" if amount == int(amount) else f"{amount:,.2f}"


def counted(count: int, noun: str) -> str:
    """Format a count: `1 run`, `2 runs`, `1,200 runs`."""
    return f"{count} {noun}" if count == 1 else f"{count:,} {noun}s"


def apart(left: Any, right: Any, unit: str = "count") -> tuple[str, str]:
    """Format two different values with enough digits to show the difference."""
    first, second = held(left, unit), held(right, unit)
    if first != second or not all(_is_number(one) for one in (left, right)) or left == right:
        return first, second
    scale = 100 if unit == "share" else 1
    for digits in range(3, _MAX_DIGITS + 1):
        first, second = (_digits(one * scale, digits, unit) for one in (left, right))
        if first != second:
            break
    return first, second


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal | Fraction) and not isinstance(value, bool)


def _digits(amount: Any, digits: int, unit: str) -> str:
    scaled = round(Fraction(amount) * 10**digits)
    text = f"{Decimal(scaled).scaleb(-digits):,f}"
    return f"{text}%" if unit == "share" else f"{text} s" if unit == "span" else text


def span(length: timedelta) -> str:
    """Format a time span: `45 s`, `40 min`, `3 h 10 min`, `2 d 4 h`."""
    seconds = int(abs(length.total_seconds()))
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def held(value: Any, unit: str = "count") -> str:
    """Format any value for a sentence: texts in quotes, numbers by their unit."""
    if isinstance(value, bool):
        return str(value).lower()
    if _is_number(value):
        return number(value, unit)
    if value is None:
        return "nothing"
    return (
        f'"{value}"' if isinstance(value, str) else listed(map(str, value)) if isinstance(value, list) else str(value)
    )


def plainly(value: Any) -> str:
    """Format a JSON value for people: a field of an item, or the details of an entry of the audit log."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name} {plainly(one)}" for name, one in value.items())
        case list():
            return ", ".join(plainly(one) for one in value) or "none"
        case _:
            return str(value)


def comparison(op: str, *, holds: bool, plural: bool = False) -> str:
    """Return a comparison in words: `is below`, `are not below`."""
    said = _OPERATORS[op][0 if holds else 1]
    return said.replace("is", "are", 1) if plural else said


def sample(parts: Mapping[str, float | None], name: str) -> str:
    """Return the sample of a ratio: ` (2 of 2,400 clicks)`."""
    formula = metrics.DERIVED.get(name)
    if formula is None or len(formula.over) != 1 or any(value is None for value in parts.values()):
        return ""
    bottom = formula.over[0]
    below = number(parts.get(bottom), metrics.unit(bottom))
    effective = parts.get("effective_clicks")
    if effective is not None and round(effective) != parts.get(bottom):
        below = f"{number(round(effective))} effective of {below}"
    if formula.minus or len(formula.plus) != 1:
        return f" (of {below} {metrics.title(bottom)})"
    above = number(parts.get(formula.plus[0]), metrics.unit(formula.plus[0]))
    return f" ({above} of {below} {metrics.title(bottom)})"


def change(current: Fraction, base: Fraction, limit: Decimal | None = None) -> str:
    """Return `down 93%`, `up 12%`, `unchanged`; with enough digits to differ from a limit that is not reached."""
    percent = (current - base) / abs(base) * 100
    if percent == 0:
        return "unchanged"
    wanted = None if limit is None else Fraction(limit) * 100
    digits = 0 if abs(percent) >= 1 else 2
    while digits < _MAX_DIGITS and round(abs(percent), digits) in {wanted, 0} and abs(percent) != wanted:
        digits += 1
    return f"{'up' if percent > 0 else 'down'} {_digits(abs(percent), digits, 'count')}%"
