"""Errors of requests to other servers. Every class survives pickling."""


class OutgoingError(Exception):
    """Base. `words` names the host at most, never a path, a query or a header: those may carry secrets."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words

    def __reduce__(self) -> tuple[type["OutgoingError"], tuple[str]]:
        return type(self), (self.words,)


class Refused(OutgoingError):
    """We will not send this: the address is not allowed. Trying again changes nothing."""


class NotSent(OutgoingError):
    """The request never left: no such name, no connection, no valid certificate. Safe to try again."""


class NoAnswer(OutgoingError):
    """The request left and no complete answer came back. What happened over there is not known."""
