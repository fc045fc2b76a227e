"""The ASGI application: Flask handles webhooks on the event loop, pages and the API in threads.

A webhook costs no thread: while it waits for its body or for the commit, others are taken. Flask, which has no route to
look for below /hooks/, is passed by where an event comes for a source. Every other request is read
whole first, so that a slow sender holds no thread either, and then handed to the Flask application.
"""

import asyncio
import io
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication

import structlog

from bridge.sources import Headers, Unreadable
from bridge.web import webhook_endpoint
from bridge.web.problems import Document, document
from bridge.web.request_body import Bodies, Receive, announcement
from bridge.web.webhook_endpoint import WebhookEndpoint

log = structlog.get_logger()

THREADS = 12  # for pages and the API; four of them may be event streams, see bridge.web.api.event_stream
MAX_BODY_BYTES = 8_388_608  # bytes of a request that is not a webhook; those have a bound for each source
HAS_LEFT = "bridge.has_left"  # in the environment of a request: a function that says whether the client has gone

Scope: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Application:
    """Sends requests below /hooks/ to the WSGI application `webhooks`, everything else to `pages`.

    `endpoint` is that of `webhooks`: an event for a source goes directly to it, which costs a third less. `prefix`
    removes the path prefix of the service (`bridge.web.path_prefix`).
    """

    def __init__(
        self,
        webhooks: WSGIApplication | None,
        pages: WSGIApplication,
        bodies: Bodies | None = None,
        *,
        endpoint: WebhookEndpoint | None = None,
        prefix: Callable[[Scope], Scope] | None = None,
    ) -> None:
        self.leaving = False  # another process takes the connections from here on: each answer is the last of its own
        self._webhooks = webhooks
        self._endpoint = endpoint
        self._prefix = prefix
        self._pages = pages
        self._bodies = bodies or Bodies()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pages")
        self._working: set[Future[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        if self._prefix is not None:
            scope = self._prefix(scope)
        if self.leaving:
            send = _last(send)
        if self._webhooks is not None and scope["path"].lstrip("/").startswith("hooks/"):
            await self._webhook(self._webhooks, scope, receive, send)
        else:
            await self._page(scope, receive, send)

    async def _webhook(self, webhooks: WSGIApplication, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)

        async def read(most: int) -> bytes:
            return await self._bodies.read(receive, _announced(headers), most)

        if self._endpoint is not None and scope["method"] == "POST":
            call = _call(scope, headers)
            found = webhook_endpoint.find(self._endpoint, call)
            if found[0] is not None:
                await _answer(send, await webhook_endpoint.handle(self._endpoint, call, read, found))
                return
        exchange = webhook_endpoint.Exchange(headers, read)
        for _ in webhooks(_environ(scope, b"") | {webhook_endpoint.EXCHANGE: exchange}, _ignored):
            pass
        assert exchange.answering is not None, "a request below /hooks/ is always taken by its view"
        await _answer(send, await exchange.answering)

    async def _page(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        try:
            body = await self._bodies.read(receive, _announced(headers), MAX_BODY_BYTES)
        except Unreadable as error:
            wait = 5 if error.status == 503 else None
            await _answer(
                send, document(error.status, webhook_endpoint.TITLES[error.status], str(error), retry_after=wait)
            )
            return
        answer = Threaded(asyncio.get_running_loop(), send)
        environ = _environ(scope, body) | {HAS_LEFT: lambda: answer.gone}
        work = self._threads.submit(answer.work, self._pages, environ)
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        await asyncio.wait(
            [working := asyncio.wrap_future(work), leaving := asyncio.ensure_future(_gone(receive))],
            return_when=asyncio.FIRST_COMPLETED,
        )
        answer.gone = leaving.done()
        leaving.cancel()
        await working

    def close(self, seconds: float) -> None:
        """Accept nothing more, and let threads finish: within this number of seconds."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        wait(set(self._working), timeout=seconds)


class Threaded:
    """The answer of a WSGI application that runs in a thread, sent from the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Send) -> None:
        self.gone = False  # the client has left; nothing more need be made
        self._loop = loop
        self._send = send
        self._head: tuple[int, list[tuple[bytes, bytes]]] | None = None
        self._begun = False

    def work(self, pages: WSGIApplication, environ: dict[str, Any]) -> None:
        """Make the answer in a thread and send it, at once if it is one piece."""
        parts = pages(environ, self._start)
        try:
            self._tell(iter(parts))
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()

    def _tell(self, parts: Iterator[bytes]) -> None:
        if self._has_length():
            self._say(b"".join(parts), more=False)
            return
        for part in parts:
            if self.gone:
                return
            self._say(part, more=True)
        self._say(b"", more=False)

    def _start(self, status: str, headers: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], object]:
        told = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self._head = int(status.partition(" ")[0]), told
        return lambda data: self._say(data, more=True)

    def _has_length(self) -> bool:
        """Return whether the whole answer is there: only a stream has no length."""
        return self._head is not None and any(name == b"content-length" for name, _ in self._head[1])

    def _say(self, body: bytes, *, more: bool) -> None:
        asyncio.run_coroutine_threadsafe(self._sent(body, more=more), self._loop).result()

    async def _sent(self, body: bytes, *, more: bool) -> None:
        if not self._begun:
            self._begun = True
            assert self._head is not None
            status, headers = self._head
            await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


def _ignored(_status: str, _headers: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], object]:
    """Ignore the response of the webhook view, which only says that the answer comes later."""
    return lambda _data: None


