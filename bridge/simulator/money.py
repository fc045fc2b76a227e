"""What one conversion pays and earns, from the money fields of an offer's default payout or an offer event.

The enum values are documented, their arithmetic is not: it follows the usual meaning of the abbreviations.
"""

from collections.abc import Mapping
from typing import Any

PER_ACTION = {"CPA", "CPAxCPS", "RPA", "RPAxRPS"}
PER_SALE = {"CPS", "CPAxCPS", "RPS", "RPAxRPS"}
OF_REVENUE = "PRV"


def earn(terms: Mapping[str, Any], purchase: float) -> tuple[float, float]:
    """Return (payout, revenue) of one conversion worth `purchase`, rounded to four places."""
    revenue = _amount(terms, "revenue", purchase)
    if terms.get("payout_type") == OF_REVENUE:
        return round(revenue * _number(terms, "payout_percent") / 100, 4), revenue
    return _amount(terms, "payout", purchase), revenue


def _amount(terms: Mapping[str, Any], side: str, purchase: float) -> float:
    kind = terms.get(f"{side}_type") or ("CPA" if side == "payout" else "RPA")
    fixed = _number(terms, side) if kind in PER_ACTION else 0.0
    share = _number(terms, f"{side}_percent") * purchase / 100 if kind in PER_SALE else 0.0
    return round(fixed + share, 4)


def _number(terms: Mapping[str, Any], name: str) -> float:
    value = terms.get(name)
    return float(value) if isinstance(value, (int, float)) else 0.0
