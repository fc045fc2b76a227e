"""Column arithmetic and three-valued logic. Every cell has a value or a reason why it has none; nothing raises.

Constants are columns of one row, which numpy broadcasts to the length of the others. Numbers travel as float64;
what an event or an entity carries travels as objects and is compared by its own type, exactly. Where rounding could
decide a comparison (`close`), the rows concerned are computed once more in Fractions: `exact` columns of objects.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rules.model.facts import Column, Why
from rules.model.input_values import parse_moment, plausible
from rules.model.verdicts import Answer

Whys: TypeAlias = NDArray[np.uint8]
YES, NO, NO_DECISION = np.int8(Answer.YES), np.int8(Answer.NO), np.int8(Answer.NO_DECISION)
_MICRO = 1e6
_EXACT = 2.0**52
_DIGITS = 15  # a decimal of so many digits and its nearest double name each other
_CLOSE = 1e-11  # relative; a formula rounds off far less, and few rows come as near without being equal
_MAX_NUMBER_CHARS = 40
_MAX_SUM = 1e300  # beyond it sums run over
_CODE = re.compile("-?0[0-9]")
KNOWN = np.uint8(Why.KNOWN)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Answers with the reason of each no decision."""

    answers: NDArray[np.int8]
    why: Whys


def constant(value: Any, *, exact: bool = False) -> Column:
    """Return a column of one row. Numbers become float64 if a double can hold them."""
    if not exact and is_number(value) and fits_a_double(value):
        return Column(np.array([float(value)]), np.zeros(1, np.uint8))
    return Column(_objects([value]), np.array([Why.MISSING if value is None else Why.KNOWN], np.uint8))


def is_number(value: Any) -> bool:
    """Return True for numbers; true and false are not numbers."""
    return isinstance(value, int | Decimal | float) and not isinstance(value, bool)


def fits_a_double(value: Decimal | float) -> bool:
    """Return whether float64 can hold the number, digit for digit."""
    if isinstance(value, Decimal):
        return len(value.as_tuple().digits) <= _DIGITS and abs(value.adjusted()) < 300
    return abs(value) < _EXACT if isinstance(value, int) else True


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    column = np.empty(len(values), object)
    column[:] = values
    return column


def first_reason(*whys: Whys) -> Whys:
    """Return cell by cell the first reason other than KNOWN. Without any, as nearly always, nothing is created."""
    result = whys[0]
    for why in whys[1:]:
        if len(why) in {1, len(result)} and not why.any():
            continue
        untroubled = len(result) in {1, len(why)} and not result.any()
        result = why if untroubled else np.where(result == KNOWN, why, result)
    return result


def clean(column: Column) -> Column:
    """Return a measured column for use: invalid numbers are MISSING."""
    fine = np.abs(column.values) < _MAX_SUM  # false for what is not a number, too
    if fine.all():
        return column
    bad = ~fine & (column.why == KNOWN)
    return Column(np.where(bad, 0.0, column.values), np.where(bad, np.uint8(Why.MISSING), column.why))


def numeric(column: Column, *, exact: bool = False) -> Column:
    """Return the column as numbers; a text that spells a plain number counts as one, anything else is a MISMATCH.

    With `exact` the numbers are Fractions: of a double the shortest decimal that names it, which is the measured
    amount.
    """
    if exact:
        return _fractions(column)
    if column.values.dtype != object:
        return column
    values, why = np.zeros(len(column.values)), column.why.astype(np.uint8)
    for row, value in enumerate(column.values):
        if why[row] != KNOWN:
            continue
        number = _number(value)
        if number is None:
            why[row] = Why.MISSING if value is None else Why.MISMATCH
        else:
            values[row] = float(number)
    return clean(Column(values, why))


def _fractions(column: Column) -> Column:
    values, why = np.full(len(column.values), Fraction(0), object), column.why.astype(np.uint8)
    for row, value in enumerate(column.values):
        if why[row] != KNOWN:
            continue
        number = _number(value)
        if number is None:
            why[row] = Why.MISSING if value is None else Why.MISMATCH
        else:
            values[row] = Fraction(number)
    return Column(values, why)


def _number(value: Any) -> Decimal | Fraction | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, Fraction):
        return value
    if isinstance(value, str):
        return _spelled_number(value)
    if isinstance(value, int | float | Decimal | np.integer | np.floating):
        try:
            whole = int(value) if isinstance(value, np.integer) else value
            number = Decimal(whole) if isinstance(whole, int | Decimal) else Decimal(repr(float(whole)))
        except (InvalidOperation, ValueError, OverflowError):
            return None
        return number if number.is_finite() and abs(number.adjusted()) < 300 else None
    return None


def _spelled_number(text: str) -> Decimal | None:
    digits = text.removeprefix("-").replace(".", "", 1)
    if not digits.isdecimal() or not digits.isascii() or len(text) > _MAX_NUMBER_CHARS or text[-1] == ".":
        return None
    return Decimal(text) if text.removeprefix("-")[0] != "." else None


