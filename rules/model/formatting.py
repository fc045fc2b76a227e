"""Findings in words: numbers, spans and comparisons as an account manager would say them."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from rules.model import metrics
from rules.model.spelling import listed

_OPERATORS: Mapping[str, tuple[str, str]] = {  # said when it holds, and when it does not
    "<": ("is below", "is not below"),
    "<=": ("is at most", "is above"),
    ">": ("is above", "is not above"),
    ">=": ("is at least", "is below"),
    "=": ("is", "is not"),
    "!=": ("is not", "is"),
}


def number(value: Any, unit: str = "count") -> str:
    """2400 as `2,400`, 0.0008 as `0.08%` for a share, 12.5 as `12.50` for money."""
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


def span(length: timedelta) -> str:
    """`45 s`, `40 min`, `3 h 10 min`, `2 d 4 h`."""
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
    """Any value in a sentence: texts in quotes, numbers by their unit."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal):
        return number(value, unit)
    if value is None:
        return "nothing"
    return (
        f'"{value}"' if isinstance(value, str) else listed(map(str, value)) if isinstance(value, list) else str(value)
    )


def comparison(op: str, *, holds: bool, plural: bool = False) -> str:
    """`is below`, `are not below`."""
    said = _OPERATORS[op][0 if holds else 1]
    return said.replace("is", "are", 1) if plural else said


def sample(parts: Mapping[str, float | None], name: str) -> str:
    """What a ratio was made from: ` (2 of 2,400 clicks)`."""
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


def change(current: float, base: float) -> str:
    """`down 93%`, `up 12%`, `unchanged`."""
    share = (current - base) / abs(base)
    if round(share * 100) == 0:
        return "unchanged"
    return f"{'up' if share > 0 else 'down'} {abs(share) * 100:,.0f}%"
