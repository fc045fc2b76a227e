"""Find the row of a look-up table for some keys on a day: exact keys, `*` for any, and rows that hold for a while.

Of several rows that fit, the one with the most exact keys counts; of equals the one whose first exact key stands
further to the left. No two rows with the same keys hold on one day: `first_clash` finds them when a table is read.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias

from rules.model.input_values import id_of

ANY = "*"  # as a whole cell of a key: whatever the id
Keys: TypeAlias = tuple[str, ...]
_NEVER_BEFORE, _NEVER_AFTER = date.min, date.max


@dataclass(frozen=True, slots=True)
class TableRow:
    """One line of a table: its cells by column, and its first and last valid day."""

    cells: Mapping[str, Any]
    line: int = field(default=0, compare=False, repr=False)
    start: date | None = None
    end: date | None = None

    def holds(self, day: date) -> bool:
        """Return whether the row is valid on a day, by the calendar of the rule."""
        return (self.start is None or self.start <= day) and (self.end is None or day <= self.end)

    def meets(self, other: "TableRow") -> bool:
        """Return whether both rows are valid on one day."""
        return max(self.start or _NEVER_BEFORE, other.start or _NEVER_BEFORE) <= min(
            self.end or _NEVER_AFTER, other.end or _NEVER_AFTER
        )


class TableIndex:
    """The rows of a table by the cells of some columns."""

    def __init__(self, rows: Iterable[TableRow], columns: Sequence[str]) -> None:
        self._rows: dict[Keys, list[TableRow]] = {}
        for row in rows:
            self._rows.setdefault(keys_of(row, columns), []).append(row)
        masks = {tuple(key == ANY for key in keys) for keys in self._rows}
        self._masks = sorted(masks, key=lambda mask: (sum(mask), mask))

    def row(self, keys: Keys, day: date) -> TableRow | None:
        """Return the row that counts for these ids on a day; None if there is none."""
        for mask in self._masks:
            wanted = tuple(ANY if any_ else key for key, any_ in zip(keys, mask, strict=True))
            for row in self._rows.get(wanted, ()):
                if row.holds(day):
                    return row
        return None


def keys_of(row: TableRow, columns: Sequence[str]) -> Keys:
    """Return the cells of these columns as ids: 7 is the text "7", an empty cell the empty text."""
    return tuple("" if row.cells[column] is None else as_id(as_text(row.cells[column])) for column in columns)


def as_id(text: str) -> str:
    """Return the id in a cell. `check` warns about an impossible id: it matches nothing and affects nothing else."""
    try:
        return id_of(text)
    except ValueError:
        return text


def as_text(cell: Any) -> str:
    """Return a cell as an id or an item of a list."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return f"{int(cell)}" if isinstance(cell, Decimal | int) and cell == int(cell) else str(cell)


def first_clash(rows: Iterable[TableRow], columns: Sequence[str]) -> tuple[TableRow, TableRow] | None:
    """Return two rows with the same keys that are valid on one day, the later line second."""
    before: dict[Keys, list[TableRow]] = {}
    for row in rows:
        same = before.setdefault(keys_of(row, columns), [])
        for other in same:
            if row.meets(other):
                return other, row
        same.append(row)
    return None
