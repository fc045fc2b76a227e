r"""Compile regular expressions whose cost is bounded, for `matches`. RE2 searches in time linear in the subject.

Python's `re` backtracks: one careless pattern and one hostile body stop a worker for hours. RE2 does not, at the
price of back-references and look-around. Its `\d` and `\w` know ASCII only, so classes are translated here.

Known: literals, `.`, `[a-z]`, `[^...]`, `\d \w \s \D \W \S`, escaped characters, `^`, `$`, groups, `|`,
`* + ? {m} {m,} {m,n}`, and `(?i)` at the beginning for "whatever the case". A pattern is searched for anywhere
unless `^` and `$` tie it down; `$` is the very end.
"""

import re
from functools import lru_cache

import re2

MAX_PATTERN = 200  # characters
MAX_SUBJECT = 2_048  # characters; a longer subject is not searched
_MAX_MEMORY = 8 << 20  # bytes of a compiled pattern, counted repetitions written out
_MAX_NESTING = 20
_MAX_REPETITION = 200

_INSIDE = {"d": r"\p{Nd}", "w": r"\p{L}\p{N}_", "s": r"\s\x{b}\x{1c}-\x{1f}\x{85}\p{Z}"}  # as a part of a set
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r"}
_COUNTED = re.compile(r"\{(\d{1,9})(,(\d{0,9}))?\}", re.ASCII)


class PatternError(ValueError):
    """The pattern is outside the bounded set. The text says which part."""


class Pattern:
    """A compiled pattern."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_PATTERN:
            raise PatternError(f"{len(text)} characters; {MAX_PATTERN} are allowed")
        any_case = text.startswith("(?i)")
        translated = _Translator(text[4:] if any_case else text).translated()
        options = re2.Options()
        options.log_errors = False  # they go into our own messages, not to the standard error output
        options.max_mem = _MAX_MEMORY
        options.never_capture = True
        options.case_sensitive = not any_case
        try:
            self._compiled = re2.compile(translated, options)
        except (re2.error, UnicodeError) as error:
            raise PatternError(_words(error)) from None

    def found_in(self, subject: str) -> bool:
        """Return True if the pattern occurs in the subject. Raises ValueError beyond MAX_SUBJECT characters."""
        if len(subject) > MAX_SUBJECT:
            raise ValueError(f"a text of more than {MAX_SUBJECT} characters is not searched")
        text = subject.encode("utf-8", "replace").decode()  # half a surrogate pair is not a character
        return self._compiled.search(text) is not None


@lru_cache(maxsize=1_000)
def compiled(text: str) -> Pattern:
    """Return the compiled pattern and cache it. Raises PatternError for one outside the bounded set."""
    return Pattern(text)


def _words(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    if "too large" in text or "repetition size" in text:
        return "too large once its repetitions are written out"
    return text or "it cannot be read"


class _Translator:
    """Translates one of our patterns to RE2, from the left to the right, and refuses unknown parts."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def translated(self) -> str:
        written: list[str] = []
        nesting = 0
        before = "nothing"  # what a repetition would repeat: nothing, a piece, or something that is repeated already
        while mark := self._next():
            if mark in "*+?{":
                before = self._check_repetition(mark, before)
                written.append(self._text[self._start : self._at])
                continue
            before = "nothing" if mark in "(|" else "piece"
            nesting += (mark == "(") - (mark == ")")
            if nesting < 0:
                raise PatternError("a ')' without its '('")
            if nesting > _MAX_NESTING:
                raise PatternError("groups nested too deeply")
            written.append(self._piece(mark))
        if nesting:
            raise PatternError("a '(' that is never closed")
        return "".join(written)

    def _next(self) -> str:
        self._start = self._at
        self._at += 1
        return self._text[self._start : self._at]

    def _check_repetition(self, mark: str, before: str) -> str:
        if before == "nothing":
            raise PatternError(f"'{mark}' with nothing before it to repeat; write \\{mark} for the character")
        if before == "repeated" and mark == "?":
            return "lazy"  # lazy or greedy makes no difference to whether there is a match
        if before != "piece":
            raise PatternError("two repetitions in a row")
        if mark == "{":
            self._check_count()
        return "repeated"

    def _check_count(self) -> None:
        found = _COUNTED.match(self._text, self._start)
        if found is None:
            raise PatternError("'{' must hold numbers as in {2} or {2,5}; write \\{ for the character")
        low = int(found[1])
        high = int(found[3]) if found[3] else low
        if low > _MAX_REPETITION or not low <= high <= _MAX_REPETITION:
            raise PatternError(f"a repetition must count upwards to at most {_MAX_REPETITION}")
        self._at = found.end()

    def _piece(self, mark: str) -> str:
        match mark:
            case "(":
                return self._opened()
            case ")" | "|" | ".":
                return mark
            case "^" | "$":
                return f"(?:{mark})"
            case "[":
                return self._set()
        found, is_class = self._character(mark)
        return f"[{'' if found.islower() else '^'}{_INSIDE[found.lower()]}]" if is_class else _literal(found)

    def _opened(self) -> str:
        if self._text.startswith("?:", self._at):
            self._at += 2
        elif self._text.startswith("?", self._at):
            raise PatternError("'(?' is only known as '(?:' and, at the beginning, '(?i)'")
        return "(?:"

    def _escaped(self) -> str:
        """Return the intended character, or the letter of a class."""
        mark = self._text[self._at : self._at + 1]
        self._at += 1
        if mark in _CONTROLS:
            return _CONTROLS[mark]
        if not mark or (mark.isalnum() and mark.lower() not in _INSIDE):
            raise PatternError(f"'\\{mark}' is not known")
        return mark

    def _set(self) -> str:
        written = ["[^" if self._text.startswith("^", self._at) else "["]
        self._at += len(written[0]) - 1
        while (mark := self._next()) != "]" or len(written) == 1:
            if not mark:
                raise PatternError("a '[' that is never closed")
            written.append(self._member(mark))
        return "".join([*written, "]"])

    def _member(self, mark: str) -> str:
        low, is_class = self._character(mark)
        if is_class:
            if low.isupper():
                negated = {"D": r"\P{Nd}"}.get(low)
                if negated is None:
                    raise PatternError(f"'\\{low}' cannot stand in a set; write (?:\\{low}|[...])")
                return negated
            return _INSIDE[low]
        if not self._text.startswith("-", self._at) or self._text[self._at + 1 : self._at + 2] in {"]", ""}:
            return _literal(low)
        self._at += 1
        high, is_class = self._character(self._next())
        if is_class or high < low:
            raise PatternError(f"the range '{low}-{high}' runs backwards")
        return f"{_literal(low)}-{_literal(high)}"

    def _character(self, mark: str) -> tuple[str, bool]:
        if mark != "\\":
            return mark, False
        found = self._escaped()
        return found, found.lower() in _INSIDE  # an escaped letter is a class, or `_escaped` has refused it


def _literal(character: str) -> str:
    """Return one character as itself, in a set and outside."""
    return f"\\x{{{ord(character):x}}}" if not character.isalnum() or not character.isascii() else character
