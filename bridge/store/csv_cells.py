"""Escape cells of CSV files that a spreadsheet would execute as formulas.

A publisher chooses its sub ids, and a partner its name: `=HYPERLINK(...)` in one of them would be run on the account
manager's machine. An apostrophe at the beginning makes it text. Plain numbers stay numbers.
"""

import re
from typing import Any

BEGIN = r"[=+\-@|\uff1d\uff0b\uff0d\uff20]"
#: What a spreadsheet takes for the beginning of a formula: also in the wide forms, and behind blanks.
FORMULA = re.compile(rf"[\s\x00\u200b-\u200f\ufeff]*{BEGIN}|[\t\r\n]")
NUMBER = re.compile(r"[+-]?([0-9]+([.,][0-9]+)*|\.[0-9]+)([eE][+-]?[0-9]+)?\s?%?")
#: Where a spreadsheet may begin a new cell within a value: where people write decimal commas it splits at semicolons.
INNER = re.compile(rf"(?s)(?<=.[;\t\r\n])(?=[^\S\t\r\n]*{BEGIN})(?!\s*{NUMBER.pattern}\s*(?:[;\t\r\n]|$))")


def safe_cell(value: Any) -> Any:
    """The value, or, where a spreadsheet would run it, its text behind an apostrophe."""
    if not isinstance(value, str):
        return value
    text = INNER.sub("'", value)
    return f"'{text}" if FORMULA.match(value) and not NUMBER.fullmatch(value) else text


def safe_row(row: dict[str, Any]) -> dict[str, Any]:
    """All cells of a row."""
    return {name: safe_cell(value) for name, value in row.items()}
