"""The webhook endpoint: authenticate, parse, journal, answer, wake a worker. A 2xx is sent only after the commit.

Flask calls `receive` for everything below /hooks/, not by routes, because a token in the path may hold any sign, and
because every request that is not taken is counted and logged with its reason. What is then to be done waits twice, for
the body and for the commit. Under our own server it waits on the event loop, elsewhere (a test) in its thread.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from time import perf_counter
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote

import orjson
import structlog
from flask import Blueprint, Request, Response, request
from opentelemetry.trace import Span

from bridge.observability import tracing
from bridge.observability.metrics import WEBHOOK_FAULTS, WEBHOOK_SECONDS, WEBHOOKS, WEBHOOKS_REFUSED
from bridge.services.queue import WakeUpSender
from bridge.sources import AcceptedEvent, Headers, Incoming, SignatureError, Source, Unreadable, parse_pairs
from bridge.store import ids
from bridge.store.duplicate_events import Receipt
from bridge.store.journal import EventState
from bridge.web import request_body
from bridge.web.group_commit import GroupCommitWriter, JournalClosed, JournalFull
from bridge.web.problems import Document, document

log = structlog.get_logger()

HOOKS_PREFIX = "/hooks/"
EXCHANGE = "bridge.exchange"  # where the environ of a request holds it
PER_SOURCE = 256  # requests of one source handled at once; a flood of one leaves room for the others
MAX_HEADERS = 100
METHODS = ("GET", "POST", "PUT")  # that may carry an event
ANSWER_HEADERS = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
LARGE = 65_536  # bytes; a longer body is read in a thread, so that nobody else waits for it
Found: TypeAlias = tuple[Source | None, str | None]
UNKNOWN_SOURCE = "unknown"  # the source of what is for none, in metrics


class Full(RuntimeError):
    """One source has the maximum number of requests in progress."""


class Admission:
    """Counts the requests in progress, per source."""

    def __init__(self, most: int = PER_SOURCE) -> None:
        self._most = most
        self._inside: dict[str, int] = {}
        self._lock = threading.Lock()

    def enter(self, source: str) -> None:
        """Count one more request. Raises Full. Call `leave` afterwards."""
        with self._lock:
            inside = self._inside.get(source, 0)
            if inside >= self._most:
                raise Full(f"{inside} requests of {source} are being handled")
            self._inside[source] = inside + 1

    def leave(self, source: str) -> None:
        with self._lock:
            self._inside[source] -= 1


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """The dependencies of the endpoint."""

    sources: Mapping[str, Source]
    writer: GroupCommitWriter
    wake_up_sender: WakeUpSender
    clock: Callable[[], datetime]
    admission: Admission = field(default_factory=Admission)


class Call(NamedTuple):
    """One request below /hooks/ without its body."""

    method: str
    path: str  # decoded
    target: str  # path and query as they were sent
    query: bytes
    headers: Headers
    remote: str  # the peer of the connection
    content_type: str


@dataclass(slots=True)
class Exchange:
    """The request from a server on an event loop to the view, and the answer: no thread waits for a commit."""

    headers: Headers  # each field as it was sent; WSGI joins those of one name
    read: Callable[[int], Awaitable[bytes]]
    answering: Coroutine[Any, Any, Document] | None = None


class Answer(NamedTuple):
    """A response, and in one word why there is no event; None if there is one."""

    response: Document
    reason: str | None = None
    place: str = ""


class Accepted(NamedTuple):
    """Events to be journalled, and what is needed for the answer afterwards."""

    source: Source
    rows: list[dict[str, Any]]
    faults: int


async def handle(
    endpoint: WebhookEndpoint, call: Call, read: Callable[[int], Awaitable[bytes]], found: Found | None = None
) -> Document:
    """Answer one request. `read` returns the body up to a number of bytes, and raises Unreadable otherwise.

    `found` is the answer of `find`, if the caller has asked already.
    """
    source, token = found or find(endpoint, call)
    if source is None:
        return await _for_nobody(endpoint, call, read)
    begun = perf_counter()
    try:
        parent = call.headers.get("traceparent")
        with tracing.span(f"webhook {source.name}", parent=parent, source=source.name) as span:
            answer = await _answered(endpoint, source, token, call, read, span)
            tracing.note(span, status=answer.response.status)
    except Exception:
        WEBHOOKS_REFUSED.labels(source.name, "error").inc()
        raise
    finally:
        WEBHOOK_SECONDS.observe(perf_counter() - begun)
    return _counted(source.name, answer)


async def _answered(  # noqa: PLR0917 - everything that is known of a request
    endpoint: WebhookEndpoint,
    source: Source,
    token: str | None,
    call: Call,
    read: Callable[[int], Awaitable[bytes]],
    span: Span,
) -> Answer:
    try:
        body = await read(source.limits.body)  # slow senders take nobody's place
        endpoint.admission.enter(source.name)
        try:
            taken = (
                _take(endpoint, source, token, call, body, span)
                if len(body) <= LARGE
                else await asyncio.to_thread(_take, endpoint, source, token, call, body, span)
            )
            if isinstance(taken, Answer):
                return taken
            return _journalled(endpoint, taken, await endpoint.writer.record(taken.rows), span)
        finally:
            endpoint.admission.leave(source.name)
    except REFUSALS as error:
        return _refused(source, error)


def find(endpoint: WebhookEndpoint, call: Call) -> Found:
    """Return the source that an address names, None if there is none, and the token: `/hooks/NAME/TOKEN`.

    Double slashes count as one. The token is the whole rest.
    """
    name, _, token = call.path.removeprefix(HOOKS_PREFIX).lstrip("/").partition("/")
    return endpoint.sources.get(name), token or None


def blueprint(endpoint: WebhookEndpoint) -> Blueprint:
    """Return a handler of every request below /hooks/, before the application looks for a route."""
    hooks = Blueprint("hooks", __name__)
    bodies = request_body.Bodies()

    @hooks.before_app_request
    def receive() -> Response | None:
        if not request.path.startswith(HOOKS_PREFIX):
            return None
        exchange = request.environ.get(EXCHANGE)
        if isinstance(exchange, Exchange):
            exchange.answering = handle(endpoint, _call_of(request, exchange.headers), exchange.read)
            return Response(status=202)  # not sent: the server sends what `answering` returns, after the commit
        environ = request.environ

        async def read(most: int) -> bytes:  # where no server of ours is in between, as in tests
            return await bodies.read(*request_body.of_wsgi(environ), most)

        call = _call_of(request, Headers.of_environ(environ))
        return _in_this_thread(handle(endpoint, call, read)).as_flask()

    return hooks


def _in_this_thread(answering: Coroutine[Any, Any, Document]) -> Document:
    """Wait for a coroutine. The caller's thread may have an event loop already, so another thread gets one for it."""
    with ThreadPoolExecutor(1) as alone:
        return alone.submit(copy_context().run, asyncio.run, answering).result()


