"""The socket level of an outgoing request: resolve the name, check the address, connect to it, keep the deadline.

Checking a name first and letting the HTTP library resolve it again would ask the DNS twice, and an attacker's
server answers differently the second time. So there is one resolution, and its result is what is connected to.
TLS still verifies the certificate against the name.
"""

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpcore

from bridge.outbound.address_policy import Network, check_addresses
from bridge.outbound.dns import Lookup, Resolve

SocketOptions: TypeAlias = Iterable[
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
]


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The limits of one request at the socket: its deadline, and the private addresses that it may use."""

    until: float  # time.monotonic()
    exceptions: tuple[Network, ...]


_limits: ContextVar[RequestLimits] = ContextVar("request_limits")


@contextmanager
def request_limits(seconds: float, exceptions: Iterable[Network]) -> Iterator[None]:
    """Apply the limits to everything that this thread sends inside the block."""
    token = _limits.set(RequestLimits(time.monotonic() + seconds, tuple(exceptions)))
    try:
        yield
    finally:
        _limits.reset(token)


def _left(timeout: float | None, late: type[httpcore.TimeoutException] = httpcore.ReadTimeout) -> float:
    """Return the seconds that one operation may take.

    Even a server that sends single bytes meets the deadline.
    """
    left = _limits.get().until - time.monotonic()
    if left <= 0:
        raise late("the time limit of the whole request is over")
    return left if timeout is None else min(left, timeout)


class Stream(httpcore.NetworkStream):
    """A connection that checks the deadline before every operation."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return Stream(self._inner.start_tls(ssl_context, server_hostname, _left(timeout, httpcore.ConnectTimeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class PinnedNetwork(httpcore.NetworkBackend):
    """Connects only to checked addresses."""

    def __init__(self, resolve: Resolve) -> None:
        self._lookup = Lookup(resolve)
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions | None = None,
    ) -> httpcore.NetworkStream:
        found = self._lookup.addresses(host, port, _left(timeout, httpcore.ConnectTimeout))
        addresses = check_addresses(host, found, _limits.get().exceptions)
        problem: Exception = httpcore.ConnectError("no address")
        for address in addresses:
            try:
                left = _left(timeout, httpcore.ConnectTimeout)
                stream = self._inner.connect_tcp(str(address), port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
            else:
                return Stream(stream)
        raise problem
