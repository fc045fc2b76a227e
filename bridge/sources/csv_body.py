"""Read a CSV body: one event per row."""

import io
from typing import Any

from bridge.sources.csv_file import CsvProblem, table, text_of
from bridge.sources.errors import Unreadable
from bridge.sources.event_body import Fault

MAX_ROWS = 10_000
MAX_COLUMNS = 200
MAX_FAULTS_TOLD = 20


def rows(raw: bytes) -> list[dict[str, Any]]:
    """Return the rows by column name. The first line names the columns; every row must have as many cells."""
    try:
        return _rows(text_of(raw))
    except CsvProblem as error:
        raise Unreadable(422, error.words, f"line {error.line}") from None


def _rows(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    read = table(io.StringIO(text, newline=""))
    if len(read.columns) > MAX_COLUMNS:
        raise CsvProblem(read.header_line, f"more than {MAX_COLUMNS} columns")
    for row in read.rows:
        if row.problem:
            raise CsvProblem(row.line, row.problem)
        if len(found) == MAX_ROWS:
            raise Unreadable(413, f"more than {MAX_ROWS} rows; send them in parts")
        found.append(dict(row.cells))
    if not found:
        raise CsvProblem(read.header_line + 1, "there are no rows below the column names")
    return found


def summary(faults: list[Fault]) -> str:
    """Return the first faults and their number, which is enough to mend the file at once."""
    told = "; ".join(str(fault) for fault in faults[:MAX_FAULTS_TOLD])
    rest = len(faults) - MAX_FAULTS_TOLD
    return f"{told}; and {rest} more" if rest > 0 else told