def _call_of(http: Request, headers: Headers) -> Call:
    return Call(
        method=http.method,
        path=http.path,
        target=_target(http),
        query=http.query_string,
        headers=headers,
        remote=http.remote_addr or "",
        content_type=http.content_type or "",
    )


def _target(http: Request) -> str:
    """Return path and query as sent; if the server does not keep them, encoded again."""
    raw = http.environ.get("RAW_URI") or http.environ.get("REQUEST_URI") or ""
    if raw.startswith("/"):
        return str(raw)
    query = http.query_string.decode("latin-1")
    return quote(http.path, safe="/:@!$&'()*+,;=~-._") + (f"?{query}" if query else "")


async def _for_nobody(endpoint: WebhookEndpoint, call: Call, read: Callable[[int], Awaitable[bytes]]) -> Document:
    with suppress(Unreadable):  # it is read only so that the sender gets to see the answer
        await read(0)
    return _counted(UNKNOWN_SOURCE, _unknown(endpoint, call))


def _counted(name: str, answer: Answer) -> Document:
    status = answer.response.status
    WEBHOOKS.labels(name, str(status)).inc()
    if answer.reason is not None:
        WEBHOOKS_REFUSED.labels(name, answer.reason).inc()
        log.info("webhook refused", source=name, status=status, reason=answer.reason, place=answer.place)
    return answer.response


#: What keeps a request from being taken.
REFUSALS = (SignatureError, Unreadable, Full, JournalFull, JournalClosed)
TITLES = {
    400: "Cannot be read", 404: "Unknown address", 408: "Too slow", 413: "Too large", 415: "Cannot be read",
    422: "Cannot be read", 503: "Too many at once",
}  # fmt: skip
REASONS = {
    400: "broken", 404: "unknown_address", 408: "too_slow", 413: "too_large", 415: "unsupported", 422: "unreadable",
    503: "too_many",
}  # fmt: skip
RETRY_AFTER = {408: 1, 503: 5}


