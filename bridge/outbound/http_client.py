"""Send one request to another server: allowed addresses only, bounded in time and size."""

import re
import ssl
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from types import TracebackType
from typing import Self

import httpcore
import httpx

from bridge.outbound.address_policy import Destination, Network, host_of, match, parse, port_of
from bridge.outbound.dns import Resolve, system_resolver
from bridge.outbound.errors import NoAnswer, NotSent, OutgoingError, Refused
from bridge.outbound.pinned_network import PinnedNetwork, request_limits

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")
OUR_HEADERS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "upgrade", "te"}
)
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"})


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of one request: its time, including redirects, and the size of the answer."""

    time: timedelta = timedelta(seconds=10)
    connect: timedelta = timedelta(seconds=5)
    answer: int = 262_144  # bytes
    body: int = 1_048_576  # bytes that we send
    redirects: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. `body` is cut at the limit; then `cut` is true."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    cut: bool = False


class Outgoing:
    """A client for other servers; threads may share it. Create it after a fork, close it at the end."""

    def __init__(
        self,
        allowed: Iterable[Destination],
        *,
        private: Iterable[Network] = (),
        bounds: Bounds = Bounds(),
        resolve: Resolve = system_resolver,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.allowed = tuple(allowed)
        self.bounds = bounds
        self._private = tuple(private)
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(trust_env=False),
            max_connections=50,
            max_keepalive_connections=10,
            keepalive_expiry=5,
            network_backend=PinnedNetwork(resolve),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._pool.close()

    def send(self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        """Send, and return the answer, whatever its status. Raises Refused, NotSent or NoAnswer."""
        fields = _checked(method, headers or {}, body, self.bounds)
        target = parse(url)
        until = time.monotonic() + self.bounds.time.total_seconds()
        for _ in range(self.bounds.redirects + 1):
            line = match(target, self.allowed)
            with request_limits(until - time.monotonic(), self._private_of(line)):
                answer = self._once(method, target, [*fields, *line.headers], body)
            next_target = _redirect(target, answer)
            if next_target is None or not self.bounds.redirects:
                return answer
            method, body = _redirected(method, body, answer.status, same=_same_origin(target, next_target))
            if not _same_origin(target, next_target):
                fields = [(name, value) for name, value in fields if name.lower() == "accept"]
            target = next_target
        raise Refused(f"{host_of(target)} redirects more than {self.bounds.redirects} times")

    def _private_of(self, line: Destination) -> tuple[Network, ...]:
        """Return the private address that the operator wrote as a number.

        It is allowed for this line only, not for names.
        """
        written = line.address
        return self._private if written is None else (*self._private, ip_network(written))

    def _once(self, method: str, url: httpx.URL, fields: Sequence[tuple[str, str]], body: bytes) -> Answer:
        head = [
            (b"Host", url.netloc),
            # Nothing is decoded on the way back, so nothing can inflate.
            (b"Accept-Encoding", b"identity"),
            *((name.encode("ascii"), value.encode("utf-8")) for name, value in fields),
        ]
        if body or method in {"POST", "PUT", "PATCH"}:
            head.append((b"Content-Length", str(len(body)).encode()))
        request = httpcore.Request(
            method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=head,
            content=body,
            extensions={"timeout": self._timeouts()},
        )
        try:
            response = self._pool.handle_request(request)
            try:
                return self._answer(response)
            finally:
                response.close()
        except OutgoingError:
            raise
        except (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout) as error:
            raise NotSent(f"{host_of(url)}: no connection: {_said(error)}") from None
        except httpcore.LocalProtocolError:
            raise Refused("the request cannot be written as HTTP") from None
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise NoAnswer(f"{host_of(url)}: no answer: {_said(error)}") from None

    def _answer(self, response: httpcore.Response) -> Answer:
        headers: dict[str, str] = {}
        for name, value in response.headers:
            headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
        pieces: list[bytes] = []
        size = 0
        for piece in response.iter_stream():
            pieces.append(piece)
            size += len(piece)
            if size > self.bounds.answer:
                break
        body = b"".join(pieces)
        return Answer(response.status, headers, body[: self.bounds.answer], cut=size > self.bounds.answer)

    def _timeouts(self) -> dict[str, float]:
        whole = self.bounds.time.total_seconds()
        return {"connect": self.bounds.connect.total_seconds(), "read": whole, "write": whole, "pool": whole}


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _checked(method: str, headers: Mapping[str, str], body: bytes, bounds: Bounds) -> list[tuple[str, str]]:
    if method not in METHODS:
        raise Refused(f"{method[:20]!r} is not a method that is sent; known are {', '.join(sorted(METHODS))}")
    if len(body) > bounds.body:
        raise Refused(f"the body has more than {bounds.body} bytes")
    for name, value in headers.items():
        if not TOKEN.fullmatch(name) or re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value) or len(value) > 8_000:
            raise Refused("a header has a line break or another control character, or is too long")
        if name.lower() in OUR_HEADERS:
            raise Refused(f"a rule must not set the header {name}")
    return list(headers.items())


def _redirect(url: httpx.URL, answer: Answer) -> httpx.URL | None:
    location = answer.headers.get("location")
    if answer.status not in {301, 302, 303, 307, 308} or not location:
        return None
    if re.search(r"[\x00-\x20\x7f\\]", location):
        raise Refused(f"{host_of(url)} redirects to an address that cannot be read")
    try:
        return parse(str(url.join(location)))
    except (httpx.InvalidURL, ValueError):
        raise Refused(f"{host_of(url)} redirects to an address that cannot be read") from None


def _redirected(method: str, body: bytes, status: int, *, same: bool) -> tuple[str, bytes]:
    """Return the redirected request. 307 and 308 repeat it; the body goes only to the same server."""
    if status in {307, 308} and same:
        return method, body
    if status in {307, 308} and method not in {"GET", "HEAD"}:
        raise Refused("a request with a body was redirected to another server")
    return ("HEAD" if method == "HEAD" else "GET"), b""


def _same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    return (one.scheme, host_of(one), port_of(one)) == (other.scheme, host_of(other), port_of(other))
