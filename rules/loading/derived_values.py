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
            found = _determined(waiting, known)
            if found:
                known |= found
            else:
                _assume(*next(iter(waiting.items())), known)
            continue
        value = waiting.pop(name)
        for part in _unknown(name, known):
            known[part] = _solved(DERIVED[name], part, value, known)
    values = {name: _value(DERIVED[name], known) for name in derived}
    return Solution(known, {name: found for name, found in values.items() if found != derived[name]})


def _unknown(name: str, known: Mapping[str, Fraction]) -> list[str]:
    return [part for part in DERIVED[name].parts if part not in known]


def _determined(waiting: Mapping[str, Fraction], known: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """Return amounts that follow from several values: `profit: -60` and `margin: -10%` give a revenue of 600."""
    parts = sorted({part for name in waiting for part in _unknown(name, known)})
    rows = []
    for name, value in waiting.items():
        formula = DERIVED[name]
        factors = [_factor(formula, part, value) for part in parts]
        rows.append([*factors, -_rest(formula, value, known)])
    reduced = _reduced(rows, len(parts))
    alone = [row for row in reduced if sum(map(bool, row[:-1])) == 1]
    return {part: row[-1] for row in alone for part, factor in zip(parts, row, strict=False) if factor}


def _reduced(rows: list[list[Fraction]], count: int) -> list[list[Fraction]]:
    """Return the rows after Gauss-Jordan elimination of the first `count` columns, one row per pivot."""
    done: list[list[Fraction]] = []
    for column in range(count):
        pivot = next((row for row in rows if row[column]), None)
        if pivot is None:
            continue
        rows = [row for row in rows if row is not pivot]
        lead = [one / pivot[column] for one in pivot]
        rows, done = ([_less(row, lead, row[column]) for row in some] for some in (rows, done))
        done.append(lead)
    return done


def _less(row: list[Fraction], lead: list[Fraction], times: Fraction) -> list[Fraction]:
    return [one - times * other for one, other in zip(row, lead, strict=True)]


def _factor(formula: Derived, part: str, value: Fraction) -> Fraction:
    return Fraction((part in formula.plus) - (part in formula.minus)) - value * (part in formula.over)


def _rest(formula: Derived, value: Fraction, known: Mapping[str, Fraction]) -> Fraction:
    rest = _sum(formula.plus, known) - _sum(formula.minus, known)
    return rest - value * (_sum(formula.over, known) if formula.over else 1)


def _assume(name: str, value: Fraction, known: dict[str, Fraction]) -> None:
    """Assume one of two free parts of a value."""
    formula = DERIVED[name]
    if formula.over:
        known[next(part for part in (*formula.over, *formula.parts) if part not in known)] = PLENTY
    else:
        known[formula.minus[0]] = max(-value, Fraction(0))  # neither of the two amounts is negative


def _solved(formula: Derived, part: str, value: Fraction, known: Mapping[str, Fraction]) -> Fraction:
    """Return the one missing amount of `plus - minus = value * over`, which is linear in it."""
    factor = _factor(formula, part, value)
    return -_rest(formula, value, known) / factor if factor else PLENTY


def _sum(names: tuple[str, ...], known: Mapping[str, Fraction]) -> Fraction:
    return sum((known.get(name, Fraction(0)) for name in names), Fraction(0))


def _value(formula: Derived, known: Mapping[str, Fraction]) -> Fraction | None:
    top = _sum(formula.plus, known) - _sum(formula.minus, known)
    if not formula.over:
        return top
    below = _sum(formula.over, known)
    return top / below if below else None
