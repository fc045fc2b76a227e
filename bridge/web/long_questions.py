"""Questions that take long: a worker answers them, so that nothing is computed beside the webhooks."""

from typing import Any

from flask import g, request

from bridge.operations import questions
from bridge.web.asgi import HAS_LEFT
from bridge.web.request_context import services


def answered(kind: str, **asked: Any) -> Any:
    """What a worker answers, while the client waits. Raises OperationError where it refuses, or none comes in time."""
    has_left = request.environ.get(HAS_LEFT, lambda: False)
    return questions.ask(services(), kind, asked, who=str(g.who), has_left=has_left)
