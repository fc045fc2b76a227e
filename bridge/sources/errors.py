"""Errors between a sender and the event journal. Every class survives pickling and names no secret."""

from typing import Literal

Status = Literal[400, 404, 408, 413, 415, 422, 503]


class SourceError(Exception):
    """Base of all errors of this package about a request or the settings of a source."""


class SignatureError(SourceError):
    """The request is not authenticated. The endpoint answers 401, whatever the reason is.

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
    """The service cannot make a test event for this source; the text says why and what to do instead."""


class Unreadable(SourceError):
    """The sender is authenticated, but its request cannot be read. `status` is the status of the HTTP answer.

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
    """An entry of `sources:` is unusable. The error holds one (path, words) pair for each problem."""

    def __init__(self, problems: tuple[tuple[str, str], ...]) -> None:
        super().__init__("\n".join(f"{path}: {words}" for path, words in problems))
        self.problems = problems

    def __reduce__(self) -> tuple[type["SourceSettingsError"], tuple[tuple[tuple[str, str], ...]]]:
        return type(self), (self.problems,)
