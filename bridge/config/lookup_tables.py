"""Read the small look-up tables that rules join: tables/*.csv in BRIDGE_HOME.

The first column is the key, or as many as it takes to tell the rows apart (offer and publisher). `*` as a key stands
for any id. Columns `from` and `to` hold the first and the last day of a row.
"""

import io
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from bridge.config.table_rows import ANY, TableIndex, TableRow, as_id, as_text, first_clash, keys_of
from bridge.sources import spreadsheet
from bridge.sources.csv_file import CsvProblem, CsvTable, table, text_of
from rules.model.input_values import parse_number

NO_FILE = "is not a regular file; move it, or put a file in its place"
MAX_TABLE_BYTES = 5_000_000  # bytes; a table is for budgets and lists, not for reports
DIRECTORY = "tables"
ColumnTypes = Mapping[str, str]  # column → type
Types = Mapping[str, ColumnTypes]  # by table


class TableError(ValueError):
    """A table is unusable. The message names file and line."""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a table; numbers are exact decimals, `true` and `false` are booleans, empty cells are None.

    `keys` are the columns that find one row: the declared ones, or as many from the left as make each row unique.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...] = ()
    keys: tuple[str, ...] = ()
    days: tuple[str, ...] = ()  # the columns that say when a row holds
    _indexes: dict[int, TableIndex] = field(default_factory=dict, compare=False, repr=False)

    @property
    def file(self) -> str:
        return f"{DIRECTORY}/{self.name}.csv"

    @property
    def dated(self) -> bool:
        """True if some rows are valid only for a while."""
        return any(row.start is not None or row.end is not None for row in self.rows)

    def key_columns(self, count: int) -> tuple[str, ...]:
        """Return the columns in which this many ids of a join are looked up."""
        others = (column for column in self.columns if column not in {*self.keys, *self.days})
        return (*self.keys, *others)[:count]

    def with_ids(self, spellings: Sequence[Mapping[str, str]]) -> "Table":
        """Return the same rows with one spelling for each id in the key columns; the same table if none changes."""
        columns = self.key_columns(len(spellings))
        rows = tuple(_with_ids(row, columns, spellings) for row in self.rows)
        same = all(one is other for one, other in zip(rows, self.rows, strict=True))
        return self if same else replace(self, rows=rows, _indexes={})

    def row(self, keys: tuple[str, ...], day: date) -> Mapping[str, Any]:
        """Return the cells of the row that counts for these ids on a day; empty if there is none."""
        index = self._indexes.get(len(keys))
        if index is None:
            index = self._indexes[len(keys)] = TableIndex(self.rows, self.key_columns(len(keys)))
        found = index.row(keys, day)
        return {} if found is None else found.cells


def _with_ids(row: TableRow, columns: Sequence[str], spellings: Sequence[Mapping[str, str]]) -> TableRow:
    new = {
        column: known[as_text(row.cells[column])]
        for column, known in zip(columns, spellings, strict=True)
        if row.cells[column] is not None and as_text(row.cells[column]) in known
    }
    return replace(row, cells={**row.cells, **new}) if new else row


def cells(tables: Mapping[str, Table], name: str, column: str | None, day: date) -> frozenset[str] | None:
    """Return the texts of a column on a day (by default the first); None if there is no such table or column.

    `*` is not an id.
    """
    table = tables.get(name)
    if table is None or (column is not None and column not in table.columns):
        return None
    of = column or table.columns[0]
    listed = (row.cells.get(of) for row in table.rows if row.holds(day))
    return frozenset(as_text(cell) for cell in listed if cell is not None and cell != ANY)


def load_all(directory: Path, types: Types | None = None) -> tuple[dict[str, Table], list[str]]:
    """Load every table of the directory, and return one line for each that cannot be read."""
    tables, problems = {}, []
    types = types or {}
    for path in table_files(directory):
        try:
            tables[path.stem] = load(path, types.get(path.stem, {}))
        except TableError as error:
            problems.append(str(error))
    return tables, problems + _undeclared(tables, types)


def table_files(directory: Path) -> list[Path]:
    """Return the files that should be tables."""
    return sorted(path for path in directory.glob("*.csv") if not is_side_file(path))


def is_side_file(path: Path) -> bool:
    """Return whether an editor or a system left this file: `._x.yaml`, `.#x.yaml`, `x.yaml~`, `#x.csv#`."""
    name = path.name
    return name.startswith((".", "~", "#")) or name.endswith(("~", ".swp", ".swo", ".bak", ".orig", ".tmp", "#"))


def is_whole(path: Path) -> bool:
    """Return whether the file can be read to its end: a read of a pipe would never end. Raises OSError."""
    return stat.S_ISREG(path.stat().st_mode)


