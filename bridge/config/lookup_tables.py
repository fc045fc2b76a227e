"""Read the small look-up tables that rules join: tables/*.csv in BRIDGE_HOME. The first column is the key."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from bridge.sources import spreadsheet
from bridge.sources.csv_file import CsvProblem, CsvTable, table, text_of
from rules.model.input_values import parse_number

LARGEST = 5_000_000  # bytes; a table is for budgets and lists, not for reports
DIRECTORY = "tables"
Types = Mapping[str, Mapping[str, str]]  # table → column → type


class TableError(ValueError):
    """A table that cannot be used. The message names file and line."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows by their key; numbers are exact decimals, `true` and `false` are booleans, empty cells are None."""

    name: str
    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)  # key → line of the file

    @property
    def file(self) -> str:
        return f"{DIRECTORY}/{self.name}.csv"


def cells(tables: Mapping[str, Table], name: str, column: str | None) -> frozenset[str] | None:
    """The texts of a table's column, of the keys without one; None where there is no such table or column."""
    table = tables.get(name)
    if table is None or (column is not None and column not in table.columns):
        return None
    if column is None or column == table.columns[0]:
        return frozenset(table.rows)
    return frozenset(_text(row.get(column)) for row in table.rows.values() if row.get(column) is not None)


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return f"{int(cell)}" if isinstance(cell, Decimal | int) and cell == int(cell) else str(cell)


def load_all(directory: Path, types: Types | None = None) -> tuple[dict[str, Table], list[str]]:
    """Every table of the directory, and one line for each that cannot be read."""
    tables, problems = {}, []
    types = types or {}
    for path in table_files(directory):
        try:
            tables[path.stem] = load(path, types.get(path.stem, {}))
        except TableError as error:
            problems.append(str(error))
    return tables, problems + _undeclared(tables, types)


def table_files(directory: Path) -> list[Path]:
    """The files that ought to be tables."""
    return sorted(path for path in directory.glob("*.csv") if not is_side_file(path))


def is_side_file(path: Path) -> bool:
    """Whether an editor or a system left the file beside the real one: `._x.yaml`, `.#x.yaml`, `x.yaml~`, `#x.csv#`."""
    name = path.name
    return name.startswith((".", "~", "#")) or name.endswith(("~", ".swp", ".swo", ".bak", ".orig", ".tmp", "#"))


def load(path: Path, types: Mapping[str, str] | None = None) -> Table:
    """Read one table. Raises TableError for what would otherwise decide about money by accident."""
    place = f"{DIRECTORY}/{path.name}"
    try:
        if path.stat().st_size > LARGEST:
            raise TableError(f"{place}: larger than {LARGEST // 1_000_000} MB; keep only the columns that rules need")
        read = table(io.StringIO(text_of(path.read_bytes()), newline=""))
        return _table(path.stem, place, read, types or {})
    except CsvProblem as error:
        raise TableError(f"{place}:{error.line}: {error.words}") from error
    except OSError as error:
        raise TableError(f"{place}: cannot be read: {error.strerror}") from error


def _table(name: str, place: str, read: CsvTable, types: Mapping[str, str]) -> Table:
    rows: dict[str, dict[str, Any]] = {}
    lines: dict[str, int] = {}
    for row in read.rows:
        if row.problem:
            raise CsvProblem(row.line, row.problem)
        key = _key(row.cells[read.columns[0]])
        if key in rows:
            raise CsvProblem(row.line, f"the key {key!r} stands in line {lines[key]} too; keep one of them")
        rows[key], lines[key] = {read.columns[0]: key}, row.line
        for number, column in enumerate(read.columns[1:], start=2):
            try:
                rows[key][column] = cell(row.cells[column], types.get(column), commas=read.delimiter == ";")
            except ValueError as error:
                raise TableError(f"{place}:{row.line}:{number}: {column} of {key!r}: {error}") from error
    return Table(name, read.columns, rows, lines)


def _key(text: str) -> str:
    try:
        return spreadsheet.identifier(text)
    except ValueError:
        return text  # `check` warns of it: it matches nothing, and hurts nothing else


def cell(text: str, type_: str | None = None, *, commas: bool = False) -> Any:
    """What a cell means. Raises ValueError where it does not fit its declared type. `commas`: as in spreadsheet.amount.

    Without a declared type a plain number is a number, `true` and `false` are booleans, and the rest is text. A number
    that begins with a zero is a text: it is an id or a postal code.
    """
    if not text:
        return None
    if type_ == "text":
        return text
    if type_ in {"number", "money"}:
        return spreadsheet.amount(text, commas=commas)
    if type_ == "percent":
        number = spreadsheet.amount(text.removesuffix("%"), commas=commas)
        return number / 100 if text.endswith("%") else number
    if type_ == "boolean" and text not in {"true", "false"}:
        raise ValueError(f"{text!r} is neither true nor false")
    if text in {"true", "false"}:
        return text == "true"
    plain = None if text.startswith("0") and text[1:2].isdigit() else parse_number(text)
    return text if plain is None else plain


def is_number(value: Any) -> bool:
    return isinstance(value, Decimal)


def _undeclared(tables: Mapping[str, Table], types: Types) -> list[str]:
    """Declared columns that no table has."""
    found = []
    for name, columns in types.items():
        if name not in tables:
            found.append(f"bridge.yaml: tables.{name}: there is no readable file {DIRECTORY}/{name}.csv")
            continue
        known = tables[name].columns
        missing = [column for column in columns if column not in known]
        found += [f"bridge.yaml: tables.{name}.{one}: no such column; it has {', '.join(known)}" for one in missing]
    return found
