"""What people do: approve, reject, undo, let go, replay, explain. Once, for command line, API and console alike.

Each function takes the container, who asks, and the time; it writes what happened into the audit, and raises
OperationError when it cannot do what was asked.
"""

from bridge.operations.errors import NothingSelected, NotThere, OperationError, Refused, Unanswered

__all__ = ["NotThere", "NothingSelected", "OperationError", "Refused", "Unanswered"]
