"""Errors between a sender and the event journal. Every class survives pickling and names no secret."""

from typing import Literal

Status = Literal[400, 404, 408, 413, 415, 422, 503]


class SourceError(Exception):
    """Base of everything that this package raises about a request or a source's settings."""


class SignatureError(SourceError):
    """The request does not prove who sent it. The endpoint answers 401, whatever the reason was.

    `code` is one word for metrics and logs; `words` is a sentence for the operator and is safe to send to
    the caller too: it never contains what was expected, only what was wrong with what came.
    """

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words

    def __reduce__(self) -> tuple[type["SignatureError"], tuple[str, str]]:
        return type(self), (self.code, self.words)


class CannotSign(SourceError, ValueError):
    """No test event can be made for this source; the text says why and what to do instead."""


class Unreadable(SourceError):
    """The sender is who it says, but what it sent cannot be read. `status` is the HTTP answer.

    `place` says where: "byte 17", "line 3 column 9", "body.deal.amount", "header Content-Encoding".
    """

    def __init__(self, status: Status, words: str, place: str = "") -> None:
        super().__init__(f"{place}: {words}" if place else words)
        self.status: Status = status
        self.words = words
        self.place = place

    def __reduce__(self) -> tuple[type["Unreadable"], tuple[Status, str, str]]:
        return type(self), (self.status, self.words, self.place)


class SourceSettingsError(SourceError, ValueError):
    """A `sources:` entry that cannot work. Carries one (path, words) pair for each problem."""

    def __init__(self, problems: tuple[tuple[str, str], ...]) -> None:
        super().__init__("\n".join(f"{path}: {words}" for path, words in problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type["SourceSettingsError"], tuple[tuple[tuple[str, str], ...]]]:
        return type(self), (self.problems,)