def load(path: Path, types: ColumnTypes | None = None) -> Table:
    """Read one table. Raises TableError for anything ambiguous, because tables decide about money."""
    place = f"{DIRECTORY}/{path.name}"
    try:
        if not is_whole(path):
            raise TableError(f"{place}: {NO_FILE}")
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise TableError(
                f"{place}: larger than {MAX_TABLE_BYTES // 1_000_000} MB; keep only the columns that rules need"
            )
        read = table(io.StringIO(text_of(path.read_bytes()), newline=""))
        return _table(path.stem, place, read, types or {})
    except CsvProblem as error:
        raise TableError(f"{place}:{error.line}: {error.words}") from error
    except OSError as error:
        raise TableError(f"{place}: cannot be read: {error.strerror}") from error


def _table(name: str, place: str, read: CsvTable, types: ColumnTypes) -> Table:
    starts, ends = (_dates(read.columns, types, word) for word in ("from", "to"))
    declared = tuple(column for column in read.columns if types.get(column) == "key")
    texts = {*(declared or read.columns[:1])}
    commas = read.delimiter == ";"
    rows: list[TableRow] = []
    for row in read.rows:
        if row.problem:
            raise CsvProblem(row.line, row.problem)
        found: dict[str, Any] = {}
        days: dict[str, date | None] = {}
        for number, column in enumerate(read.columns, start=1):
            try:
                if column in {starts, ends}:
                    days[column] = _day(row.cells[column], types.get(column), column)
                    found[column] = row.cells[column] or None
                elif column in texts:
                    found[column] = as_id(row.cells[column])
                else:
                    found[column] = cell(row.cells[column], types.get(column), commas=commas)
            except ValueError as error:
                of = found.get(read.columns[0], row.cells[read.columns[0]])
                raise TableError(f"{place}:{row.line}:{number}: {column} of {of!r}: {error}") from error
        rows.append(TableRow(found, row.line, days.get(starts or ""), days.get(ends or "")))
        if not rows[-1].meets(rows[-1]):
            raise CsvProblem(row.line, f"the row ends on {rows[-1].end}, before it begins on {rows[-1].start}")
    held = tuple(column for column in (starts, ends) if column is not None)
    return _keyed(Table(name, read.columns, tuple(rows), days=held), declared)


def _keyed(table: Table, declared: tuple[str, ...]) -> Table:
    """Return the table with the columns that make its rows unique. Raises CsvProblem if none do."""
    possible = declared or table.key_columns(len(table.columns))
    most = len(possible) if declared else max(len(possible) - 1, 1)  # one column is what the table is for
    clash = None
    for count in range(most if declared else 1, most + 1):
        found = first_clash(table.rows, possible[:count])
        if found is None:
            return replace(table, keys=possible[:count])
        clash = clash or (found, possible[:count])
    assert clash is not None
    raise CsvProblem(clash[0][1].line, _doubled(*clash))


def _doubled(clash: tuple[TableRow, TableRow], columns: Sequence[str]) -> str:
    before, row = clash
    key = keys_of(row, columns)
    what = f"the key {key[0]!r} stands" if len(key) == 1 else f"the keys {', '.join(map(repr, key))} stand"
    dated = any(one is not None for one in (row.start, row.end, before.start, before.end))
    meanwhile = " for the same days" if dated else ""
    return f"{what} in line {before.line} too{meanwhile}; keep one of them"


def _dates(columns: Sequence[str], types: ColumnTypes, word: str) -> str | None:
    """Return the column of the first or last valid day: the declared one, or the one of that name."""
    declared = next((column for column in columns if types.get(column) == word), None)
    return declared or (word if word in columns and word not in types and columns[0] != word else None)


def _day(text: str, declared: str | None, column: str) -> date | None:
    if not text:
        return None
    found = spreadsheet.moment(text)
    if found is None or found.time() != time():
        words = f"{text!r} is not a day such as 2026-12-31"
        instead = f"; if {column} is not a day, declare its type in bridge.yaml: {{{column}: text}}"
        raise ValueError(words + ("" if declared else instead))
    return found.date()


def cell(text: str, type_: str | None = None, *, commas: bool = False) -> Any:
    """Convert a cell. Raises ValueError if it does not match its declared type. `commas`: as in spreadsheet.amount.

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
    """Return the declared columns that no table has."""
    found = []
    for name, columns in types.items():
        if name not in tables:
            found.append(f"bridge.yaml: tables.{name}: there is no readable file {DIRECTORY}/{name}.csv")
            continue
        known = tables[name].columns
        missing = [column for column in columns if column not in known]
        found += [f"bridge.yaml: tables.{name}.{one}: no such column; it has {', '.join(known)}" for one in missing]
    return found
