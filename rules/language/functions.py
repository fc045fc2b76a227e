"""The functions that conditions may call, as data: arguments, result, purpose."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["number", "text", "bool", "duration", "list", "null", "any"]


@dataclass(frozen=True, slots=True)
class Function:
    """`takes` names the kind of each argument; with `more` the last one may be repeated."""

    takes: tuple[Kind, ...]
    gives: Kind
    meaning: str
    more: bool = False


FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(("number",), "number", "the number without its sign"),
    "min": Function(("number", "number"), "number", "the smallest of the numbers", more=True),
    "max": Function(("number", "number"), "number", "the largest of the numbers", more=True),
    "lower": Function(("text",), "text", "the text in lowercase"),
    "upper": Function(("text",), "text", "the text in uppercase"),
    "trim": Function(("text",), "text", "the text without spaces at both ends"),
    "length": Function(("any",), "number", "the number of characters of a text, or of items in a list"),
    "contains": Function(
        ("any", "any"), "bool", "true if the text contains the second text, or the list contains the item"
    ),
    "starts_with": Function(("text", "text"), "bool", "true if the first text begins with the second"),
    "ends_with": Function(("text", "text"), "bool", "true if the first text ends with the second"),
    "has": Function(("any",), "bool", "true if the name has a value, false if it is missing"),
    "default": Function(("any", "any"), "any", "the first value, or the second if the first is missing"),
    "age": Function(("any",), "duration", "the time since a moment: age(offer.created_at) < 7d"),
    "holiday": Function(
        ("text",),
        "bool",
        'true on a public holiday of the country, or of a part of it, by the local date: holiday("DE", "BY")',
        more=True,
    ),
    "number": Function(("any",), "number", 'the number that a text spells: number("1.50")'),
}
# Functions that turn a missing value into a known one. Not for metrics: missing traffic must give no decision.
FORGIVING = frozenset({"has", "default"})
# Functions whose result is another one at another moment, whatever they are given.
OF_THE_MOMENT = frozenset({"age", "holiday"})
