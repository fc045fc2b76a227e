"""Marshmallow fields and the strict schema from which the sections of a rule are read.

A schema sees plain values; `read` joins what it finds with the places of the YAML nodes, so that one load tells
all that is wrong, each with file, line, column and the nearest valid word.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo, available_timezones

from marshmallow import RAISE, Schema, ValidationError, fields

from rules.language.keys import KEYS
from rules.language.strict_yaml import Node, Table, data
from rules.model import durations, metrics
from rules.model.errors import Problem
from rules.model.revision import UNITS, Calendar, HoldFor, Rolling, Window
from rules.model.spelling import did_you_mean, listed
from rules.model.syntax import Place

_UNKNOWN = "unknown key"
_NO_LINES = "needs `key: value` lines here"
_MAX_NUMBER = Decimal(10) ** 15
_MONEY = re.compile(r"(\d{1,15}(?:\.\d{1,6})?) ([A-Z]{3})")
_ASKED = re.compile(r"(?:(\w+)\s*>=?\s*)?(\d+)")  # `clicks >= 500`, or 500 alone
_HOLDS = ("midnight", "manual")


class StrictSchema(Schema):
    """A schema that refuses unknown keys; `read` adds which one was probably meant."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": _UNKNOWN, "type": _NO_LINES}  # noqa: RUF012 - marshmallow's own


class Findings(list[Problem]):
    """The problems of one document, in order of discovery."""

    def error(self, place: Place, message: str) -> None:
        self.append(Problem(place, message))

    def warning(self, place: Place, message: str) -> None:
        self.append(Problem(place, message, "warning"))

    @property
    def fatal(self) -> bool:
        return any(problem.severity == "error" for problem in self)


def read(schema: Schema, node: Node, findings: Findings, key: str = "") -> Any:
    """Return the value that the schema builds from the node, or None; problems go to the findings.

    `key` is the path of the node, as in `trigger.webhook`: for the example of how it is written.
    """
    try:
        return schema.load(cast("Any", data(node)))
    except ValidationError as error:
        messages = error.messages if isinstance(error.messages, Mapping) else {"_schema": error.messages}
        findings.extend(_located(messages, node, schema, key))
        return None


def _located(messages: Mapping[Any, Any], node: Node, schema: Any, own: str = "") -> Iterator[Problem]:
    for key, found in messages.items():
        if key == "_schema":
            yield from (Problem(node.place, f"{text}{_example(own) if text == _NO_LINES else ''}") for text in found)
            continue
        child = _child(node, key)
        if isinstance(found, Mapping):
            yield from _located(found, child, _inner(schema, key), str(key) if not isinstance(key, int) else own)
            continue
        for text in found:
            yield _problem(str(text), str(key), node, child, schema)


def _problem(text: str, key: str, node: Node, child: Node, schema: Any) -> Problem:
    if text == _UNKNOWN:
        place = node.keys.get(key, node.place) if isinstance(node, Table) else node.place
        return Problem(place, f"unknown key '{key}'{did_you_mean(key, _keys(schema))}")
    if child is node and not key.isdecimal():
        return Problem(node.place, f"'{key}' {text}")
    return Problem(child.place, text + (_example(key) if text == _NO_LINES else ""))


def _example(key: str) -> str:
    """Return an example of a key with its own lines, from the reference."""
    if key in KEYS:
        return f"; write {KEYS[key].example}"
    examples = [one.example for path, one in KEYS.items() if path.rpartition(".")[2] == key and "{" in one.example]
    return f"; write {examples[0]}" if len(examples) == 1 else ""


def _child(node: Node, key: Any) -> Node:
    if isinstance(node, Table):
        return node.entries.get(key, node)
    items = getattr(node, "items", None)
    return items[key] if isinstance(items, tuple) and isinstance(key, int) and key < len(items) else node


def _keys(schema: Any) -> Iterable[str]:
    known = getattr(schema, "fields", {})
    return [item.data_key or name for name, item in known.items()]


def _inner(schema: Any, key: Any) -> Any:
    if isinstance(key, int):
        return schema
    found = next((f for n, f in getattr(schema, "fields", {}).items() if (f.data_key or n) == key), None)
    nested = getattr(found, "inner", found)
    return getattr(nested, "schema", None)


