"""Compute base metrics from derived ones that a rule's test gives: `profit: -60`, `margin: -10%`, `cr: 1.2%`."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from rules.model.metrics import DERIVED, Derived

PLENTY = Fraction(1_000_000)  # what a ratio is made from where the test does not say


@dataclass(frozen=True, slots=True)
class Solution:
    """The amounts, and the contradicting derived values, each with what the others make it."""

    amounts: Mapping[str, Fraction]
    mismatches: Mapping[str, Fraction | None]


def solve(amounts: Mapping[str, Fraction], derived: Mapping[str, Fraction]) -> Solution:
    """Return amounts that make every derived value exactly what it is given as. Missing parts are assumed."""
    known = dict(amounts)
    waiting = dict(derived)
    while waiting:
        name = next((name for name in waiting if len(_unknown(name, known)) < 2), None)
        if name is None:
            _assume(*next(iter(waiting.items())), known)
            continue
        value = waiting.pop(name)
        for part in _unknown(name, known):
            known[part] = _solved(DERIVED[name], part, value, known)
    values = {name: _value(DERIVED[name], known) for name in derived}
    return Solution(known, {name: found for name, found in values.items() if found != derived[name]})


def _unknown(name: str, known: Mapping[str, Fraction]) -> list[str]:
    return [part for part in DERIVED[name].parts if part not in known]


def _assume(name: str, value: Fraction, known: dict[str, Fraction]) -> None:
    """Assume one of two free parts of a value."""
    formula = DERIVED[name]
    if formula.over:
        known[next(part for part in (*formula.over, *formula.parts) if part not in known)] = PLENTY
    else:
        known[formula.minus[0]] = max(-value, Fraction(0))  # neither of the two amounts is negative


def _solved(formula: Derived, part: str, value: Fraction, known: Mapping[str, Fraction]) -> Fraction:
    """Return the one missing amount of `plus - minus = value * over`, which is linear in it."""
    factor = (part in formula.plus) - (part in formula.minus) - value * (part in formula.over)
    rest = _sum(formula.plus, known) - _sum(formula.minus, known)
    rest -= value * (_sum(formula.over, known) if formula.over else 1)
    return -rest / factor if factor else PLENTY


def _sum(names: tuple[str, ...], known: Mapping[str, Fraction]) -> Fraction:
    return sum((known.get(name, Fraction(0)) for name in names), Fraction(0))


def _value(formula: Derived, known: Mapping[str, Fraction]) -> Fraction | None:
    top = _sum(formula.plus, known) - _sum(formula.minus, known)
    if not formula.over:
        return top
    below = _sum(formula.over, known)
    return top / below if below else None
