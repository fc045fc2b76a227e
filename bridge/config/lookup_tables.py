"""Small look-up tables that rules join: tables/*.csv in BRIDGE_HOME. The first column is the key."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

LARGEST = 5_000_000  # bytes; a table is for budgets and lists, not for reports


class TableError(ValueError):
    """A table that cannot be used. The message names file and line."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows by their key; numbers are exact decimals, `true` and `false` are booleans, empty cells are None."""

    name: str
    columns: tuple[str, ...]
    rows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def load_all(directory: Path) -> tuple[dict[str, Table], list[str]]:
    """Every table of the directory, and one line for each that cannot be read."""
    tables, problems = {}, []
    for path in sorted(directory.glob("*.csv")):
        try:
            tables[path.stem] = load(path)
        except TableError as error:
            problems.append(str(error))
    return tables, problems


def load(path: Path) -> Table:
    """Read one table. Raises TableError for what would otherwise decide about money by accident."""
    place = f"tables/{path.name}"
    if path.stat().st_size > LARGEST:
        raise TableError(f"{place}: larger than {LARGEST // 1_000_000} MB; keep only the columns that rules need")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = list(csv.reader(file, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise TableError(f"{place}: not a UTF-8 CSV file: {error}") from error
    if not lines or not lines[0]:
        raise TableError(f"{place}: empty; the first line names the columns")
    columns = tuple(name.strip() for name in lines[0])
    if len(set(columns)) != len(columns) or not all(columns):
        raise TableError(f"{place}:1: column names must be there and differ")
    rows: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(columns):
            raise TableError(f"{place}:{number}: {len(line)} cells, but {len(columns)} columns")
        key = line[0].strip()
        if key in rows:
            raise TableError(f"{place}:{number}: the key {key!r} stands in an earlier line too; keep one of them")
        rows[key] = {name: _cell(cell.strip()) for name, cell in zip(columns, line, strict=True)}
        rows[key][columns[0]] = key
    return Table(path.stem, columns, rows)


def _cell(text: str) -> Any:
    if not text:
        return None
    if text in {"true", "false"}:
        return text == "true"
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    return number if number.is_finite() else text
