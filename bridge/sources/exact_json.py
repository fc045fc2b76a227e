"""JSON in and out with exact numbers: what has a fraction is a Decimal, in both directions.

Reading is bounded before it begins: nesting is counted on the bytes, because a parser that recurses has
already lost when it finds out.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, NoReturn, TypeAlias

from bridge.sources.errors import Unreadable

BOM = b"\xef\xbb\xbf"
MAX_DIGITS = 300  # of one number, so that a double can stand for it; int(Decimal("1e999999999")) would not come back
_UNHELD = re.compile("[\x00\ud800-\udfff]")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)  # possessive: linear also without the closing quote


class _Odd(Unreadable):
    """An invalid number in a text that is otherwise JSON, or nearly."""


@dataclass(frozen=True, slots=True)
class NoNumber:
    """The place of a number that cannot be stored: `1e400`, NaN, Infinity, 5,000 digits."""

    literal: str

    def __str__(self) -> str:
        return self.literal


@dataclass(frozen=True, slots=True)
class MendedText:
    """A text with characters that no database holds, NUL or half of a surrogate pair, and their replacements."""

    text: str


Odd: TypeAlias = NoNumber | MendedText


def loads(raw: bytes, *, depth: int, any_bytes: bool = False, odd: list[Odd] | None = None) -> Any:
    """Parse one JSON text. Raises Unreadable with the line and column, or the byte, of the fault.

    With `any_bytes` a text in another encoding becomes lone surrogates instead (see `request.readable`). With `odd`,
    invalid numbers and texts stay in the value as NoNumber or MendedText, and are added to the list; without it the
    whole text is refused.
    """
    text = raw.removeprefix(BOM).decode("utf-8", "surrogateescape") if any_bytes else utf8(raw)
    if raw.count(b"[") + raw.count(b"{") > depth:
        _check_depth(raw, depth)
    try:
        value = _EXACT.decode(text)
    except _Odd:
        if odd is None:
            raise
        value = json.loads(
            text,
            parse_float=partial(_or_odd, _decimal, odd),
            parse_int=partial(_or_odd, _integer, odd),
            parse_constant=partial(_or_odd, _constant, odd),
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise Unreadable(422, f"not JSON: {error.msg}", f"line {error.lineno} column {error.colno}") from None
    if "\\u" in text and not any_bytes:
        return _checked_text(value, odd)
    return value


def utf8(raw: bytes) -> str:
    """Decode a body. A byte order mark is dropped; anything that is not UTF-8 is refused."""
    try:
        text = raw.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        raise Unreadable(422, f"not UTF-8: {error.reason}", f"byte {error.start}") from None
    if "\x00" in text:
        raise Unreadable(422, "a NUL character; database texts cannot hold it", f"character {text.index(chr(0))}")
    return text


def dumps(value: Any) -> str:
    """Write the result of `loads`, numbers digit for digit. Keys keep their order."""
    return "".join(_written(value))


def _written(value: Any) -> Iterator[str]:
    if isinstance(value, Decimal | NoNumber):
        yield str(value)
    elif isinstance(value, MendedText):
        yield json.dumps(value.text)
    elif isinstance(value, dict):
        yield "{"
        for position, (key, item) in enumerate(value.items()):
            yield f"{',' if position else ''}{json.dumps(key)}:"
            yield from _written(item)
        yield "}"
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield "["
        for position, item in enumerate(value):
            if position:
                yield ","
            yield from _written(item)
        yield "]"
    else:
        yield json.dumps(value, allow_nan=False)


def _check_depth(raw: bytes, most: int) -> None:
    depth = 0
    for token in _TOKEN.finditer(raw):
        opened = token[0]
        if opened in (b"[", b"{"):
            depth += 1
            if depth > most:
                raise Unreadable(422, f"nested deeper than {most} levels", f"byte {token.start()}")
        elif opened in (b"]", b"}"):
            depth -= 1


def _decimal(literal: str) -> Decimal:
    try:
        value = Decimal(literal)
    except InvalidOperation:  # an exponent of twenty digits
        raise _Odd(422, f"a number of more than {MAX_DIGITS} digits", literal[:20]) from None
    if len(literal) > MAX_DIGITS or abs(value.adjusted()) > MAX_DIGITS:
        raise _Odd(422, f"a number of more than {MAX_DIGITS} digits", literal[:20])
    return value


def _integer(literal: str) -> int:
    if len(literal) > MAX_DIGITS:
        raise _Odd(422, f"a number of more than {MAX_DIGITS} digits", literal[:20])
    return int(literal)


def _constant(name: str) -> NoReturn:
    raise _Odd(422, f"{name} is not a number in JSON")


def _or_odd(read: Callable[[str], Any], odd: list[Odd], literal: str) -> Any:
    try:
        return read(literal)
    except _Odd:
        odd.append(NoNumber(literal))
        return odd[-1]


def without_odd(value: Any, place: str = "body") -> tuple[Any, list[tuple[str, str]]]:
    """Return the value with null for each NoNumber and a text for each MendedText, and a list of them.

    The list has the place and description of each.
    """
    if isinstance(value, MendedText):
        return value.text, [(place, "had NUL or half a surrogate pair; kept with replacement characters")]
    if isinstance(value, NoNumber):
        return None, [(place, f"{value.literal[:20]!r} is not a number; treated as missing")]
    found: list[tuple[str, str]] = []
    if isinstance(value, dict):
        clean = {}
        for key, item in value.items():
            clean[key], more = without_odd(item, f"{place}.{key}")
            found += more
        return clean, found
    if isinstance(value, list):
        rows = [without_odd(item, f"{place}.{position}") for position, item in enumerate(value)]
        return [row for row, _ in rows], [one for _, more in rows for one in more]
    return value, found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Unreadable(422, "the name appears twice in one object", twice[:80])
    return value


def _checked_text(value: Any, odd: list[Odd] | None, place: str = "body") -> Any:
    """Return a text that databases accept: escapes can contain half of a surrogate pair, and NUL.

    A program that cuts a text to a length halves the emoji at its end: such a text must not cost the event.
    """
    if isinstance(value, str) and _UNHELD.search(value) is not None:
        if odd is None:
            raise Unreadable(422, "a text with NUL or half a surrogate pair", place)
        odd.append(MendedText(_UNHELD.sub("\ufffd", value)))
        return odd[-1]
    if isinstance(value, dict):
        for key in value:
            _checked_text(key, None, place)
        return {key: _checked_text(item, odd, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_checked_text(item, odd, f"{place}.{position}") for position, item in enumerate(value)]
    return value


_EXACT = json.JSONDecoder(  # made once: making one takes as long as reading a webhook with it
    parse_float=_decimal, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_object
)
