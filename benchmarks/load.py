"""A small load generator: raw HTTP/1.1 over kept connections, requests built beforehand, answers timed.

It costs about a third of what an HTTP library would, so on two cores the server gets most of the machine.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Load:
    """What came back. Latencies in seconds; `sent` has the wall clock of each request, in the order of the requests."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    sent: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        return percentile(self.latencies, share)


def percentile(seconds: Sequence[float], share: float) -> float:
    """In milliseconds; 0 of nothing."""
    ordered = sorted(seconds)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000 if ordered else 0.0


def request(path: str, host: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class _Connection(asyncio.Protocol):
    """One kept connection: sends when it is given something, tells when the answer is there."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def send(self, raw: bytes) -> "asyncio.Future[int]":
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(raw)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lowered = head.lower()
        length = int(lowered.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in lowered else 0
        if len(rest) >= length and self._answer is not None:
            self._buffer = rest[length:]
            self._answer.set_result(int(head[9:12]))

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server closed the connection"))


async def _run(host: str, port: int, requests: Sequence[bytes], connections: int, per_second: float | None) -> Load:
    loop = asyncio.get_running_loop()
    load = Load(sent=[0.0] * len(requests))
    waiting = deque(range(len(requests)))
    started = time.perf_counter()

    async def work(connection: _Connection) -> None:
        while waiting:
            number = waiting.popleft()
            due = time.perf_counter() if per_second is None else started + number / per_second
            await asyncio.sleep(max(0.0, due - time.perf_counter())) if per_second else None
            load.sent[number] = time.time()
            status = await connection.send(requests[number])
            load.latencies.append(time.perf_counter() - due)  # from when it was due: a slow answer delays no question
            load.statuses[status] = load.statuses.get(status, 0) + 1

    opened = [(await loop.create_connection(_Connection, host, port))[1] for _ in range(connections)]
    started = time.perf_counter()
    await asyncio.gather(*(work(one) for one in opened))
    load.seconds = time.perf_counter() - started
    for one in opened:
        one.transport.close()
    return load


def saturate(host: str, port: int, requests: Sequence[bytes], connections: int = 16) -> Load:
    """As fast as the server answers, each connection one request at a time."""
    return asyncio.run(_run(host, port, requests, connections, None))


def paced(host: str, port: int, requests: Sequence[bytes], per_second: float, connections: int = 16) -> Load:
    """At an even pace, whatever the server does."""
    return asyncio.run(_run(host, port, requests, connections, per_second))