def _refused(source: Source, error: Exception) -> Answer:
    words = f"{source.name}: {error}"
    if isinstance(error, SignatureError):
        return Answer(document(401, "Authentication failed", f"{source.name}: {error.words}"), error.code)
    if isinstance(error, Unreadable):
        wait = RETRY_AFTER.get(error.status)
        response = document(error.status, TITLES[error.status], words, place=error.place, retry_after=wait)
        return Answer(response, REASONS[error.status], error.place)
    if isinstance(error, JournalClosed):
        words = f"{words}; nothing was taken, send it again"
        return Answer(document(503, "Not journalled", words, retry_after=5), "not_journalled")
    return Answer(document(429, "Too many requests", f"{words}; send it again later", retry_after=1), "too_many")


def _take(  # noqa: PLR0917 - everything that is known of a request
    endpoint: WebhookEndpoint, source: Source, token: str | None, call: Call, body: bytes, span: Span
) -> Answer | Accepted:
    now = endpoint.clock()
    incoming = _incoming(call, source, token, body)
    reply = source.setup_reply(incoming, now)
    if reply is not None:
        headers = (*ANSWER_HEADERS, *reply.headers.items(), ("Content-Type", reply.content_type))
        return Answer(Document(reply.status, headers, _bytes(reply.body)), "setup_call")
    if incoming.method not in METHODS:
        return _no_event(source, incoming, now)
    accepted = source.accept(incoming, source.authenticate(incoming, now))
    rows = [_row(source.name, one, incoming.remote, now, tracing.traceparent(span)) for one in accepted]
    return Accepted(source, rows, sum(len(one.parsed.faults) for one in accepted))


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _journalled(endpoint: WebhookEndpoint, accepted: Accepted, receipts: Sequence[Receipt], span: Span) -> Answer:
    """Return the answer once the events are on disk; wakes a worker."""
    endpoint.wake_up_sender.wake("journal.process")
    tracing.note(span, event=receipts[0].event_id, duplicate=receipts[0].duplicate)
    if accepted.faults:
        WEBHOOK_FAULTS.labels(accepted.source.name).inc(accepted.faults)
    answer: dict[str, Any] = {"event_id": receipts[0].event_id, "duplicate": receipts[0].duplicate}
    if len(receipts) > 1:
        answer["events"] = [{"event_id": one.event_id, "duplicate": one.duplicate} for one in receipts]
    status = accepted.source.status
    return Answer(Document(status, ACCEPTED_HEADERS, b"" if status == 204 else orjson.dumps(answer)))


ACCEPTED_HEADERS = (*ANSWER_HEADERS, ("Content-Type", "application/json"))


def _no_event(source: Source, incoming: Incoming, now: datetime) -> Answer:
    """Answer HEAD and OPTIONS, which test the address; refuse other methods. None of them is an event."""
    allowed = ("Allow", ", ".join((*METHODS, "HEAD", "OPTIONS")))
    if incoming.method not in ("HEAD", "OPTIONS"):
        response = document(405, "Method not allowed", f"{source.name}: send events with POST, GET or PUT")
        return Answer(Document(response.status, (*response.headers, allowed), response.body), "method")
    source.authenticate_address(incoming, now)
    return Answer(Document(204, (*ANSWER_HEADERS, allowed), b""), incoming.method.lower())


def _incoming(call: Call, source: Source, token: str | None, body: bytes) -> Incoming:
    if len(call.headers) > MAX_HEADERS:
        raise Unreadable(400, f"more than {MAX_HEADERS} header fields", "headers")
    if token and "/" in token.strip("/") and not source.authenticator.takes_path:
        raise Unreadable(404, f"the address ends with {HOOKS_PREFIX}{source.name}")
    return Incoming(
        method=call.method,
        path_token=token,
        headers=call.headers,
        query=parse_pairs(call.query, what="query", any_bytes=source.is_postback) if call.query else (),
        body=body,
        remote=call.remote,
        content_type=call.content_type,
        target=call.target,
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
        "headers": stored.headers.as_dict(),
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


def _unknown(endpoint: WebhookEndpoint, call: Call) -> Answer:
    name = call.path.removeprefix(HOOKS_PREFIX).lstrip("/").partition("/")[0]
    near = get_close_matches(name, endpoint.sources, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "sources are named in bridge.yaml"
    return Answer(document(404, "Unknown source", f"there is no source {name[:60]!r}; {hint}"), "unknown_source")
