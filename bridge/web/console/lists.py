"""Long lists: what an address filters by, from which row it goes on, and the same address with something changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from flask import abort, request
from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

PAGE = 60
Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Filters:
    """What was asked for, by name; what was left empty is not in it."""

    given: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.given.get(name, "")

    def address(self, **changes: str | int | None) -> str:
        """The page with something changed; a change to None takes the filter away. `before` is never kept."""
        wanted = {name: text for name, text in self.given.items() if name != "before"}
        wanted |= {name: str(text) for name, text in changes.items() if text is not None}
        for name, text in changes.items():
            if text is None:
                wanted.pop(name, None)
        return f"{request.path}?{urlencode(wanted)}" if wanted else request.path


def filters(*names: str) -> Filters:
    """Those of these that the address gives."""
    return Filters({name: text for name in (*names, "before") if (text := request.args.get(name, "").strip())})


def days(found: Filters, column: InstrumentedAttribute[Any], zone: ZoneInfo) -> list[ColumnElement[bool]]:
    """The conditions of `from` and `to`, both days of the account. Aborts with 422 for what is no day."""
    wanted = []
    if found["from"]:
        wanted.append(column >= _day(found["from"], zone))
    if found["to"]:
        wanted.append(column < _day(found["to"], zone) + timedelta(days=1))
    return wanted


def _day(text: str, zone: ZoneInfo) -> datetime:
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        abort(422, f"{text[:30]!r} is no day; write it like 2026-11-24")
    if not 2000 <= day.year <= 2100:
        abort(422, f"{text[:30]!r} is no day from 2000 to 2100")
    return day.replace(tzinfo=day.tzinfo or zone)


def one_of(found: Filters, name: str, words: Sequence[str]) -> str:
    """The filter of that name, if it is one of the words or empty. Aborts with 422."""
    text = found[name]
    if text and text not in words:
        abort(422, f"{name}: {text[:30]!r} is none of {', '.join(words)}")
    return text


def page(rows: Sequence[Row]) -> tuple[Sequence[Row], Row | None]:
    """The rows of one page out of at most `PAGE` + 1, and the last of them where more follow."""
    shown = rows[:PAGE]
    return shown, shown[-1] if len(rows) > PAGE else None
