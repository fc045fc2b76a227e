"""Hand long questions to a worker, so that the web process computes nothing beside the webhooks."""

from typing import Any

from flask import g, request

from bridge.operations import questions
from bridge.web.asgi import HAS_LEFT
from bridge.web.request_context import services

#: Seconds. Whoever goes on to another page leaves a question behind, which ends a moment later.
PATIENCE = 5.0


def answered(kind: str, **asked: Any) -> Any:
    """Return a worker's answer, while the client waits. Raises OperationError if it refuses, or none comes in time."""
    has_left = request.environ.get(HAS_LEFT, lambda: False)
    patience = PATIENCE if request.blueprint == "console" else 0.0  # a program is told at once
    return questions.ask(services(), kind, asked, who=str(g.who), has_left=has_left, patience=patience)