# --- arithmetic ------------------------------------------------------------------------------------


def arithmetic(op: str, left: Column, right: Column, *, exact: bool = False) -> Column:
    """Add, subtract, multiply or divide. Division by zero and overflow are UNDEFINED."""
    a, b = numeric(left, exact=exact), numeric(right, exact=exact)
    if exact:
        return _exact_arithmetic(op, a, b)
    with np.errstate(all="ignore"):
        if op in "+-":
            values = _sum(a.values, b.values if op == "+" else -b.values)
        elif op == "*":
            values = a.values * b.values
        else:
            values = np.divide(a.values, b.values)
    why = first_reason(a.why, b.why)
    bad = ~np.isfinite(values)
    if bad.any():
        why = np.where(bad & (why == KNOWN), np.uint8(Why.UNDEFINED), why)
        values = np.where(bad, 0.0, values)
    return Column(values, why)


def _exact_arithmetic(op: str, a: Column, b: Column) -> Column:
    why = first_reason(a.why, b.why)
    if op == "/":
        nothing = b.values == 0
        why = np.where(nothing & (why == KNOWN), np.uint8(Why.UNDEFINED), why)
        below = b.values.copy()
        below[nothing] = Fraction(1)
        return Column(a.values / below, why)
    return Column(a.values + b.values if op == "+" else a.values - b.values if op == "-" else a.values * b.values, why)


