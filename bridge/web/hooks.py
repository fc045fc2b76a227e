"""The webhook endpoint: authenticate, parse, journal, answer, wake a worker. A 2xx is sent only after the commit.

Everything below /hooks/ is handled here and not by routes, because a token in the path may hold any sign, and because
every request that is not taken is counted and logged with its reason.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any
from urllib.parse import quote

import orjson
import structlog
from flask import Blueprint, Request, Response, request

from bridge.observability import tracing
from bridge.observability.metrics import WEBHOOK_FAULTS, WEBHOOK_SECONDS, WEBHOOKS, WEBHOOKS_REFUSED
from bridge.services.queue import Nudger
from bridge.sources import AcceptedEvent, Headers, Incoming, SignatureError, Source, Unreadable, parse_pairs
from bridge.store import ids
from bridge.store.journal import EventState
from bridge.web import request_body
from bridge.web.group_commit import GroupCommitWriter, JournalClosed, JournalFull
from bridge.web.problems import problem

log = structlog.get_logger()

PREFIX = "/hooks/"
PER_SOURCE = 256  # requests of one source handled at once; a flood of one leaves room for the others
MOST_HEADERS = 100
METHODS = ("GET", "POST", "PUT")  # that may carry an event
PLAIN = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
UNKNOWN = "unknown"  # the source of what is for none, in metrics


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
    """What the endpoint uses."""

    sources: Mapping[str, Source]
    writer: GroupCommitWriter
    nudger: Nudger
    clock: Callable[[], datetime]
    admission: Admission = field(default_factory=Admission)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, and in one word why no event was taken; None where one was."""

    response: Response
    reason: str | None = None
    place: str = ""


def blueprint(endpoint: WebhookEndpoint) -> Blueprint:
    """Handles every request below /hooks/ before the application looks for a route."""
    hooks = Blueprint("hooks", __name__)

    @hooks.before_app_request
    def receive() -> Response | None:
        return _receive(endpoint) if request.path.startswith(PREFIX) else None

    return hooks


def _receive(endpoint: WebhookEndpoint) -> Response:
    """`/hooks/NAME`, `/hooks/NAME/TOKEN`; doubled slashes are one, the token is whatever follows."""
    name, _, token = request.path.removeprefix(PREFIX).lstrip("/").partition("/")
    source = endpoint.sources.get(name)
    if source is None:
        request_body.discard(request.environ)
        return _counted(UNKNOWN, Answer(_unknown(name, endpoint.sources), "unknown_source"))
    parent = request.headers.get("traceparent")
    with WEBHOOK_SECONDS.time(), tracing.span(f"webhook {name}", parent=parent, source=name) as span:
        try:
            answer = _handle(endpoint, source, token or None, span)
        except Exception:
            WEBHOOKS_REFUSED.labels(name, "error").inc()
            raise
        span.note(status=answer.response.status_code)
    return _counted(name, answer)


def _counted(name: str, answer: Answer) -> Response:
    status = answer.response.status_code
    WEBHOOKS.labels(name, str(status)).inc()
    if answer.reason is not None:
        WEBHOOKS_REFUSED.labels(name, answer.reason).inc()
        log.info("webhook not taken", source=name, status=status, reason=answer.reason, place=answer.place)
    return answer.response


def _handle(endpoint: WebhookEndpoint, source: Source, token: str | None, span: tracing.Span) -> Answer:
    try:
        with endpoint.admission.enter(source.name):
            return _take(endpoint, source, token, span)
    except SignatureError as error:
        return Answer(problem(401, "Authentication failed", f"{source.name}: {error.words}"), error.code)
    except Unreadable as error:
        response = problem(error.status, TITLES[error.status], f"{source.name}: {error}", place=error.place)
        return Answer(response, REASONS[error.status], error.place)
    except (Full, JournalFull) as error:
        words = f"{source.name}: {error}; send it again later"
        return Answer(problem(429, "Too many requests", words, retry_after=1), "too_many")
    except JournalClosed as error:
        words = f"{source.name}: {error}; nothing was taken, send it again"
        return Answer(problem(503, "Not journalled", words, retry_after=5), "not_journalled")


