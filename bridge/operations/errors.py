"""Errors of user actions: why an action was refused. The text says what to do instead."""

RETRY = 5  # seconds that a caller is asked to wait who has asked for too much at once


class OperationError(Exception):
    """Base of this package's errors. `status` is the status of the API's answer."""

    status = 400


class NotThere(OperationError):
    """The run, plan, hold or event does not exist."""

    status = 404


class Unanswered(OperationError):
    """Integr8 or another process of this service should have answered and did not."""

    status = 502


class NothingSelected(OperationError):
    """The selection is empty, or names something that does not exist. An empty selection never means everything."""

    status = 422


class TooMany(OperationError):
    """The caller, or all callers together, have too many requests in progress."""

    status = 429


class Unconfirmed(OperationError):
    """The operation is large and needs a confirmation. Nothing was changed. `count` is the number to confirm."""

    status = 409

    def __init__(self, question: str, count: int) -> None:
        super().__init__(question)
        self.count = count


class Refused(OperationError):
    """The object exists, but the operation is not allowed now, or not for this person."""

    status = 409
