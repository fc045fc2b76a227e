"""Errors of user actions: why an action was refused. The text says what to do instead."""

RETRY = 5  # seconds that a caller is asked to wait who has asked for too much at once


class OperationError(Exception):
    """Base. `status` is what the API answers."""

    status = 400


class NotThere(OperationError):
    """No such run, plan, hold or event."""

    status = 404


class Unanswered(OperationError):
    """Somebody else did not do their part: Integr8, or a service of our own that should have answered."""

    status = 502


class NothingSelected(OperationError):
    """A selection that is empty, or names what is not there. It never stands for everything."""

    status = 422


class TooMany(OperationError):
    """The caller, or all together, have asked for more than is worked on at once."""

    status = 429


class Unconfirmed(OperationError):
    """It is large, and is asked about once more. Nothing was done. `count` is the number to confirm."""

    status = 409

    def __init__(self, question: str, count: int) -> None:
        super().__init__(question)
        self.count = count


class Refused(OperationError):
    """It exists, and may not be done now, or not by this person."""

    status = 409
