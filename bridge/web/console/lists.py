"""Long lists: filters, paging, and links with one parameter changed."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import chain, islice
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import Response, abort, request
from sqlalchemy import BigInteger, ColumnElement, Integer, Select, func, literal, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from bridge.store.csv_cells import safe_cell
from bridge.store.entities import Entity
from bridge.store.holds import Hold, HoldState, Mute
from bridge.web.console import formatting
from bridge.web.request_context import number_asked, services
from rules.model.input_values import parse_moment

ROWS_PER_PAGE = 60
ROWS_AT_ONCE = 500  # of a file: what is in memory, and what one view of the database is kept for
MAX_HOLDS_AT_ONCE = 10_000  # pauses that one press ends
MAX_COUNTED = 10_000  # rows that a filter finds; beyond it a page says "10,000+"
HOLDS_FILTERED = ("rule", "q", "ends", "from", "to")
Row = TypeVar("Row")
Line: TypeAlias = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters of a request, by name, without empty ones."""

    given: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.given.get(name, "")

    def address(self, **changes: str | int | None) -> str:
        """Return the page's address with something changed; a change to None removes the filter.

        `before` is never kept.
        """
        wanted = {name: text for name, text in self.given.items() if name != "before"}
        wanted |= {name: str(text) for name, text in changes.items() if text is not None}
        for name, text in changes.items():
            if text is None:
                wanted.pop(name, None)
        return f"{request.path}?{urlencode(wanted)}" if wanted else request.path


def filters(*names: str) -> Filters:
    """Return those of these filters that the address has."""
    return Filters({name: text for name in (*names, "before") if (text := request.args.get(name, "").strip())})


def days(found: Filters, column: InstrumentedAttribute[Any], zone: ZoneInfo) -> list[ColumnElement[bool]]:
    """Return the conditions of `from` and `to`, both days of the account. Aborts with 422 for an invalid day."""
    wanted = []
    if found["from"]:
        wanted.append(column >= _day(found["from"], zone))
    if found["to"]:
        wanted.append(column < _day(found["to"], zone) + timedelta(days=1))
    return wanted


def _day(text: str, zone: ZoneInfo) -> datetime:
    day = parse_moment(text, zone)
    if day is None:
        abort(422, f"{text[:30]!r} is not a day from 2000 to 2100; write it like 2026-11-24")
    return day.astimezone(zone)  # a day more is the next midnight there, also over a clock change


def one_of(found: Filters, name: str, words: Sequence[str]) -> str:
    """Return the filter of that name, if it is one of the words or empty. Aborts with 422."""
    text = found[name]
    if text and text not in words:
        abort(422, f"{name}: {text[:30]!r} is none of {', '.join(words)}")
    return text


def is_csv() -> bool:
    """Return whether the list is requested as a file."""
    return request.args.get("csv") == "1"


