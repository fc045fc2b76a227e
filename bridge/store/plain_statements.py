"""Run a statement that is made once, as plain rows and without SQLAlchemy's work around it.

Two thirds of what a small batch of events or effects cost was SQLAlchemy's way from a statement that it knows to the
driver and back, and a tenth what the database does. On SQLite values go to the driver as their columns want them, and
rows come back as tuples. Elsewhere, and where somebody listens to the statements of an engine, SQLAlchemy runs them.

A statement must be kept, not made anew for each call: what is known of it is kept with it.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar, cast

from sqlalchemy import Dialect, Executable, inspect
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from bridge.store.engine import UtcDateTime

Convert: TypeAlias = Callable[[Any], Any]
Values: TypeAlias = Mapping[str, Any]
Row: TypeAlias = tuple[Any, ...]
Model = TypeVar("Model")

PADDED = 4_096  # values of a list, beyond which it has exactly as many places; SQLite takes 32,766 in a statement
MOMENTS = 256  # that a column has last been given, or has given: the rows of a batch share most of theirs
NOTHING = "SELECT 1 WHERE 0"  # in the place of an empty list
LIST = "__[POSTCOMPILE_{}]"  # how SQLAlchemy marks the place of a list whose length it does not know yet


def rows(unit: Session | Connection, statement: Executable, values: Values) -> Sequence[Row]:
    """Return all rows of a SELECT, or of a statement with RETURNING. A session writes its objects first, as usual."""
    connection = _connection(unit)
    if not _is_plain(connection):
        return [tuple(row) for row in connection.execute(statement, values)]
    known = _known(connection.dialect, statement)
    found = _execute(connection, known, values).fetchall()
    return [known.read(row) for row in found] if known.reads else found


def scalars(unit: Session | Connection, statement: Executable, values: Values) -> list[Any]:
    """Return the first column of all rows."""
    return [row[0] for row in rows(unit, statement, values)]


def scalar(unit: Session | Connection, statement: Executable, values: Values) -> Any:
    """Return the first column of the first row; None without a row."""
    found = rows(unit, statement, values)
    return found[0][0] if found else None


def run(unit: Session | Connection, statement: Executable, values: Values) -> int:
    """Run a statement that returns no rows; returns how many rows it has changed."""
    connection = _connection(unit)
    if not _is_plain(connection):
        return connection.execute(statement, values).rowcount
    return _execute(connection, _known(connection.dialect, statement), values).rowcount


def run_for_each(unit: Session | Connection, statement: Executable, several: Sequence[Values]) -> None:
    """Run a statement for each of these parameters, none of which holds a list."""
    connection = _connection(unit)
    if not several:
        return
    if not _is_plain(connection):
        connection.execute(statement, several)
        return
    known = _known(connection.dialect, statement)
    _to_the_driver(connection, known.text, [known.parameters(values) for values in several], each=True)


def insert_text(connection: Connection, text: str, parameters: Sequence[Any]) -> int:
    """Insert one row into SQLite by a text for its driver. Returns the id of the row."""
    if not _is_plain(connection):
        return int(connection.exec_driver_sql(text, tuple(parameters)).lastrowid)
    return int(_to_the_driver(connection, text, parameters).lastrowid or 0)


def snapshots(unit: Session | Connection, model: type[Model], statement: Executable, values: Values) -> list[Model]:
    """Return the rows of `select(model)` or `returning(model)` with the attributes of the model, outside any session.

    They are for reading: a change to them is not written.
    """
    made = _snapshot_class(model, statement)  # type: ignore[arg-type] # a class is hashable
    return [cast("Model", made(row)) for row in rows(unit, statement, values)]


# --- how ------------------------------------------------------------------------------------------


def _connection(unit: Session | Connection) -> Connection:
    if isinstance(unit, Connection):
        return unit
    if unit.autoflush:
        unit.flush()
    return unit.connection()


def _is_plain(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite" and not connection.engine.dispatch.before_cursor_execute


@dataclass(frozen=True, slots=True)
class _Slot:
    """One place for a value in a statement; for a list, one for all its values."""

    name: str
    convert: Convert | None
    given: tuple[Any, ...] | None  # what the statement itself says there, as the driver takes it
    is_list: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """A statement in the form of the driver."""

    text: str
    slots: tuple[_Slot, ...]
    lists: tuple[str, ...]  # names of the lists that it is given
    reads: tuple[tuple[int, Convert], ...]  # columns that the driver does not give as they are, by position

    def parameters(self, values: Values) -> list[Any]:
        """Return the parameters. Raises KeyError if a value is missing."""
        made: list[Any] = []
        for slot in self.slots:
            if slot.given is not None:
                made += slot.given
                continue
            value = values[slot.name]
            if slot.is_list:
                some = list(value) if slot.convert is None else [slot.convert(one) for one in value]
                made += some
                made += some[-1:] * (_places(len(some)) - len(some))
            else:
                made.append(value if slot.convert is None else slot.convert(value))
        return made

    def text_for(self, values: Values) -> str:
        if not self.lists:
            return self.text
        return _with_lists(self.text, tuple((name, _places(len(values[name]))) for name in self.lists))

    def read(self, row: Row) -> Row:
        made = list(row)
        for position, process in self.reads:
            made[position] = process(made[position])
        return tuple(made)


def _places(length: int) -> int:
    """Return the places for a list of this length.

    A few lengths are enough, so that the driver knows most texts already.
    """
    return 1 << (length - 1).bit_length() if 1 < length <= PADDED else length


@lru_cache(maxsize=1024)
def _with_lists(text: str, lists: tuple[tuple[str, int], ...]) -> str:
    for name, length in lists:
        text = text.replace(LIST.format(name), ", ".join("?" * length) or NOTHING)
    return text


@lru_cache(maxsize=512)
def _known(dialect: Dialect, statement: Executable) -> _Known:
    compiled: Any = statement.compile(dialect=dialect)  # type: ignore[attr-defined] # all of ours can be
    slots, fixed = [], []
    for name in compiled.positiontup or ():
        bind = compiled.binds[name]
        convert = to_driver(bind.type, dialect)
        if bind.required:
            slots.append(_Slot(name, convert, None, bind.expanding))
            continue
        given = tuple(bind.value) if bind.expanding else (bind.value,)
        if bind.expanding:
            fixed.append((name, len(given)))
        slots.append(_Slot(name, None, tuple(_plain(one if convert is None else convert(one)) for one in given)))
    columns = getattr(statement, "exported_columns", ())
    processors = [_from_driver(one.type, dialect) for one in columns]
    return _Known(
        text=_with_lists(str(compiled), tuple(fixed)),
        slots=tuple(slots),
        lists=tuple(dict.fromkeys(slot.name for slot in slots if slot.is_list)),
        reads=tuple((position, process) for position, process in enumerate(processors) if process is not None),
    )


def to_driver(type_: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    """Return how a column converts a value for the driver; None if the driver accepts it unchanged."""
    found = type_.dialect_impl(dialect).bind_processor(dialect)
    return lru_cache(maxsize=MOMENTS)(found) if found is not None and isinstance(type_, UtcDateTime) else found


def _from_driver(type_: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    found = type_.dialect_impl(dialect).result_processor(dialect, None)
    return lru_cache(maxsize=MOMENTS)(found) if found is not None and isinstance(type_, UtcDateTime) else found


def _plain(value: Any) -> Any:
    """Return an entry of a StrEnum as a plain text, which the driver handles faster."""
    return str(value) if isinstance(value, StrEnum) else value


def _execute(connection: Connection, known: _Known, values: Values) -> sqlite3.Cursor:
    return _to_the_driver(connection, known.text_for(values), known.parameters(values))


def _to_the_driver(
    connection: Connection, text: str, parameters: Sequence[Any], *, each: bool = False
) -> sqlite3.Cursor:
    """Run a call of the driver, and raise its errors as SQLAlchemy's, which callers know."""
    driver: Any = connection.connection.driver_connection
    try:
        made: sqlite3.Cursor = driver.executemany(text, parameters) if each else driver.execute(text, parameters)
    except sqlite3.Error as error:
        raise DBAPIError.instance(text, None, error, sqlite3.Error, dialect=connection.dialect) from error
    return made


@lru_cache(maxsize=64)
def _snapshot_class(model: type[Any], statement: Executable) -> type[Any]:
    names = {column.key: one.key for one in inspect(model).column_attrs for column in one.columns}
    attributes = tuple(names[column.key] for column in statement.exported_columns)  # type: ignore[attr-defined]

    class Snapshot:
        __slots__ = attributes

        def __init__(self, row: Row) -> None:
            for name, value in zip(attributes, row, strict=True):
                setattr(self, name, value)

    Snapshot.__name__ = Snapshot.__qualname__ = f"{model.__name__}Snapshot"
    return Snapshot