async def _gone(receive: Receive) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _last(send: Send) -> Send:
    """Answer, and tell the client not to use this connection again."""

    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"connection", b"close")]
        await send(message)

    return sent


async def _answer(send: Send, what: Document) -> None:
    await send({"type": "http.response.start", "status": what.status, "headers": _encoded(what.headers)})
    await send({"type": "http.response.body", "body": what.body})


@lru_cache(maxsize=64)
def _encoded(headers: tuple[tuple[str, str], ...]) -> list[tuple[bytes, bytes]]:
    """Return header fields in the form of ASGI. Nearly all answers share one list, so never change it."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _call(scope: Scope, headers: Headers) -> webhook_endpoint.Call:
    """Call the application as Flask would be called."""
    raw, query = scope["raw_path"], scope["query_string"]
    path = unquote_to_bytes(raw) if b"%" in raw else raw
    target = raw.decode("latin-1")
    return webhook_endpoint.Call(
        method=scope["method"],
        path="/" + path.decode(errors="replace").lstrip("/"),
        target=f"{target}?{query.decode('latin-1')}" if query else target,
        query=query,
        headers=headers,
        remote=_remote(scope),
        content_type=headers.get("content-type", ""),
    )


def _headers(scope: Scope) -> Headers:
    return Headers.of_asgi(scope["headers"])


def _announced(headers: Headers) -> int | None:
    return announcement(headers.get("content-length", "0"), chunked="transfer-encoding" in headers)


def _remote(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


def _environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """Return a completely read request in the form of WSGI (PEP 3333)."""
    server, port = scope.get("server") or ("localhost", 80)
    raw_path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "RAW_URI": f"{raw_path}?{query}" if query else raw_path,
        "QUERY_STRING": query,
        "SERVER_NAME": server,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": _remote(scope),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": _Errors(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").upper().replace("-", "_")
        if name in {"CONTENT_LENGTH", "TRANSFER_ENCODING"}:
            continue  # it is all here
        key = name if name == "CONTENT_TYPE" else f"HTTP_{name}"
        text = value.decode("latin-1")
        joint = "; " if name == "COOKIE" else ","
        environ[key] = f"{environ[key]}{joint}{text}" if key in environ else text
    return environ


class _Errors(io.TextIOBase):
    """The error stream of an application: one log line for each error."""

    def write(self, text: str) -> int:
        if text.strip():
            log.error("error of a page", text=text.strip())
        return len(text)
