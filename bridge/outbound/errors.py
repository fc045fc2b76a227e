"""Errors of requests to other servers. Every class survives pickling."""


class OutgoingError(Exception):
    """Base of all errors here. `words` may name the host, never a path, query or header: they may hold secrets."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words

    def __reduce__(self) -> tuple[type["OutgoingError"], tuple[str]]:
        return type(self), (self.words,)


class Refused(OutgoingError):
    """The address is not allowed, so nothing is sent. Another attempt changes nothing."""


class NotSent(OutgoingError):
    """The request was not sent: no such name, no connection, no valid certificate. It is safe to try again."""


class NoAnswer(OutgoingError):
    """The request was sent, but no complete answer arrived. The result is unknown."""
