"""INSERT of many plain rows. The statement is made once, and values go to the driver as its columns want them.

Executing one of SQLAlchemy's statements with a list looks at each parameter of each row, which costs several times as
much as the database does with it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias, cast

from sqlalchemy import Column, Dialect, Table, insert, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from bridge.store import plain_statements
from bridge.store.engine import Base

Convert: TypeAlias = Callable[[Any], Any]

MAX_ROWS_PER_STATEMENT = 128


@dataclass(frozen=True, slots=True)
class _RowInsert:
    """A statement of one database for rows with the same columns."""

    text: str
    columns: tuple[str, ...]  # in the order of the statement
    names: tuple[str, ...]  # the attributes of the model that they are, in the same order
    converts: tuple[tuple[int, Convert], ...]  # for the columns that the driver does not take as they are, by position
    given: Mapping[str, Any]  # values of columns that are in no row
    by_position: bool
    size: int  # names that each row has

    def parameters(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        made = []
        for row in rows:
            if len(row) != self.size:
                raise ValueError(f"rows of one insert must have the same names, not {sorted(row)}")
            whole = {**self.given, **row} if self.given else row
            values = [whole[name] for name in self.names]
            for position, convert in self.converts:
                values[position] = convert(values[position])
            made.append(tuple(values) if self.by_position else dict(zip(self.columns, values, strict=True)))
        return made


def insert_rows(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert plain rows, all with the same attributes of the model. Objects added to the session are not flushed.

    Raises KeyError for a name that is not an attribute of the model, and KeyError or ValueError for a row with other
    names than the first: no value is left out silently.
    """
    if rows:
        _execute(session.connection(), model, rows, passing_over=False)


def insert_numbered(
    session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]], *, told_by: Sequence[str] = ()
) -> list[int]:
    """Insert rows for a model with a numbered `id`; returns the ids in the order of the rows.

    `told_by` names what makes a row unique, to match ids with rows: a database that inserts them all at once need not
    keep an order.
    """
    if not rows:
        return []
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        return _insert_one_by_one(connection, model, rows)
    key: Any = model
    columns = [getattr(model, name) for name in told_by]
    made = connection.execute(insert(model).returning(key.id, *columns), rows).all()
    numbers = {tuple(row[1:]): row[0] for row in made}
    return [numbers[tuple(row[name] for name in told_by)] for row in rows]


def _insert_one_by_one(connection: Connection, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert rows singly: SQLite waits for no network, and numbers the rows as they come."""
    made = _made(connection.dialect, model, tuple(rows[0]), passing_over=False)
    return [plain_statements.insert_text(connection, made.text, one) for one in made.parameters(rows)]


def insert_new_rows(connection: Connection, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert rows, skipping those whose unique key exists. Returns how many were inserted.

    On SQLite several rows go in one statement, because the driver lets another thread have the interpreter at each:
    with a busy event loop beside it, that took longer than the rows, and nobody else could write meanwhile.
    """
    if not rows:
        return 0
    if connection.dialect.name != "sqlite":
        return _execute(connection, model, rows, passing_over=True)
    made = _made(connection.dialect, model, tuple(rows[0]), passing_over=True)
    parameters, done = made.parameters(rows), 0
    for begin, size in _parts(len(parameters)):
        some = [value for row in parameters[begin : begin + size] for value in row]
        done += connection.exec_driver_sql(_of_several(made.text, len(made.columns), size), tuple(some)).rowcount
    return done


def _parts(count: int) -> Iterator[tuple[int, int]]:
    """Yield start and size of each part, in a few sizes, so that the driver knows the statement of each already."""
    begin = 0
    while begin < count:
        size = min(1 << (count - begin).bit_length() - 1, MAX_ROWS_PER_STATEMENT)
        yield begin, size
        begin += size


@lru_cache(maxsize=64)
def _of_several(text: str, columns: int, rows: int) -> str:
    """Return the statement for several rows from the one for a single row."""
    one = f"({', '.join('?' * columns)})"
    head, values, tail = text.partition(one)
    if not values:
        raise ValueError(f"a statement that is not for plain rows: {text}")
    return head + ", ".join([one] * rows) + tail


def _execute(
    connection: Connection, model: type[Base], rows: Sequence[Mapping[str, Any]], *, passing_over: bool
) -> int:
    made = _made(connection.dialect, model, tuple(rows[0]), passing_over)
    return connection.exec_driver_sql(made.text, made.parameters(rows)).rowcount


@lru_cache(maxsize=256)
def _made(dialect: Dialect, model: type[Base], names: tuple[str, ...], passing_over: bool) -> _RowInsert:  # noqa: FBT001
    table = cast("Table", model.__table__)
    # Some columns keep an older name.
    columns = {one.key: cast("Column[Any]", one.columns[0]) for one in inspect(model).column_attrs}
    given = {
        name: _default(column) for name, column in columns.items() if name not in names and column.default is not None
    }
    by_position = dialect.positional
    statement: Any = insert(table)
    if passing_over:
        make = sqlite.insert if dialect.name == "sqlite" else postgresql.insert
        statement = make(table).on_conflict_do_nothing()
    compiled = statement.inline().compile(dialect=dialect, column_keys=[columns[name].key for name in (*names, *given)])
    order = tuple(compiled.positiontup or compiled.binds)
    converts = []
    for position, name in enumerate(order):
        convert = plain_statements.to_driver(table.columns[name].type, dialect)
        if convert is not None:
            converts.append((position, convert))
    attributes = {column.key: name for name, column in columns.items()}
    return _RowInsert(
        str(compiled), order, tuple(attributes[one] for one in order), tuple(converts), given, by_position, len(names)
    )


def _default(column: Column[Any]) -> Any:
    """Return the value of a column that a row leaves out. No table has a default that differs from row to row."""
    default: Any = column.default
    return default.arg(None) if default.is_callable else default.arg