TITLES = {400: "Cannot be read", 404: "Unknown address", 413: "Too large", 415: "Cannot be read", 422: "Cannot be read"}
REASONS = {400: "broken", 404: "unknown_address", 413: "too_large", 415: "unsupported", 422: "unreadable"}


def _take(endpoint: WebhookEndpoint, source: Source, token: str | None, span: tracing.Span) -> Answer:
    now = endpoint.clock()
    incoming = _incoming(request, source, token)
    reply = source.setup_reply(incoming, now)
    if reply is not None:
        headers = [*PLAIN, *reply.headers.items()]
        response = Response(reply.body, status=reply.status, headers=headers, content_type=reply.content_type)
        return Answer(response, "setup_call")
    if incoming.method not in METHODS:
        return _no_event(source, incoming, now)
    accepted = source.accept(incoming, source.authenticate(incoming, now))
    rows = [_row(source.name, one, incoming.remote, now, span.traceparent) for one in accepted]
    receipts = endpoint.writer.record(rows)
    span.note(event=receipts[0].event_id, duplicate=receipts[0].duplicate)
    _count_faults(source.name, accepted)
    endpoint.nudger.nudge("journal.drain")
    answer: dict[str, Any] = {"event_id": receipts[0].event_id, "duplicate": receipts[0].duplicate}
    if len(receipts) > 1:
        answer["events"] = [{"event_id": one.event_id, "duplicate": one.duplicate} for one in receipts]
    told = b"" if source.status == 204 else orjson.dumps(answer)
    return Answer(Response(told, status=source.status, headers=PLAIN, content_type="application/json"))


def _no_event(source: Source, incoming: Incoming, now: datetime) -> Answer:
    """HEAD and OPTIONS say that the address is right; other methods are refused. None of them is an event."""
    allowed = {"Allow": ", ".join((*METHODS, "HEAD", "OPTIONS"))}
    if incoming.method not in ("HEAD", "OPTIONS"):
        response = problem(405, "Method not allowed", f"{source.name}: send events with POST, GET or PUT")
        response.headers.update(allowed)
        return Answer(response, "method")
    source.authenticate_address(incoming, now)
    return Answer(Response(status=204, headers=[*PLAIN, *allowed.items()]), incoming.method.lower())


def _incoming(http: Request, source: Source, token: str | None) -> Incoming:
    body = request_body.read(http.environ, source.limits.body)
    headers = Headers.of_environ(http.environ)
    if len(headers) > MOST_HEADERS:
        raise Unreadable(400, f"more than {MOST_HEADERS} header fields", "headers")
    if token and "/" in token.strip("/") and not source.authenticator.takes_path:
        raise Unreadable(404, f"the address ends with {PREFIX}{source.name}")
    return Incoming(
        method=http.method,
        path_token=token,
        headers=headers,
        query=parse_pairs(http.query_string, what="query", any_bytes=source.is_postback),
        body=body,
        remote=http.remote_addr or "",
        content_type=http.content_type or "",
        target=_target(http),
    )


def _target(http: Request) -> str:
    """Path and query as they were sent; a server that does not tell gets them encoded anew."""
    raw = http.environ.get("RAW_URI") or http.environ.get("REQUEST_URI") or ""
    if raw.startswith("/"):
        return str(raw)
    query = http.query_string.decode("latin-1")
    return quote(http.path, safe="/:@!$&'()*+,;=~-._") + (f"?{query}" if query else "")


def _count_faults(source: str, accepted: Sequence[AcceptedEvent]) -> None:
    if faults := sum(len(one.parsed.faults) for one in accepted):
        WEBHOOK_FAULTS.labels(source).inc(faults)


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
        "faults": [str(fault) for fault in parsed.faults],
        "traceparent": traceparent,
    }


def _unknown(name: str, sources: Mapping[str, Source]) -> Response:
    near = get_close_matches(name, sources, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "sources are named in bridge.yaml"
    return problem(404, "Unknown source", f"there is no source {name[:60]!r}; {hint}")