# --- fields ----------------------------------------------------------------------------------------

_MESSAGES: dict[str, Any] = {"required": "is missing", "null": "needs a value"}


class _Value(fields.Field[Any]):
    """A field whose `understood` returns the value, or raises ValidationError with a readable text."""

    default_error_messages = _MESSAGES

    def understood(self, value: Any) -> Any:
        raise NotImplementedError

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        return self.understood(value)


class Text(_Value):
    def __init__(self, *, longest: int = 200, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.longest = longest

    def understood(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError(f"{spelled(value)} where a text is needed; put it into quotes")
        if len(value) > self.longest:
            raise ValidationError(f"a text of {len(value)} characters; {self.longest} are allowed")
        return value


class Word(_Value):
    """A word of a closed list."""

    def __init__(self, *choices: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.choices = choices

    def understood(self, value: Any) -> str:
        if value in self.choices:
            return str(value)
        raise ValidationError(f"{spelled(value)} is not one of {listed(self.choices)}{_meant(value, self.choices)}")


class Words(_Value):
    """One text or a list of texts, optionally from a closed list; becomes a tuple."""

    def __init__(self, *choices: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.choices = choices

    def understood(self, value: Any) -> tuple[str, ...]:
        items = value if isinstance(value, list) else [value]
        one = Word(*self.choices) if self.choices else Text()
        wrong: dict[int, list[str]] = {}
        for number, item in enumerate(items):
            try:
                one.understood(item)
            except ValidationError as error:
                wrong[number] = [str(text) for text in error.messages]
        if wrong:
            raise ValidationError(cast("Any", wrong if isinstance(value, list) else wrong[0]))
        return tuple(items)


class Flag(_Value):
    def understood(self, value: Any) -> bool:
        if isinstance(value, bool):
            return value
        raise ValidationError(f"{spelled(value)} is not true or false; only these two words are booleans")


class Whole(_Value):
    def __init__(self, *, least: int = 0, most: int = 1_000_000, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least, self.most = least, most

    def understood(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValidationError(f"{spelled(value)} where a whole number is needed")
        if not self.least <= value <= self.most:
            raise ValidationError(f"{value} is not between {self.least} and {self.most:,}")
        return value


class Share(_Value):
    def understood(self, value: Any) -> Decimal:
        found = durations.percent(value) if isinstance(value, str) else None
        if found is None:
            raise ValidationError(f"{spelled(value)} is not a percentage; write 5%")
        if not 0 < found <= 1:
            raise ValidationError(f"{value} is not above 0% and at most 100%")
        return found


class Length(_Value):
    def __init__(self, *, least: timedelta = timedelta(0), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.least = least

    def understood(self, value: Any) -> timedelta:
        found = length(value)
        if found is None:
            raise ValidationError(
                f"{spelled(value)} is not a duration; write {durations.meant(value) or '45m, 12h or 7d'}"
            )
        if found < self.least:
            raise ValidationError(f"{value} is shorter than {durations.written(self.least)}")
        return found


class Settle(_Value):
    def understood(self, value: Any) -> Any:
        found = "auto" if value == "auto" else length(value)
        if found is None:
            raise ValidationError(f"{spelled(value)} is neither a duration nor `auto`; write 1h or auto")
        return found


class WindowOf(_Value):
    def understood(self, value: Any) -> Window:
        if value in UNITS:
            return Calendar(cast("Any", value))
        found = length(value)
        if not found:
            if spoken := durations.meant(value):
                raise ValidationError(f"{spelled(value)} is not a window; write {spoken}")
            raise ValidationError(
                f"{spelled(value)} is not a window; write 24h, 7d or one of {listed(UNITS)}{_meant(value, UNITS)}"
            )
        return Rolling(found)


class Zone(_Value):
    def understood(self, value: Any) -> str:
        if not (isinstance(value, str) and is_zone(value)):
            meant = _meant(value, available_timezones()) or "; write one such as Europe/Berlin"
            raise ValidationError(f"{spelled(value)} is not a time zone{meant}")
        return value


class Clock(_Value):
    def understood(self, value: Any) -> time:
        hours, colon, minutes = str(value).partition(":")
        if colon and hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2 and len(hours) <= 2:
            if int(hours) < 24 and int(minutes) < 60:
                return time(int(hours), int(minutes))
            if (int(hours), int(minutes)) == (24, 0):
                return time(0, 0)
        raise ValidationError(f"{spelled(value)} is not a time of day; write 22:00")


class Amounts(_Value):
    """`{clicks: 500}`: base metrics and the smallest amount of each."""

    def understood(self, value: Any) -> dict[str, Decimal]:
        if not isinstance(value, Mapping):
            asked = _ASKED.fullmatch(str(value).strip())
            written = f"{{{asked[1] or 'clicks'}: {asked[2]}}}" if asked else "{clicks: 500} or the like"
            raise ValidationError(f"{spelled(value)} where a mapping is needed; write {written}")
        wrong = {key: [message] for key, amount in value.items() if (message := _amount_problem(key, amount))}
        if wrong:
            raise ValidationError(cast("Any", wrong))
        return {str(key): durations.plain(Decimal(amount)) for key, amount in value.items()}


def _amount_problem(name: str, amount: Any) -> str | None:
    if name not in metrics.BASE and not name.startswith(metrics.EVENTS):
        return f"'{name}' is not counted here; use {listed(metrics.BASE)}{did_you_mean(name, metrics.BASE)}"
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal) or not 0 <= amount < _MAX_NUMBER:
        return f"{spelled(amount)} where an amount such as 500 is needed"
    return None


class MoneyOf(_Value):
    """`50 USD`, or `50` in the account's currency; becomes (amount, currency or None)."""

    def understood(self, value: Any) -> tuple[Decimal, str | None]:
        found = money(value)
        if found is None:
            raise ValidationError(f"{spelled(value)} is not an amount of money; write 50 USD")
        if not 0 < found[0] < _MAX_NUMBER:
            raise ValidationError(f"{spelled(value)} is not above 0")
        return found


class HoldOf(_Value):
    def understood(self, value: Any) -> HoldFor:
        found = hold_for(value)
        if found is None:
            raise ValidationError(
                f"{spelled(value)} is not a hold; write {durations.meant(value) or '12h, until midnight or manual'}"
            )
        return found


class OneOrMany(fields.List[Any]):
    """A list of sections, or a single one without the dash."""

    default_error_messages = _MESSAGES

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, Mapping | list):
            raise ValidationError(_NO_LINES)
        return super()._deserialize([value] if isinstance(value, Mapping) else value, attr, data, **kwargs)


def length(value: Any) -> timedelta | None:
    """Return a duration value of the YAML, or None. A bare number is not one: it has no unit."""
    return durations.duration(value) if isinstance(value, str) else None


def money(value: Any) -> tuple[Decimal, str | None] | None:
    """Return an amount with or without its currency; None for anything else."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return durations.plain(Decimal(value)), None
    found = _MONEY.fullmatch(value) if isinstance(value, str) else None
    return (durations.plain(Decimal(found[1])), found[2]) if found else None


def hold_for(value: Any) -> HoldFor | None:
    """Return how long a pause lasts: `12h`, `until midnight`, `midnight`, `manual`; None for anything else."""
    raw = value.removeprefix("until ") if isinstance(value, str) else ""
    if raw in _HOLDS:
        return HoldFor(cast("Any", raw))
    span = length(raw)
    return HoldFor("duration", span) if span else None


def is_zone(name: str) -> bool:
    """Return True for a time zone that this machine knows."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def spelled(value: Any) -> str:
    """Return a YAML value as the person wrote it, for messages; for mappings and lists, their kind."""
    if isinstance(value, bool):
        return f"'{str(value).lower()}'"
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    return f"'{text if len(text) <= 60 else text[:57] + '...'}'"


def _meant(value: Any, choices: Iterable[str]) -> str:
    return did_you_mean(value, choices) if isinstance(value, str) else ""


def at(place: Place, offset: int) -> Place:
    """Return a place on the same line, a number of columns further."""
    return replace(place, column=place.column + offset)