def as_csv(name: str, headings: Sequence[str], rows: Iterable[Line]) -> Response:
    """Return a list as a file for a spreadsheet, complete whatever its length, times in UTC.

    No cell of it is executed.
    """
    parts = _parts(headings, rows)
    # The first part is read before the answer begins: what goes wrong there is an error page and no broken file.
    whole = chain([next(parts)], parts)
    answer = Response(whole, content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def _parts(headings: Sequence[str], rows: Iterable[Line]) -> Iterator[str]:
    for lines in _at_once(chain([headings], rows)):
        text = StringIO()
        csv.writer(text).writerows([safe_cell(_plain(value)) for value in line] for line in lines)
        yield text.getvalue()


def _at_once(rows: Iterable[Row]) -> Iterator[list[Row]]:
    left = iter(rows)
    while some := list(islice(left, ROWS_AT_ONCE)):
        yield some


def newest_first(
    query: Select[Any], key: InstrumentedAttribute[Any], lines: Callable[[Session, Sequence[Any]], Iterable[Line]]
) -> Iterator[Line]:
    """Yield the lines of all rows of the query; `key` is its growing id. Each part is read after the last one ended.

    The request is over while later parts are read: `lines` uses only the session.
    """
    store = services().store
    query = query.order_by(key.desc()).limit(ROWS_AT_ONCE)
    last = None
    while True:
        with store.read() as session:
            rows = session.scalars(query if last is None else query.where(key < last)).all()
            found = list(lines(session, rows))
        yield from found
        if len(rows) < ROWS_AT_ONCE:
            return
        last = getattr(rows[-1], key.key)


def in_order(
    query: Select[Any],
    keys: Sequence[InstrumentedAttribute[Any]],
    lines: Callable[[Session, Sequence[Any]], Iterable[Line]],
) -> Iterator[Line]:
    """Yield the lines of all rows of the query in its order: their keys are read first, then the rows.

    The request is over while later parts are read: `lines` uses only the session.
    """
    store = services().store
    with store.read() as session:
        everything = session.execute(query.with_only_columns(*keys)).all()
    for some in _at_once(everything):
        with store.read() as session:
            rows = session.scalars(query.where(tuple_(*keys).in_([tuple(one) for one in some]))).all()
            found = list(lines(session, rows))
        yield from found


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    return "" if value is None else value


@dataclass(frozen=True, slots=True)
class Order:
    """The sort columns of a list; equal rows are sorted by their key, in the same direction.

    None of the columns may be NULL, because NULL cannot be compared.
    """

    by: tuple[ColumnElement[Any] | InstrumentedAttribute[Any], ...] = ()
    descending: bool = True


def in_order_asked(
    session: Session, query: Select[Any], key: InstrumentedAttribute[Any], orders: Mapping[str, Order], found: Filters
) -> Select[Any]:
    """Return the query in the order that `sort` requests (by default the first), after the row `before`.

    `before` is the key of the last row on the page before; after a deleted row the list starts again.
    """
    order = orders[one_of(found, "sort", tuple(orders)) or next(iter(orders))]
    columns = (*order.by, key)
    cursor = _cursor(found, key)
    if cursor is not None:
        if not order.by:
            query = query.where(key < cursor if order.descending else key > cursor)
        elif (last := session.execute(select(*columns).where(key == cursor)).one_or_none()) is not None:
            there = tuple_(*(literal(value, column.type) for value, column in zip(last, columns, strict=True)))
            here = tuple_(*columns)
            query = query.where(here < there if order.descending else here > there)
    return query.order_by(*(one.desc() if order.descending else one.asc() for one in columns))


def _cursor(found: Filters, key: InstrumentedAttribute[Any]) -> Any:
    text = found["before"]
    return (number_asked("before") if isinstance(key.type, Integer | BigInteger) else text) if text else None


def number_of(session: Session, query: Select[Any]) -> str:
    """Return how many rows a query has, for people: `1,204`, or `10,000+` if further counting would only take time."""
    first = query.order_by(None).limit(MAX_COUNTED + 1).subquery()
    found = session.scalar(select(func.count()).select_from(first)) or 0
    return f"{found:,}" if found <= MAX_COUNTED else f"{MAX_COUNTED:,}+"


def page(rows: Sequence[Row]) -> tuple[Sequence[Row], Row | None]:
    """Return the rows of one page out of at most `PAGE` + 1, and the last of them if more follow."""
    shown = rows[:ROWS_PER_PAGE]
    return shown, shown[-1] if len(rows) > ROWS_PER_PAGE else None


def is_of_any_kind(model: type[Hold | Mute], asked: str) -> ColumnElement[bool]:
    """Return the condition for the item of that id, either of its two: rules use the one that they knew."""
    same = select(Entity.id).where(
        Entity.account == model.account,
        Entity.kind == model.kind,
        or_(Entity.ref == asked, Entity.number == asked),
        or_(Entity.ref == model.target_id, Entity.number == model.target_id),
    )
    return or_(model.target_id == asked, same.exists())


def of_holds(found: Filters, now: datetime) -> list[ColumnElement[bool]]:
    """Return the pauses that a filter of the page shows."""
    wanted = days(found, Hold.since, formatting.zone(services()))
    wanted += [Hold.rule_id == found["rule"]] if found["rule"] else []
    if found["q"]:
        wanted.append(or_(is_of_any_kind(Hold, found["q"]), Hold.subject.icontains(found["q"], autoescape=True)))
    match one_of(found, "ends", ("today", "within 24 hours", "never")):
        case "today":
            end = now.astimezone(formatting.zone(services())).replace(hour=23, minute=59, second=59)
            wanted.append(Hold.until <= end)
        case "within 24 hours":
            wanted.append(Hold.until <= now + timedelta(hours=24))
        case "never":
            wanted.append(Hold.until.is_(None))
    return wanted


def holds_shown(form: Mapping[str, str]) -> list[int]:
    """Return the numbers of the pauses that the filter shows, the newest first, as many as one action ends."""
    found = Filters({name: form[name] for name in HOLDS_FILTERED if form.get(name)})
    with services().store.read() as session:
        wanted = (Hold.state == HoldState.ACTIVE, *of_holds(found, services().clock()))
        return list(session.scalars(select(Hold.id).where(*wanted).order_by(Hold.id.desc()).limit(MAX_HOLDS_AT_ONCE)))
