"""The webhook endpoint: authenticate, parse, journal, answer, wake a worker. A 2xx is sent only after the commit."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import orjson
import structlog
from flask import Blueprint, Request, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from bridge.observability import tracing
from bridge.observability.metrics import WEBHOOK_SECONDS, WEBHOOKS
from bridge.services.queue import Nudger
from bridge.sources import AcceptedEvent, Headers, Incoming, SignatureError, Source, Unreadable, parse_pairs
from bridge.store import ids
from bridge.store.journal import EventState
from bridge.web.group_commit import GroupCommitWriter, JournalClosed, JournalFull
from bridge.web.problems import problem

log = structlog.get_logger()

PER_SOURCE = 256  # requests of one source handled at once; a flood of one leaves room for the others
MOST_HEADERS = 100
PLAIN = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))


class Full(RuntimeError):
    """One source has as many requests inside as it may have."""


class Admission:
    """Count the requests being handled, per source."""

    def __init__(self, most: int = PER_SOURCE) -> None:
        self._most = most
        self._inside: dict[str, int] = {}
        self._lock = threading.Lock()

    @contextmanager
    def enter(self, source: str) -> Iterator[None]:
        with self._lock:
            inside = self._inside.get(source, 0)
            if inside >= self._most:
                raise Full(f"{inside} requests of {source} are being handled")
            self._inside[source] = inside + 1
        try:
            yield
        finally:
            with self._lock:
                self._inside[source] -= 1


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """What stands endpoint the two routes."""

    sources: Mapping[str, Source]
    writer: GroupCommitWriter
    nudger: Nudger
    clock: Callable[[], datetime]
    admission: Admission = field(default_factory=Admission)


def blueprint(endpoint: WebhookEndpoint) -> Blueprint:
    """The two routes of the endpoint: with the token in the path, and without."""
    routes = Blueprint("hooks", __name__, url_prefix="/hooks")
    sources = endpoint.sources

    @routes.route("/<name>", methods=["GET", "POST", "PUT"], defaults={"token": None})
    @routes.route("/<name>/<token>", methods=["GET", "POST", "PUT"])
    def receive(name: str, token: str | None) -> Response:
        source = sources.get(name)
        if source is None:
            WEBHOOKS.labels("unknown", "404").inc()
            return _unknown(name, sources)
        parent = request.headers.get("traceparent")
        with WEBHOOK_SECONDS.time(), tracing.span(f"webhook {name}", parent=parent, source=name) as span:
            answer = _handle(endpoint, source, token, span)
            span.note(status=answer.status_code)
        WEBHOOKS.labels(name, str(answer.status_code)).inc()
        return answer

    return routes


def _handle(endpoint: WebhookEndpoint, source: Source, token: str | None, span: tracing.Span) -> Response:
    now = endpoint.clock()
    try:
        with endpoint.admission.enter(source.name):
            incoming = _incoming(request, source, token)
            accepted = source.accept(incoming, source.authenticate(incoming, now))
            rows = [_row(source.name, one, incoming.remote, now, span.traceparent) for one in accepted]
            receipts = endpoint.writer.record(rows)
    except SignatureError as error:
        log.info("webhook refused", source=source.name, code=error.code)
        return problem(401, "Authentication failed", f"{source.name}: {error.words}")
    except RequestEntityTooLarge:
        return problem(413, "Too large", f"{source.name}: the body has more than {source.limits.body} bytes; send less")
    except Unreadable as error:
        log.info("webhook unreadable", source=source.name, status=error.status, place=error.place)
        return problem(error.status, "Cannot be read", f"{source.name}: {error}", place=error.place)
    except (Full, JournalFull) as error:
        return problem(429, "Too many requests", f"{source.name}: {error}; send it again later", retry_after=1)
    except JournalClosed as error:
        return problem(
            503, "Not journalled", f"{source.name}: {error}; nothing was taken, send it again", retry_after=5
        )
    span.note(event=receipts[0].event_id, duplicate=receipts[0].duplicate)
    endpoint.nudger.nudge("journal.drain")
    answer: dict[str, Any] = {"event_id": receipts[0].event_id, "duplicate": receipts[0].duplicate}
    if len(receipts) > 1:
        answer["events"] = [{"event_id": one.event_id, "duplicate": one.duplicate} for one in receipts]
    return Response(orjson.dumps(answer), status=202, headers=PLAIN, content_type="application/json")


def _incoming(http: Request, source: Source, token: str | None) -> Incoming:
    http.max_content_length = source.limits.body
    headers = Headers.of_environ(http.environ)
    if len(headers) > MOST_HEADERS:
        raise Unreadable(400, f"more than {MOST_HEADERS} header fields", "headers")
    return Incoming(
        method=http.method,
        path_token=token,
        headers=headers,
        query=parse_pairs(http.query_string, what="query"),
        body=http.get_data(cache=False),
        remote=http.remote_addr or "",
        content_type=http.content_type or "",
    )


def _row(source: str, accepted: AcceptedEvent, remote: str, now: datetime, traceparent: str | None) -> dict[str, Any]:
    stored, parsed = accepted.stored_request, accepted.parsed
    return {
        "id": ids.new(),
        "source": source,
        "event_type": parsed.event_type,
        "delivery_id": parsed.delivery_id,
        "dedupe_key": parsed.dedupe_key,
        "method": stored.method,
        "content_type": stored.content_type,
        "headers": dict(stored.headers),
        "query": [list(pair) for pair in stored.query],
        "body": stored.body,
        "remote": remote,
        "received_at": now,
        "event_time": parsed.event_time,
        "state": EventState.QUARANTINED if parsed.quarantine else EventState.RECEIVED,
        "problem": parsed.quarantine,
        "traceparent": traceparent,
    }


def _unknown(name: str, sources: Mapping[str, Source]) -> Response:
    near = get_close_matches(name, sources, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "sources are named in bridge.yaml"
    return problem(404, "Unknown source", f"there is no source {name[:60]!r}; {hint}")
