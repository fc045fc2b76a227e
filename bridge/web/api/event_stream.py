"""Live activity as server-sent events: one per run, in the order of writing."""

import time
from collections.abc import Iterator
from threading import BoundedSemaphore
from typing import Any

from flask import Response, request
from sqlalchemy import func, select

from bridge.services.container import Services
from bridge.store import json_text
from bridge.store.roles import Role
from bridge.store.runs import Run
from bridge.web.access import needs
from bridge.web.api.blueprint import Blueprint
from bridge.web.api.plain_values import plain
from bridge.web.api.responses import picked, whole
from bridge.web.api.schemas_in import StreamQuery
from bridge.web.api.schemas_out_decisions import RunRow
from bridge.web.problems import problem
from bridge.web.request_context import services

blueprint = Blueprint("stream", "stream", description="Live activity")
MAX_STREAMS = 4  # per process: each holds one of its twelve threads
POLL_INTERVAL = 1.0  # seconds between two queries
MAX_EVENTS_PER_POLL = 200
_seats = BoundedSemaphore(MAX_STREAMS)


@blueprint.get("/activity/stream")
@needs(Role.VIEWER)
@blueprint.arguments(StreamQuery, location="query")
@blueprint.doc(responses={200: {"description": "text/event-stream", "content": {"text/event-stream": {}}}})
def stream(query: dict[str, Any]) -> Response:
    """Stream runs as they happen.

    It ends after `seconds`; clients that support the protocol reconnect by themselves.
    """
    if not _seats.acquire(blocking=False):
        return problem(503, "Too many streams", f"{MAX_STREAMS} are open in this process; try again", retry_after=5)
    last = whole(request.headers.get("Last-Event-ID")) if query["after"] is None else query["after"]
    behind = services()
    if last is None:
        with behind.store.read() as session:
            last = session.scalar(select(func.max(Run.id))) or 0
    answer = Response(_told(behind, last, query["seconds"]), content_type="text/event-stream")
    answer.call_on_close(_seats.release)
    answer.headers["X-Accel-Buffering"] = "no"  # nginx would hold the lines back
    return answer


def _told(behind: Services, last: int, seconds: int) -> Iterator[bytes]:
    until = time.monotonic() + seconds
    yield b"retry: 2000\n\n"
    while True:
        with behind.store.read() as session:
            found = list(session.scalars(select(Run).where(Run.id > last).order_by(Run.id).limit(MAX_EVENTS_PER_POLL)))
        for run in found:
            last = run.id
            body = json_text.dumps(plain(picked(run, RunRow))).encode()
            yield b"id: %d\nevent: run\ndata: %s\n\n" % (last, body)
        if time.monotonic() >= until:
            return
        if not found:
            yield b": still here\n\n"  # finds out whether anybody listens
            time.sleep(POLL_INTERVAL)
