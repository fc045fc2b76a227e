"""Escape cells of CSV files that a spreadsheet would execute as formulas.

A publisher chooses its sub ids, and a partner its name: `=HYPERLINK(...)` in one of them would be run on the account
manager's machine. An apostrophe at the beginning makes it text. Plain numbers stay numbers.
"""

import re
from typing import Any, TextIO

BEGIN = r"[=+\-@|\u2212\ufe62\ufe63\ufe66\ufe6b\uff1d\uff0b\uff0d\uff20]"
#: What is shown as nothing, so that a formula behind it looks like one at the beginning.
UNSEEN = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"
#: What a spreadsheet takes for the beginning of a formula: also in other forms of the signs, and behind blanks.
FORMULA = re.compile(rf"[\s{UNSEEN}]*{BEGIN}|[\t\r\n]")
NUMBER = re.compile(r"[+\-\u2212]?([0-9]+([.,][0-9]+)*|\.[0-9]+)([eE][+-]?[0-9]+)?\s?%?")
#: Where a spreadsheet may begin a new cell within a value: where people write decimal commas it splits at semicolons.
INNER = re.compile(
    rf"(?s)(?:(?<=;)|(?<=.[\t\r\n]))(?=(?:[^\S\t\r\n]|[{UNSEEN}])*{BEGIN})(?!\s*{NUMBER.pattern}\s*(?:[;\t\r\n]|$))"
)


def safe_cell(value: Any) -> Any:
    """Return the value, or, if a spreadsheet would execute it, its text after an apostrophe."""
    if not isinstance(value, str):
        return value
    text = INNER.sub("'", value)
    return f"'{text}" if FORMULA.match(value) and not NUMBER.fullmatch(value) else text


class LinesOfUnix:
    """A file for `csv.writer` whose rows end with a line feed only.

    The writer's own `lineterminator` does it too, but before Python 3.13 a cell with a carriage return is not quoted
    then: the rest of it would begin a row, and a formula in it a cell.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> None:
        """Write one row from the writer."""
        self._file.write(row.removesuffix("\r\n") + "\n")


def safe_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return all cells of a row in safe form."""
    return {name: safe_cell(value) for name, value in row.items()}
