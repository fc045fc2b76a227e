"""CSV as a body: for handing over many things at once, a new publisher per row."""

import csv
import io
from typing import Any

from bridge.sources.errors import Unreadable
from bridge.sources.event_body import Fault
from bridge.sources.exact_json import utf8

MOST_ROWS = 10_000
MOST_COLUMNS = 200
MOST_FAULTS_TOLD = 20


def rows(raw: bytes) -> list[dict[str, Any]]:
    """The rows by column name. The first line names the columns; every row has as many cells as it does."""
    reader = csv.reader(io.StringIO(utf8(raw), newline=""), strict=True)
    try:
        return _rows(reader)
    except csv.Error as error:
        raise Unreadable(422, f"not CSV: {error}", f"line {reader.line_num}") from None


def _rows(reader: Any) -> list[dict[str, Any]]:
    names = [name.strip() for name in next(reader, [])]
    if not any(names):
        raise Unreadable(422, "the first line must name the columns", "line 1")
    if len(names) > MOST_COLUMNS or len(set(names)) != len(names) or not all(names):
        raise Unreadable(422, f"every column needs a name of its own, and there may be {MOST_COLUMNS}", "line 1")
    found: list[dict[str, Any]] = []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue  # spreadsheets leave empty lines behind
        if len(cells) != len(names):
            raise Unreadable(422, f"{len(cells)} cells under {len(names)} columns", f"line {reader.line_num}")
        if len(found) == MOST_ROWS:
            raise Unreadable(413, f"more than {MOST_ROWS} rows; send them in parts")
        found.append(dict(zip(names, (cell.strip() for cell in cells), strict=True)))
    if not found:
        raise Unreadable(422, "there are no rows below the column names", "line 2")
    return found


def summary(faults: list[Fault]) -> str:
    """The first faults, one after another, and how many there are: enough to mend the file in one go."""
    told = "; ".join(str(fault) for fault in faults[:MOST_FAULTS_TOLD])
    rest = len(faults) - MOST_FAULTS_TOLD
    return f"{told}; and {rest} more" if rest > 0 else told
