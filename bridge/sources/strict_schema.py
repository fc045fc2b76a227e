"""Marshmallow schemas and fields for bridge.yaml: strict keys, durations, sizes, addresses."""

import ipaddress
import re
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, TypeAlias

from marshmallow import RAISE, Schema, ValidationError, fields, validate

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Problem: TypeAlias = tuple[str, str]  # path below the file, words

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_SIZES = {"": 1, "b": 1, "kb": 1_000, "mb": 1_000_000, "kib": 1_024, "mib": 1_048_576}


class StrictSchema(Schema):
    """A schema that refuses unknown keys and names the nearest known key."""

    class Meta:
        unknown = RAISE

    def handle_error(self, error: ValidationError, data: Any, **_: Any) -> None:
        """Add the suggestion to marshmallow's bare "Unknown field."."""
        del data
        if isinstance(error.messages, dict):
            for key, words in error.messages.items():
                if words == ["Unknown field."]:
                    error.messages[key] = [self._unknown(str(key))]

    def _unknown(self, key: str) -> str:
        known = sorted(field.data_key or name for name, field in self.fields.items())
        near = get_close_matches(key, known, n=1)
        return f"unknown key; did you mean {near[0]!r}?" if near else f"unknown key; known are {', '.join(known)}"


class one_of(validate.OneOf):  # noqa: N801 - reads as a word where it is used
    """Return a validator for a closed list of words; it suggests the nearest word."""

    def __init__(self, *words: str) -> None:
        super().__init__(words)

    def __call__(self, value: Any) -> Any:
        if value in self.choices:
            return value
        near = get_close_matches(str(value), [str(word) for word in self.choices], n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {self.choices_text}"
        raise ValidationError(f"{value!r} is not known; {hint}")


class Duration(fields.Field[timedelta]):
    """`30s`, `5m`, `12h`, `7d`, or a number of seconds."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> timedelta:
        del attr, data, kwargs
        match = re.fullmatch(r"(\d{1,9})\s*([smhd])?", str(value).strip())
        if not match or isinstance(value, bool):
            raise ValidationError(f"{value!r} is not a duration; write for example 30s, 5m, 12h or 7d")
        return timedelta(seconds=int(match[1]) * _UNITS[match[2] or "s"])


class Size(fields.Field[int]):
    """`65536`, `256kB`, `1MiB`: bytes."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> int:
        del attr, data, kwargs
        match = re.fullmatch(r"(\d{1,9})\s*([a-z]{0,3})", str(value).strip().lower())
        if not match or match[2] not in _SIZES or isinstance(value, bool):
            raise ValidationError(f"{value!r} is not a size; write for example 65536, 256kB or 1MiB")
        return int(match[1]) * _SIZES[match[2]]


class Texts(fields.Field[tuple[str, ...]]):
    """One text or a list of texts; YAML authors write either."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        del attr, data, kwargs
        items = value if isinstance(value, list) else [value]
        if not items or not all(isinstance(item, str | int) and str(item) for item in items):
            raise ValidationError("a text, or a list of texts, none of them empty")
        return tuple(str(item) for item in items)


class Networks(Texts):
    """Addresses and networks; a preset stands for a list."""

    def __init__(self, *, presets: Mapping[str, tuple[str, ...]] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.presets = presets or {}

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        found: list[Network] = []
        for text in super()._deserialize(value, attr, data, **kwargs):
            found.extend(self._network(item) for item in self.presets.get(text, (text,)))
        return tuple(found)

    def _network(self, text: str) -> Network:
        try:
            return ipaddress.ip_network(text)
        except ValueError as error:
            hint = f", or one of the presets {', '.join(self.presets)}" if self.presets else ""
            raise ValidationError(
                f"{text!r} is not an address or network ({error}); write 203.0.113.0/24{hint}"
            ) from None


#: What marshmallow calls a whole section, and what stands at a name of the file's own choosing.
_NO_KEYS = frozenset({"_schema", "value"})


def flatten(path: str, messages: Any) -> tuple[Problem, ...]:
    """Return marshmallow's nested messages as (path, words) pairs."""
    if isinstance(messages, Mapping):
        found: list[Problem] = []
        for key, inner in messages.items():
            deeper = path if key in _NO_KEYS else f"{path}.{key}"
            found.extend(flatten(deeper, inner))
        return tuple(found)
    return tuple((path, plain_words(str(words))) for words in messages)


#: What marshmallow says by itself, in the words of the other messages: behind a place, without a capital.
_OWN_WORDS = (
    ("Missing data for required field", "is missing"),
    ("Field may not be null", "is empty; give it a value, or remove the key"),
    ("Not a valid mapping type", "is not a mapping; write keys and values below it"),
    ("Invalid type", "is of another type; write keys and values below it"),
    ("Not a valid ", "is not a valid "),
    ("Must be ", "must be "),
    ("Length must be ", "its length must be "),
    ("Shorter than ", "is shorter than "),
)


def plain_words(message: str) -> str:
    """Return a message of marshmallow as the rest of a sentence that begins with a place."""
    words = message.rstrip(".")
    for said, ours in _OWN_WORDS:
        if words.startswith(said):
            return ours + words.removeprefix(said)
    return words
