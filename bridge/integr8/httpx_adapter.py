"""Convert our requests to httpx's, and httpx's answers and failures to ours."""

import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from bridge.integr8.catalogue import OUTSIDE
from bridge.integr8.core import HEADERS, Reply, Request, answer_lost
from bridge.integr8.error_text import retry_after, words_of
from bridge.integr8.errors import ApiError, InvalidCall, Unreachable, class_for
from bridge.integr8.rate_limiter import Outcome

# Failures before the first byte of the request is out. Everything else may have reached Integr8.
BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.ProxyError,
)
GREETING = b"INTEGR8-BRIDGE\r\n\r\n"  # no request line: a server answers 400 (RFC 9112, 2.2) and shows it to no program
WRITTEN = ("send_request_body.complete",)  # of httpcore's http11 and http2 traces


def base(url: str) -> str:
    """Return the base URL without its tail; the paths of the catalogue begin with /api/v2. Raises ValueError."""
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError(f"base_url: {url!r} is not an http(s) address; the usual one is https://api.app.integr8.co")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError("base_url: must not contain ? or #; paths and parameters are added to it")
    return url.strip().rstrip("/").removesuffix("/api/v2")


def key(api_key: str) -> str:
    """Return the API key, if a header can hold it. Raises ValueError without repeating it."""
    if not api_key.isascii() or not api_key.isprintable() or not api_key.strip():
        raise ValueError("api_key: is empty or holds characters that no header can carry")
    return api_key.strip()


def agent() -> dict[str, str]:
    """Return our User-Agent."""
    try:
        release = version("integr8-bridge")
    except PackageNotFoundError:
        release = "source"
    return {"User-Agent": f"integr8-bridge/{release}"}


def headers(request: Request, api_key: str) -> dict[str, str]:
    """Return both headers that Integr8 requires, on reads too; no key if the operation takes none."""
    return {**HEADERS, "API-KEY": api_key} if request.operation.authenticated else dict(HEADERS)


def address(base_url: str, request: Request) -> str:
    """Return the address of a request; the tracker's own address is used unchanged."""
    return request.target if request.target.startswith("http") else base_url + request.target


def when_written(tell: Callable[[], None]) -> Callable[[str, Any], None]:
    """Return a trace for httpx that calls `tell` once the request has been written to the socket."""

    def trace(event: str, _info: Any) -> None:
        if event.endswith(WRITTEN):
            tell()

    return trace


def reply(response: httpx.Response) -> Reply:
    """Return our Reply of a response that has been read."""
    return Reply(
        response.status_code, {name.lower(): value for name, value in response.headers.items()}, response.content
    )


def skew(answer: Reply, now: datetime) -> timedelta | None:
    """Return how far `now` is ahead of the answer's Date header, which has whole seconds; None without a usable one."""
    try:
        told = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return None
    return now - told if told.tzinfo is not None else None


def outcome(answer: Reply, now: datetime) -> tuple[Outcome, float | None]:
    """Return what the budget should learn from an answer, and the pause in seconds that the answer asks for."""
    if answer.status == 429:
        return Outcome.THROTTLED, retry_after(answer.headers, now)
    return (Outcome.FAILED if answer.status >= 500 else Outcome.ANSWERED), None


def outcome_of_error(error: ApiError) -> Outcome:
    """Return the same for a request without an answer."""
    return Outcome.UNSENT if isinstance(error, Unreachable) else Outcome.LOST


def lost_with(request: Request, error: httpx.HTTPError) -> ApiError:
    """Convert an error of httpx to ours. Its text names no header and no body."""
    words = str(error) or type(error).__name__
    return answer_lost(request, left=not isinstance(error, BEFORE_SENDING), words=words[:200])


def server_reads(base_url: str, timeout: float) -> bool:
    """Return whether the server reads what arrives. No request is sent, so nothing counts against the rate.

    The kernel of a frozen server accepts connections and whole requests, and the server counts them together when it
    continues. A living server refuses a line that is not a request at once; a frozen one does not answer. An https
    address is not tested: a frozen server ends no TLS handshake, so no request leaves. Nor is one behind a proxy.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme != "http" or ("http" in getproxies() and not proxy_bypass(host)):
        return True
    try:
        with socket.create_connection((host, parts.port or 80), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(GREETING)
            connection.recv(1)  # nothing: it has hung up, so it lives
    except ConnectionResetError:
        return True
    except OSError:
        return False
    return True


# --- files -----------------------------------------------------------------------------------------


def file_request(url: str) -> Request:
    """Return the signed address as a Request. Raises InvalidCall for anything that is not an http(s) address."""
    operation = OUTSIDE["exports.file"]
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise InvalidCall(operation.name, "the signed address is not an http(s) address")
    return Request(operation, "GET", url)


def same_host(url: str, base_url: str) -> bool:
    """Return whether a file is on the API's own host, so that it counts against its rate."""
    return urlsplit(url).netloc == urlsplit(base_url).netloc


def refusal(request: Request, status: int, body: bytes, content_type: str) -> ApiError:
    """Return the error of a refused file. It leaves out the address, which is a secret."""
    words = words_of(body, {"content-type": content_type}, (request.target,))
    return class_for(status)(request.name, status=status, words=words)
