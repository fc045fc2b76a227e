"""Evaluate templates and single expressions to plain values, for one subject."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np

from rules.evaluation import interpret
from rules.evaluation.columns import KNOWN, fits_a_double
from rules.evaluation.frame import Frame
from rules.language import unparse
from rules.model import tree
from rules.model.errors import Unfilled
from rules.model.facts import Facts, Why
from rules.model.markers import as_value
from rules.model.revision import Data
from rules.model.syntax import Condition, Template

_MAX_DIGITS = 12  # more come from a division, not from a person
_SHOWN_DIGITS = 6
_WHYS: Mapping[Why, str] = {
    Why.MISSING: "is missing",
    Why.TOO_OLD: "is too old",
    Why.TOO_FEW: "rests on too few",
    Why.UNDEFINED: "is undefined",
    Why.MISMATCH: "is of the wrong kind",
}


def fill(template: Template, frame: Frame) -> Any:
    """Fill the template for the frame's one subject.

    A template that is one single expression keeps the value's own type. Raises Unfilled for a missing value.
    """
    if len(template.parts) == 1:
        part = template.parts[0]
        return part if isinstance(part, str) else plain(part, frame, template.text)
    return "".join(
        part if isinstance(part, str) else _as_text(plain(part, frame, template.text), template)
        for part in template.parts
    )


def value_of(expression: Condition, facts: Facts, row: int, now: datetime, data: Data | None = None) -> Any:
    """Return the value of a bare expression (a trigger's `dedupe`) for one subject. Raises Unfilled without one."""
    return plain(expression, frame_of(facts, data or Data(), now, row), expression.text)


def frame_of(facts: Facts, data: Data, now: datetime, row: int = 0) -> Frame:
    """Return a frame that shows one subject of the facts."""
    return Frame(facts, data, now).only(row)


def plain(expression: Condition, frame: Frame, text: str) -> Any:
    """Return an expression's value as plain JSON. Raises Unfilled."""
    node = expression.tree
    if isinstance(node, tree.Reference):
        return {"$ref": f"{node.step}.{node.name}"}
    column = interpret.value(node, frame, frame.lookback)
    why = column.why[0]
    if why != KNOWN:
        raise Unfilled(text, f"{unparse.text(node)} {_WHYS[Why(int(why))]}")
    return as_value(jsonable(column.values[0]))


def jsonable(value: Any) -> Any:
    """Return plain JSON: whole numbers as int, other numbers as float if it holds them, moments as ISO 8601.

    A decimal with more digits than a float stays a decimal: no number changes on its way through a rule.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value) if fits_a_double(value) else value
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _as_text(value: Any, template: Template) -> str:
    if isinstance(value, dict | list):
        raise Unfilled(template.text, "a list or a mapping cannot be part of a text")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return _short(value) if isinstance(value, float) else str(value)


def _short(value: float) -> str:
    """Return a computed ratio for a text: nobody reads 0.005833333333333333."""
    number = Decimal(repr(value))
    if len(number.as_tuple().digits) > _MAX_DIGITS:
        number = Decimal(f"{value:.{_SHOWN_DIGITS}g}")
    return f"{number:f}"
