"""User actions: approve, reject, undo, release, replay, explain. Shared by command line, API and console.

Each function takes the container, who asks, and the time; it writes what happened into the audit, and raises
OperationError when it cannot do what was asked.
"""

from bridge.operations.errors import NothingSelected, NotThere, OperationError, Refused, Unanswered

__all__ = ["NotThere", "NothingSelected", "OperationError", "Refused", "Unanswered"]
