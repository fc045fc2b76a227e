r"""Regular expressions whose cost is bounded, for `matches`. No pattern can make a subject slow to search.

Python's `re` backtracks: one careless pattern and one hostile body stop a worker for hours. Here a pattern is a
nondeterministic automaton of bounded size that is walked once along the subject, its state sets cached as they
turn up. That leaves out back-references and look-around, which nobody needs to judge a name or an address.

Known: literals, `.`, `[a-z]`, `[^...]`, `\d \w \s \D \W \S`, escaped characters, `^`, `$`, groups, `|`,
`* + ? {m} {m,} {m,n}`, and `(?i)` at the beginning for "whatever the case". A pattern is searched for anywhere
unless `^` and `$` tie it down; `$` is the very end.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, TypeAlias

MAX_PATTERN = 200  # characters
MAX_STATES = 600  # of the automaton, counted repetitions written out
MAX_SUBJECT = 2_048  # characters; a longer subject is not searched
_CACHED_SETS = 500  # state sets kept per pattern before the cache starts anew
_MAX_NESTING = 20

Test: TypeAlias = Callable[[str], bool]

_CLASSES: dict[str, Test] = {
    "d": str.isdecimal,
    "w": lambda c: c.isalnum() or c == "_",
    "s": str.isspace,
    "D": lambda c: not c.isdecimal(),
    "W": lambda c: not (c.isalnum() or c == "_"),
    "S": lambda c: not c.isspace(),
}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}


class PatternError(ValueError):
    """A pattern outside the bounded set. Says which part, in words."""


@dataclass(slots=True)
class _State:
    """One state: consumes a character, or is passed through freely, perhaps only at an edge of the subject."""

    kind: Literal["take", "free", "begin", "end", "found"]
    test: Test | None = None
    out: list[int] = field(default_factory=list)


class _Machine:
    """Builds the automaton by recursive descent; `piece` and its kin return (first state, open ends)."""

    def __init__(self, pattern: str) -> None:
        if len(pattern) > MAX_PATTERN:
            raise PatternError(f"{len(pattern)} characters; {MAX_PATTERN} are allowed")
        self.any_case = pattern.startswith("(?i)")
        self._text = pattern[4:] if self.any_case else pattern
        self._at = 0
        self._nesting = 0
        self.states: list[_State] = []
        first, ends = self._choice()
        if self._at < len(self._text):
            raise PatternError("a ')' without its '('")
        found = self._state("found")
        self._join(ends, found)
        self.first = first

    def _state(self, kind: Literal["take", "free", "begin", "end", "found"], test: Test | None = None) -> int:
        if len(self.states) >= MAX_STATES:
            raise PatternError("too large once its repetitions are written out")
        self.states.append(_State(kind, test))
        return len(self.states) - 1

    def _join(self, ends: list[int], target: int) -> None:
        for end in ends:
            self.states[end].out.append(target)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _choice(self) -> tuple[int, list[int]]:
        branches = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            branches.append(self._sequence())
        if len(branches) == 1:
            return branches[0]
        fork = self._state("free")
        self.states[fork].out.extend(first for first, _ in branches)
        return fork, [end for _, ends in branches for end in ends]

    def _sequence(self) -> tuple[int, list[int]]:
        first = self._state("free")
        ends = [first]
        while self._peek() not in {"", "|", ")"}:
            following, open_ends = self._repeated()
            self._join(ends, following)
            ends = open_ends
        return first, ends

    def _repeated(self) -> tuple[int, list[int]]:
        begin = self._at
        piece = self._single()
        bounds = self._bounds()
        if bounds is None:
            return piece
        least, most = bounds
        if self._peek() in {"*", "+", "{"} or (self._peek() == "?" and self._text[self._at - 1] == "?"):
            raise PatternError("two repetitions behind each other")
        if self._peek() == "?":  # lazy or greedy makes no difference to whether there is a match
            self._at += 1
        return self._copies(begin, piece, least, most)

    def _bounds(self) -> tuple[int, int | None] | None:
        mark = self._peek()
        if mark in {"*", "+", "?"} and mark:
            self._at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[mark]
        if mark != "{":
            return None
        end = self._text.find("}", self._at)
        least, comma, most = self._text[self._at + 1 : max(end, 0)].partition(",")
        if end < 0 or not least.isdecimal() or (most and not most.isdecimal()):
            raise PatternError("'{' must hold numbers as in {2} or {2,5}; write \\{ for the character")
        self._at = end + 1
        low, high = int(least), int(most) if most else None if comma else int(least)
        if low > 200 or (high or 0) > 200 or (high is not None and high < low):
            raise PatternError("a repetition must count upwards and at most to 200")
        return low, high

    def _copies(self, begin: int, piece: tuple[int, list[int]], least: int, most: int | None) -> tuple[int, list[int]]:
        resume = self._at
        first = self._state("free")
        ends, unused = [first], [piece]
        skips: list[int] = []
        for number in range(max(least, most if most is not None else least + 1)):
            part, part_ends = unused.pop() if unused else self._again(begin)
            if number >= least:
                gate = self._state("free")
                self._join(ends, gate)
                ends = [gate]
                skips.append(gate)
            self._join(ends, part)
            if most is None and number >= least:
                self._join(part_ends, ends[0])
                self._at = resume
                return first, [ends[0]]
            ends = part_ends
        self._at = resume
        return first, [*ends, *skips]

    def _again(self, begin: int) -> tuple[int, list[int]]:
        self._at = begin
        return self._single()

    def _single(self) -> tuple[int, list[int]]:
        mark = self._peek()
        self._at += 1
        if mark == "(":
            return self._group()
        if mark in {"*", "+", "?", "{"}:
            raise PatternError(f"'{mark}' with nothing before it to repeat; write \\{mark} for the character")
        if mark == "^":
            state = self._state("begin")
        elif mark == "$":
            state = self._state("end")
        else:
            state = self._state("take", self._test(mark))
        return state, [state]

    def _group(self) -> tuple[int, list[int]]:
        if self._peek() == "?":
            if not self._text.startswith("?:", self._at):
                raise PatternError("'(?' is only known as '(?:' and, at the beginning, '(?i)'")
            self._at += 2
        self._nesting += 1
        if self._nesting > _MAX_NESTING:
            raise PatternError("groups nested too deeply")
        inside = self._choice()
        if self._peek() != ")":
            raise PatternError("a '(' that is never closed")
        self._at += 1
        self._nesting -= 1
        return inside

    def _test(self, mark: str) -> Test:
        if mark == ".":
            return lambda c: c != "\n"
        if mark == "[":
            return self._set()
        if mark == "\\":
            found = self._escape()
            return found if callable(found) else self._exactly(found)
        return self._exactly(mark)

    def _exactly(self, wanted: str) -> Test:
        return lambda c: c == wanted

    def _escape(self) -> Test | str:
        mark = self._peek()
        self._at += 1
        if mark in _CLASSES:
            return _CLASSES[mark]
        if mark in _CONTROLS:
            return _CONTROLS[mark]
        if not mark or mark.isalnum():
            raise PatternError(f"'\\{mark}' is not known")
        return mark

    def _set(self) -> Test:
        negated = self._peek() == "^"
        self._at += negated
        tests: list[Test] = []
        while True:
            mark = self._peek()
            self._at += 1
            if not mark:
                raise PatternError("a '[' that is never closed")
            if mark == "]" and tests:
                break
            tests.append(self._member(mark))
        members = tuple(tests)
        return lambda c: any(test(c) for test in members) != negated

    def _member(self, mark: str) -> Test:
        low = self._escape() if mark == "\\" else mark
        if callable(low):
            return low
        if self._peek() != "-" or self._text[self._at + 1 : self._at + 2] in {"]", ""}:
            return self._exactly(low)
        self._at += 1
        mark = self._peek()
        self._at += 1
        high = self._escape() if mark == "\\" else mark
        if callable(high) or high < low:
            raise PatternError(f"the range '{low}-{mark}' runs backwards")
        return lambda c: low <= c <= high


class Pattern:
    """A compiled pattern. `found_in` takes time in proportion to the subject's length."""

    def __init__(self, text: str) -> None:
        machine = _Machine(text)
        self._states = machine.states
        self._any_case = machine.any_case
        self._begin = self._closed([machine.first], begin=True)
        self._restart = self._closed([machine.first])
        self._steps: dict[tuple[frozenset[int], str], frozenset[int]] = {}

    def found_in(self, subject: str) -> bool:
        """True when the pattern occurs in the subject. Raises ValueError beyond MAX_SUBJECT characters."""
        if len(subject) > MAX_SUBJECT:
            raise ValueError(f"a text of more than {MAX_SUBJECT} characters is not searched")
        current = self._begin
        for character in subject:
            if self._found(current):
                return True
            current = self._step(current, character)
        return self._found(current) or self._found(self._closed(current, begin=not subject, end=True))

    def _found(self, states: frozenset[int]) -> bool:
        return len(self._states) - 1 in states  # "found" is made last

    def _step(self, current: frozenset[int], character: str) -> frozenset[int]:
        known = self._steps.get((current, character))
        if known is None:
            if len(self._steps) >= _CACHED_SETS:
                self._steps.clear()
            known = self._closed([out for state in current for out in self._taken(state, character)]) | self._restart
            self._steps[current, character] = known
        return known

    def _taken(self, number: int, character: str) -> Iterator[int]:
        state = self._states[number]
        if state.kind == "take" and state.test is not None and self._accepts(state.test, character):
            yield from state.out

    def _accepts(self, test: Test, character: str) -> bool:
        if test(character):
            return True
        return self._any_case and any(test(other) for other in (character.lower(), character.upper()))

    def _closed(self, numbers: list[int] | frozenset[int], *, begin: bool = False, end: bool = False) -> frozenset[int]:
        reached: set[int] = set()
        waiting = list(numbers)
        while waiting:
            number = waiting.pop()
            if number in reached:
                continue
            reached.add(number)
            kind = self._states[number].kind
            if kind == "free" or (kind == "begin" and begin) or (kind == "end" and end):
                waiting.extend(self._states[number].out)
        return frozenset(reached)


@lru_cache(maxsize=1_000)
def compiled(text: str) -> Pattern:
    """The pattern, kept for the next time. Raises PatternError for one outside the bounded set."""
    return Pattern(text)