def _sum(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Return sums of money exact to the millionth: 0.3 - 0.1 is the double of 0.2, not its neighbour."""
    whole_a, whole_b = np.rint(a * _MICRO), np.rint(b * _MICRO)
    exact = (whole_a / _MICRO == a) & (whole_b / _MICRO == b)
    whole = whole_a + whole_b
    exact &= np.maximum(np.abs(whole), np.abs(whole_a)) < _EXACT
    whole /= _MICRO
    return whole if exact.all() else np.where(exact, whole, a + b)


def to_the_millionth(column: Column) -> Column:
    """Return sums of money rounded to a millionth. Adding doubles may have made zero nearly zero."""
    whole = np.rint(column.values * _MICRO)
    return Column(np.where(np.abs(whole) < _EXACT, whole / _MICRO, column.values), column.why)


def common_size(*found: Column) -> int:
    """Return how many rows these columns have together: one row is broadcast to any number, including none."""
    lengths = {len(one.values) for one in found}
    return 0 if 0 in lengths else max(lengths)


def each(function: Callable[..., Any], *arguments: Column) -> Column:
    """Apply a function to objects, cell by cell; it returns a value, or a Why."""
    size = common_size(*arguments)
    columns = [_of_size(argument.values, size) for argument in arguments]
    why = _of_size(first_reason(*(argument.why for argument in arguments)), size).astype(np.uint8)
    values = np.empty(size, object)
    for row in range(size):
        if why[row] == KNOWN:
            found = function(*(column[row] for column in columns))
            if isinstance(found, Why):
                why[row] = found
            else:
                values[row] = found
    return Column(values, why)


def _of_size(values: NDArray[Any], size: int) -> NDArray[Any]:
    return values if len(values) == size else np.broadcast_to(values, size)


# --- comparing -------------------------------------------------------------------------------------

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


def compare(op: str, left: Column, right: Column) -> Truth:
    """Compare cell by cell; a missing value, or one of another kind, gives no decision."""
    if not {np.dtype(object)} & {left.values.dtype, right.values.dtype}:
        return truth(_OPERATORS[op](left.values, right.values), first_reason(left.why, right.why))
    judged = each(lambda a, b: _judge(op, a, b), left, right)
    return truth(judged.values == True, judged.why)  # noqa: E712 - an array of objects


def truth(yes: NDArray[Any], why: Whys) -> Truth:
    """Return yes if the cells say so and are usable."""
    answers = np.asarray(yes).astype(np.int8)  # true is 1 and false is 0, as in Answer
    if why.any():
        answers = np.where(why == KNOWN, answers, NO_DECISION)
    return Truth(answers, np.asarray(why, np.uint8))


def of_booleans(column: Column) -> Truth:
    """Return a column as a condition: true is yes, false is no, anything else is a MISMATCH."""
    if column.values.dtype == object:
        column = each(as_boolean, column)
        return truth(column.values == True, column.why)  # noqa: E712 - an array of objects
    return truth(np.zeros(len(column.values), bool), np.where(column.why == KNOWN, np.uint8(Why.MISMATCH), column.why))


def as_boolean(value: Any) -> bool | Why:
    """Return a boolean, also from the texts that forms and postbacks send."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    return {"true": True, "false": False}.get(value, Why.MISMATCH) if isinstance(value, str) else Why.MISMATCH


def close(left: Column, right: Column, size: NDArray[Any] | None = None) -> NDArray[np.bool_]:
    """Return the rows in which rounding could decide how two columns of doubles compare.

    `size` is the size of the numbers from which both were made. Without it both are products and quotients, whose error
    is relative to themselves: then a zero is exact, and two zeros are not close but equal.
    """
    a, b = left.values, right.values
    with np.errstate(all="ignore"):
        apart = a - b
        np.abs(apart, out=apart)  # in place: at fifty thousand rows a new array costs more than the numbers in it
        near: NDArray[np.bool_]
        if size is None:
            # What is close is closer than twice that to either side alone, and nearly always nothing is.
            near = apart < 2 * _CLOSE * np.abs(a if len(a) < len(b) else b)
            if not near.any():
                return near
            size = np.maximum(np.abs(a), np.abs(b))
        near = apart < _CLOSE * size
    return near


def _judge(op: str, a: Any, b: Any) -> bool | Why:
    pair = comparable(a, b, ordered=op not in {"=", "!="})
    if pair is None or (op not in {"=", "!="} and isinstance(pair[0], str | bool)):
        return Why.MISMATCH
    return bool(_OPERATORS[op](*pair))


def comparable(a: Any, b: Any, *, ordered: bool = False) -> tuple[Any, Any] | None:
    """Return both values in one kind: numbers, booleans, moments or texts; None if there is no such kind.

    Two texts are equal if they have the same characters or name the same moment: "007" is neither "7" nor the number 7.
    If they are `ordered`, numbers are parsed too.
    """
    if isinstance(a, str) and isinstance(b, str):
        return _texts(a, b, ordered=ordered)
    if any(isinstance(side, bool | np.bool_) for side in (a, b)):
        left, right = as_boolean(a), as_boolean(b)
        return None if isinstance(left, Why) or isinstance(right, Why) else (left, right)
    x, y = _number(a), _number(b)
    if x is None or y is None:
        return None
    return (x, y) if ordered or not (_is_code(a) or _is_code(b)) else (str(a), str(b))


def _is_code(value: Any) -> bool:
    """Return whether a text of digits is not an amount.

    Postal codes and article numbers begin with zeros, numbers do not.
    """
    return isinstance(value, str) and _CODE.match(value) is not None


def _texts(a: str, b: str, *, ordered: bool) -> tuple[Any, Any]:
    if a == b and not ordered:
        return a, b
    x, y = (_spelled_number(a), _spelled_number(b)) if ordered else (None, None)
    if x is not None and y is not None:
        return x, y
    dates = a[4:5] == b[4:5] == "-"  # not the seconds of Unix, which look like any number
    earlier, later = (moment(a), moment(b)) if dates else (None, None)
    return (earlier, later) if earlier and later else (a, b)


def moment(value: Any) -> datetime | None:
    """Return a moment in UTC, from a datetime, an ISO 8601 text or the time since 1970; without a zone it is UTC.

    Returns None for an invalid one, or one outside 2000 to 2100 (see `input_values`).
    """
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware if plausible(aware) else None
    if isinstance(value, str):
        return parse_moment(value)
    number = _number(value)
    return None if number is None else parse_moment(f"{float(number):.6f}")


# --- three-valued logic ----------------------------------------------------------------------------


def negate(found: Truth) -> Truth:
    """Exchange yes and no; no decision stays."""
    return Truth(np.where(found.answers == NO_DECISION, NO_DECISION, np.int8(1) - found.answers), found.why)


def all_of(items: Sequence[Truth]) -> Truth:
    """Return no if one is no; otherwise no decision if one gives none; otherwise yes."""
    return _joined(items, deciding=NO)


def any_of(items: Sequence[Truth]) -> Truth:
    """Return yes if one is yes; otherwise no decision if one gives none; otherwise no."""
    return _joined(items, deciding=YES)


def _joined(items: Sequence[Truth], *, deciding: np.int8) -> Truth:
    answers, why = items[0].answers, items[0].why
    for item in items[1:]:
        if len(why) == len(item.why) and not why.any() and not item.why.any():
            answers = (np.minimum if deciding == NO else np.maximum)(answers, item.answers)
            continue
        decided = (answers == deciding) | (item.answers == deciding)
        open_ = (answers == NO_DECISION) | (item.answers == NO_DECISION)
        why = first_reason(why, item.why)
        answers = np.where(decided, deciding, np.where(open_, NO_DECISION, np.int8(1) - deciding))
    return Truth(answers, np.where(answers == NO_DECISION, why, KNOWN) if why.any() else why)


# --- evidence --------------------------------------------------------------------------------------


def wilson(successes: NDArray[Any], trials: NDArray[Any], z: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the lower and upper one-sided Wilson score bound of a proportion; each has the confidence behind `z`.

    More successes than trials (several conversions after one click) count as if all trials succeeded.
    """
    with np.errstate(all="ignore"):
        hits = np.clip(successes, 0.0, trials)
        weight = trials + z * z
        middle = (hits + z * z / 2) / weight
        half = np.sqrt(hits * (trials - hits) / trials + z * z / 4)
        half *= z
        half /= weight
        # At the ends the bounds are exact; rounding must not prove that ten of ten is below 100%.
        lower = np.where(hits <= 0, 0.0, middle - half)
        upper = np.where(hits >= trials, 1.0, middle + half)
    return lower, upper
