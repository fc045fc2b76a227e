"""Parse text to trees: conditions, expressions and templates. Knows the grammar, not what the names stand for.

`names.resolve` does the second half: it finds out what each name is and whether the kinds of values fit.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias, cast

from lark import Lark, Token, Transformer, UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken, v_args

from rules.model import durations, tree
from rules.model.errors import Problem, RuleError
from rules.model.revision import UNITS, Calendar, Rolling, Window
from rules.model.spelling import did_you_mean, listed, nearest
from rules.model.syntax import Condition, Place, Template

MAX_TEXT = 500  # characters; the longest sensible condition we could think of has about 200
MAX_NODES = 200
MAX_DEPTH = 24  # of the tree; also what keeps every recursive walk over it shallow

_WORDS: dict[str, str] = {
    "or": "OR",
    "and": "AND",
    "not": "NOT",
    "in": "IN",
    "table": "TABLE",
    "matches": "MATCHES",
    "vs": "VS",
    "same": "SAME",
    "hours": "HOURS",
    "peers": "PEERS",
    "unusual": "UNUSUAL",
    "by": "BY",
    "per": "PER",
    "where": "WHERE",
    **dict.fromkeys(tree.SIDES, "RANK"),
    "forecast": "FORECAST",
    "within": "WITHIN",
    "over": "OVER",
    "ago": "AGO",
    "true": "TRUE",
    "false": "FALSE",
    "null": "NULL",
    "up": "DIRECTION",
    "down": "DIRECTION",
    **dict.fromkeys(UNITS, "CALENDAR"),
}
_NODE_KINDS = {
    "COMPARISON": "a comparison (< <= > >= = !=)",
    "NAME": "a name",
    "NUMBER": "a number",
    "PERCENT": "a percentage such as 50%",
    "DURATION": "a duration such as 24h",
    "CALENDAR": listed(UNITS),
    "MONTH": "'a month'",
    "PAUSES": "'of pauses'",
    "TEXT": 'a text in "quotes"',
    "DIRECTION": "'up' or 'down'",
    "$END": "the end",
}
_VALUE = {
    "NAME",
    "NUMBER",
    "PERCENT",
    "DURATION",
    "TEXT",
    "TRUE",
    "FALSE",
    "NULL",
    "SIGN",
    "LPAR",
    "LSQB",
    "FORECAST",
    "RANK",
}
# What people write who come from another language, and what it is here.
_THOUSANDS = {"k": 1_000, "m": 1_000_000}
_Phrase: TypeAlias = tuple[re.Pattern[str], Callable[[str, re.Match[str]], str]]
#: Phrases of other languages where an operator or a value is awaited, and how the same is said here.
_PHRASES: tuple[_Phrase, ...] = (
    (re.compile(r"[$€£]\s*(\d+(?:\.\d+)?)"), lambda _, found: f"amounts have no sign of a currency: write {found[1]}"),
    (
        re.compile(r"(?!(?:AND|NOT|AGO|PER|TOP)\b)[A-Z]{3}\b"),
        lambda _, found: f"amounts are in the account's currency: leave {found[0]} out",
    ),
    (
        re.compile(r"(\d+(?:\.\d+)?)([kKmM])\b"),
        lambda _, found: f"write {durations.plain(Decimal(found[1]) * _THOUSANDS[found[2].lower()]):f}",
    ),
    (
        re.compile(r"between\s+(\S+)\s+and\s+(\S+)"),
        lambda left, found: f"write {left} >= {found[1]} and {left} <= {found[2]}",
    ),
    (re.compile(r"is\s+not\s+null\b"), lambda left, _: f"write {left} != null"),
    (re.compile(r"is\s+null\b"), lambda left, _: f"write {left} = null"),
    (re.compile(r"(like|contains)\b"), lambda left, _: f'write contains({left}, "text")'),
    (
        re.compile(r"in((?:\s+the)?\s+(?:last|past)\s+\w+(?:\s+[a-z]+)?)"),
        lambda _, found: f"write over {_spoken(found[1])}",
    ),
    (re.compile(r"per\s?cent\b"), lambda left, _: f"write {left.rsplit(maxsplit=1)[-1]}%"),
)
_A_TIME = re.compile(r"(?:(?:the )?(?:last|past) )?\d*\s*[a-z]+")
_FOREIGN = {"==": "=", "<>": "!=", "&&": "and", "||": "or", "!": "not", "=<": "<=", "=>": ">=", "%": "a percentage"}


_SIDES = {
    **dict.fromkeys(("high", "higher", "above", "rises", "rose", "increases", "increased", "grows", "jumps"), "up"),
    **dict.fromkeys(("low", "lower", "below", "drops", "dropped", "falls", "fell", "decreases", "decreased"), "down"),
}


def _spoken(phrase: str) -> str:
    return durations.meant(phrase) or "24h"


class _Wrong(ValueError):
    """An error during the construction of the tree; it becomes a Problem with a place outside."""

    def __init__(self, column: int, message: str) -> None:
        super().__init__(message)
        self.column = column


def condition(text: str, place: Place) -> Condition:
    """Read one condition or expression. `place` is that of its first character.

    Raises RuleError with one located problem for a text outside the language, too long or too deep.
    """
    return Condition(text=text, place=place, tree=_parse(text, place))


def template(text: str, place: Place) -> Template:
    """Read a text with `{{ expression }}` parts. Raises RuleError like `condition`."""
    parts: list[str | Condition] = []
    for offset, piece, is_expression in _pieces(text, place):
        if not is_expression:
            parts.append(piece)
            continue
        spaces = len(piece) - len(piece.lstrip())
        inner = replace(place, column=place.column + offset + spaces)
        parts.append(condition(piece.strip(), inner))
    return Template(text=text, place=place, parts=tuple(parts) or ("",))


def _pieces(text: str, place: Place) -> Iterator[tuple[int, str, bool]]:
    position = 0
    while position < len(text):
        start = text.find("{{", position)
        if start < 0:
            yield position, text[position:], False
            return
        if start > position:
            yield position, text[position:start], False
        end = text.find("}}", start)
        if end < 0:
            raise _failure(place, start + 1, "'{{' is never closed; write '}}' behind the expression")
        yield start + 2, text[start + 2 : end], True
        position = end + 2


def _parse(text: str, place: Place) -> tree.Node:
    if len(text) > MAX_TEXT:
        raise _failure(place, MAX_TEXT + 1, f"a condition of {len(text)} characters; {MAX_TEXT} are allowed, split it")
    if not text.strip():
        raise _failure(place, 1, "an empty condition; write a comparison such as clicks > 100")
    try:
        node = cast("tree.Node", _parser().parse(text))
    except UnexpectedInput as error:
        raise _failure(place, *_explain(text, error)) from None
    except _Wrong as error:
        raise _failure(place, error.column, str(error)) from None
    _bound(node, place)
    return node


def _failure(place: Place, column: int, message: str) -> RuleError:
    return RuleError((Problem(replace(place, column=place.column + column - 1), message),))


def _bound(node: tree.Node, place: Place) -> None:
    level, depth, count = [node], 0, 0
    while level:
        depth += 1
        count += len(level)
        if depth > MAX_DEPTH or count > MAX_NODES:
            raise _failure(place, level[0].column, "too many parts in one condition; split it into several")
        level = [child for parent in level for child in _below(parent)]


def _below(node: tree.Node) -> Iterator[tree.Node]:
    yield from node.children()
    if isinstance(node, tree.Count) and node.where is not None:
        yield node.where


# --- saying what is wrong --------------------------------------------------------------------------


def _explain(text: str, error: UnexpectedInput) -> tuple[int, str]:
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        column = error.token.column or 1
        pair = text[max(column - 2, 0) : column]
        said = _unexpected(pair if pair in _FOREIGN else str(error.token), _awaited(error))
        written = _written(text, column - 1, _awaited(error))
        return column, _with_remedy(said, written) + _ranking_hint(text[: column - 1], str(error.token))
    if isinstance(error, UnexpectedCharacters):
        position = cast("Any", error).pos_in_stream
        word = _word_at(text, position)
        return error.column, _with_remedy(_unexpected(word, _awaited(error)), _written(text, position, _awaited(error)))
    return len(text.rstrip()) + 1, f"the condition ends too early; expected {_named(_awaited(error))}"


def _with_remedy(said: str, written: str) -> str:
    """Return the message; a suggested text replaces a similar word."""
    return said.partition("; did you mean")[0] + written if written else said


def _written(text: str, position: int, awaited: set[str]) -> str:
    """Return what to write instead of a phrase of another language, or nothing."""
    rest, before = text[position:], text[:position].strip()
    if "DURATION" in awaited and (found := _A_TIME.match(rest)) and (spoken := durations.meant(found[0])):
        return f"; write {spoken}"
    for pattern, wanted in _PHRASES if "DURATION" not in awaited or "NUMBER" in awaited else ():
        if found := pattern.match(rest):
            return f"; {wanted(before, found)}"
    return ""


def _ranking_hint(before: str, word: str) -> str:
    """Return a hint about an incomplete ranking: `worts 5 by cr`, `worst by cr`."""
    begun = before.rsplit(maxsplit=1)[-1] if before.split() else ""
    side = nearest(begun, tree.SIDES)
    if side is None or not (word == "by" or word[:1].isdigit()):
        return ""
    return f"; did you mean '{side} {word if word != 'by' else '5'} by ...'?"


def _word_at(text: str, position: int) -> str:
    for foreign in sorted(_FOREIGN, key=len, reverse=True):
        if text.startswith(foreign, position):
            return foreign
    if text[position] in "\"'":
        return text[position:]
    end = position
    while end < len(text) and (text[end].isalnum() or text[end] in "_."):
        end += 1
    return text[position : max(end, position + 1)]


def _awaited(error: UnexpectedInput) -> set[str]:
    if isinstance(error, UnexpectedToken):
        return set(error.accepts or error.expected)
    if isinstance(error, UnexpectedCharacters):
        return set(error.allowed or ())
    return set(error.expected) if isinstance(error, UnexpectedEOF) else set()


def _unexpected(word: str, awaited: set[str]) -> str:
    said = f"did not expect {word!r} here; expected {_named(awaited)}"
    if word[0] in "\"'" and "TEXT" in awaited:
        return "a text that begins with a quote never ends; put the same quote behind it"
    if word in _FOREIGN:
        return f"{said}; did you mean '{_FOREIGN[word]}'?"
    if "DIRECTION" in awaited and word in _SIDES:
        return f"{said}; did you mean '{_SIDES[word]}'?"
    meant = nearest(word, [name for name, terminal in _WORDS.items() if terminal in awaited])
    return f"{said}; did you mean '{meant}'?" if meant and meant != word else said


def _named(awaited: set[str]) -> str:
    """Return the expected terminals in words; all terminals of a value are just 'a value'."""
    names: list[str] = []
    rest = awaited - {"PER"} if "OVER" in awaited else set(awaited)  # behind few values only; the nearest word knows it
    if {"NUMBER", "NAME"} <= rest:
        names.append("a value")
        rest -= _VALUE | {"NOT"}
    for terminal, words in _NODE_KINDS.items():
        if terminal in rest:
            names.append(words)
            rest.discard(terminal)
    marks = {"SIGN": "+", "FACTOR": "*", "RPAR": "')'", "RSQB": "']'", "COMMA": "','"}
    names += [f"'{word}'" for word, terminal in _WORDS.items() if terminal in rest]
    names += [marks[terminal] for terminal in ("RPAR", "RSQB", "COMMA") if terminal in rest]
    if rest == {"DIRECTION", "AT"}:
        names.append("'@' such as @99%")
    return listed(dict.fromkeys(names))


# --- building the tree -----------------------------------------------------------------------------


@v_args(inline=True)
class _Builder(Transformer[Token, tree.Node]):
    """Builds the tree; the parser calls it for each rule of the grammar as soon as it is recognised."""

    def start(self, item: tree.Node) -> tree.Node:
        return item

    def either(self, first: tree.Node, *rest: Any) -> tree.Node:
        items = (first, *(part for part in rest if isinstance(part, tree.Node)))
        return tree.Or(items=items, column=first.column)

    def both(self, first: tree.Node, *rest: Any) -> tree.Node:
        items = (first, *(part for part in rest if isinstance(part, tree.Node)))
        return tree.And(items=items, column=first.column)

    def negated(self, word: Token, item: tree.Node) -> tree.Node:
        return tree.Not(item=item, column=_column(word))

    def compare(self, left: tree.Node, op: Token, right: tree.Node, *tail: Any) -> tree.Node:
        node = tree.Compare(op=cast("tree.Comparison", str(op)), left=left, right=right, column=left.column)
        return _tailed(node, tail)

    def within(self, item: tree.Node, negation: Token | None, _in: Token, choices: tree.Node) -> tree.Node:
        return tree.Within(item=item, choices=choices, negated=negation is not None, column=item.column)

    def in_table(self, item: tree.Node, negation: Token | None, _in: Token, _table: Token, name: Token) -> tree.Node:
        table, _, column = _dotted(name).partition(".")
        return tree.InTable(item=item, table=table, of=column or None, negated=negation is not None, column=item.column)

    def matches(self, item: tree.Node, _word: Token, pattern: Token) -> tree.Node:
        return tree.Matches(item=item, pattern=_unquoted(pattern), column=item.column)

    def change(self, item: tree.Node, direction: Token, share: Token, _vs: Token, *rest: Any) -> tree.Node:
        baseline, same, _hours, *tail = rest
        node = tree.Change(
            item=item,
            direction=cast("Any", str(direction)),
            share=_percent(share),
            baseline=_window(baseline),
            same_hours=same is not None,
            column=item.column,
        )
        return _tailed(node, tuple(tail))

    def peers(
        self, item: tree.Node, direction: Token, share: Token, _vs: Token, _peers: Token, *tail: Any
    ) -> tree.Node:
        node = tree.Change(
            item=item,
            direction=cast("Any", str(direction)),
            share=_percent(share),
            baseline=None,
            column=item.column,
        )
        return _tailed(node, tail)

    def unusual(self, item: tree.Node, _word: Token, direction: Token | None, *rest: Token) -> tree.Node:
        level, _vs, length, *_same_hours = rest
        return tree.Unusual(
            item=item,
            direction=cast("Any", str(direction) if direction else "either"),
            confidence=_percent(level),
            past=_duration(length),
            column=item.column,
        )

    def rank(self, side: Token, much: Token, _by: Token, item: tree.Node, _per: Token | None, *name: Any) -> tree.Node:
        group = next((tree.Name(text=_dotted(one), column=_column(one)) for one in name if one is not None), None)
        number = much.type == "NUMBER"
        return tree.Rank(
            side=cast("Any", str(side)),
            count=durations.plain(_number(much)) if number else None,
            share=None if number else _percent(much),
            item=item,
            group=group,
            column=_column(side),
        )

    def forecast(
        self, word: Token, item: tree.Node, op: Token, limit: tree.Node, _within: Token, horizon: Token
    ) -> tree.Node:
        return tree.Forecast(
            item=item,
            op=cast("tree.Comparison", str(op)),
            limit=limit,
            within=_duration(horizon),
            column=_column(word),
        )

    def confidence(self, level: Token, holds: Token | None) -> tuple[str, Any, int]:
        lasting = {"MONTH": "month", "PAUSES": "pauses"}.get(holds.type, "once") if holds else "once"
        return "confidence", (_percent(level), lasting), _column(level)

    def over(self, word: Token, window: Token) -> tuple[str, Any, int]:
        return "over", _window(window), _column(word)

    def ago(self, word: Token, shift: Token) -> tuple[str, Any, int]:
        return "ago", _duration(shift), _column(word)

    def arithmetic(self, left: tree.Node, op: Token, right: tree.Node) -> tree.Node:
        return tree.Arithmetic(op=cast("Any", str(op)), left=left, right=right, column=left.column)

    def negative(self, sign: Token, item: tree.Node) -> tree.Node:
        return item if sign == "+" else tree.Negative(item=item, column=_column(sign))

    def windowed(self, item: tree.Node, tail: tuple[str, Any, int]) -> tree.Node:
        return _tailed(item, (tail,))

    def name(self, word: Token) -> tree.Node:
        return tree.Name(text=_dotted(word), column=_column(word))

    def call(self, word: Token, arguments: tuple[tree.Node, ...] | None) -> tree.Node:
        return tree.Call(function=str(word), arguments=arguments or (), column=_column(word))

    def entities(
        self, word: Token, kind: Token, _where: Token | None, where: tree.Node | None, _per: Token | None, *name: Any
    ) -> tree.Node:
        if str(kind) not in tree.COUNTABLE:
            known = listed(tree.COUNTABLE)
            raise _Wrong(_column(kind), f"count() counts {known}, not '{kind}'{did_you_mean(kind, tree.COUNTABLE)}")
        group = next((one for one in name if one is not None), None)
        return tree.Count(kind=str(kind), where=where, per=_group(group) if group else None, column=_column(word))

    def grouped(self, word: Token, name: Token) -> tuple[str, Any, int]:
        return "per", _group(name), _column(word)

    def bracket(self, item: tree.Node) -> tree.Node:
        return item

    def arguments(self, *items: tree.Node) -> tuple[tree.Node, ...]:
        return items

    def listing(self, items: tuple[tree.Node, ...] | None) -> tree.Node:
        found = items or ()
        return tree.Listing(items=found, column=found[0].column - 1 if found else 1)

    def number(self, word: Token) -> tree.Node:
        return tree.Constant(value=durations.plain(_number(word)), kind="number", column=_column(word))

    def percent(self, word: Token) -> tree.Node:
        return tree.Constant(value=_percent(word), kind="percent", column=_column(word))

    def duration(self, word: Token) -> tree.Node:
        return tree.Constant(value=_duration(word), kind="duration", column=_column(word))

    def text(self, word: Token) -> tree.Node:
        return tree.Constant(value=_unquoted(word), kind="text", column=_column(word))

    def true(self, word: Token) -> tree.Node:
        return tree.Constant(value=True, kind="bool", column=_column(word))

    def false(self, word: Token) -> tree.Node:
        return tree.Constant(value=False, kind="bool", column=_column(word))

    def null(self, word: Token) -> tree.Node:
        return tree.Constant(value=None, kind="null", column=_column(word))


def _tailed(node: tree.Node, tail: tuple[tuple[str, Any, int], ...]) -> tree.Node:
    seen: set[str] = set()
    for kind, value, column in tail:
        if kind in seen:
            raise _Wrong(column, f"a second '{'@' if kind == 'confidence' else kind}'; one is enough")
        seen.add(kind)
        if kind == "over":
            node = tree.Over(item=node, window=value, column=node.column)
        elif kind == "ago":
            node = tree.Ago(item=node, shift=value, column=node.column)
        elif kind == "per":
            node = _grouped(node, value, column)
        else:
            node = _confident(node, value, column)
    return node


def _confident(node: tree.Node, sure: tuple[Decimal, tree.Holds], column: int) -> tree.Node:
    level, holds = sure
    if isinstance(node, tree.Over | tree.Ago):
        return replace(node, item=_confident(node.item, sure, column))
    if isinstance(node, tree.Change) and holds == "once":
        raise _Wrong(column, "'@' of a change holds for a month; write @95% a month")
    if not isinstance(node, tree.Compare | tree.Change):
        raise _Wrong(column, "'@' says how sure a comparison of a ratio must be; it does not fit here")
    return replace(node, confidence=level, holds=holds)


def _group(name: Token) -> tuple[Any, ...]:
    """Return the group of `per advertiser`; `per network` is the whole account."""
    if str(name) == "network":
        return ()
    if str(name) != "advertiser":
        hint = did_you_mean(name, ("advertiser", "network"))
        if str(name) == "month":
            hint = "; evidence for a month is written @95% a month"
        raise _Wrong(_column(name), f"count() counts per advertiser or per network, not per {name}{hint}")
    return ("advertiser",)


def _grouped(node: tree.Node, per: tuple[Any, ...], column: int) -> tree.Node:
    """Return a comparison whose counts use the group after it."""
    if isinstance(node, tree.Compare):
        sides = {
            name: replace(side, per=per)
            for name, side in (("left", node.left), ("right", node.right))
            if isinstance(side, tree.Count) and side.per is None
        }
        if sides:
            return replace(node, **cast("Any", sides))
    raise _Wrong(column, "'per' belongs to count(): count(offers where active) < 3 per advertiser")


def _column(token: Token) -> int:
    return token.column or 1


def _number(token: Token) -> Decimal:
    if len(token) > 18:
        raise _Wrong(_column(token), "a number of more than 18 characters")
    if token[:1] == "0" and token[1:2].isdecimal():
        raise _Wrong(
            _column(token), f'a number does not begin with 0; a code is a text, "{token}"; thousands have no comma'
        )
    return Decimal(str(token))


def _percent(token: Token) -> Decimal:
    found = durations.percent(str(token))
    if found is None:
        raise _Wrong(_column(token), "a percentage with too many digits")
    return found


def _duration(token: Token) -> timedelta:
    found = durations.duration(str(token))
    if not found:
        raise _Wrong(_column(token), "a duration must be longer than zero and shorter than ten years")
    return found


def _window(token: Token) -> Window:
    if token.type == "DURATION":
        return Rolling(_duration(token))
    return Calendar(cast("Any", str(token)))


def _unquoted(token: Token) -> str:
    characters = iter(str(token)[1:-1])
    text = ""
    for character in characters:
        following = next(characters) if character == "\\" else None
        if following is None:
            text += character
        else:
            text += following if following in "\"'\\" else "\\" + following
    return text


def _dotted(token: Token) -> str:
    """Return body.items[0]["first-name"] as body.items.0.first-name."""
    return str(token).replace('["', ".").replace('"]', "").replace("[", ".").replace("]", "")


@cache
def _parser() -> Lark:
    grammar = files("rules.language").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", maybe_placeholders=True, transformer=_Builder())
