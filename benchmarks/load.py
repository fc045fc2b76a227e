"""A small load generator: raw HTTP/1.1 over kept connections, requests built beforehand, answers timed.

It costs about a third of what an HTTP library would, so on two cores the server gets most of the machine.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Load:
    """What came back. Latencies in seconds, in the order of the answers."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000 if ordered else 0.0


def request(path: str, host: str, body: bytes, headers: dict[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class _Connection(asyncio.Protocol):
    def __init__(self, work: Iterator[bytes], load: Load, done: asyncio.Future[None]) -> None:
        self._work, self._load, self._done = work, load, done
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        raw = next(self._work, None)
        if raw is None:
            self._transport.close()
            if not self._done.done():
                self._done.set_result(None)
            return
        self._at = time.perf_counter()
        self._transport.write(raw)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        if len(rest) < length:
            return
        self._load.latencies.append(time.perf_counter() - self._at)
        status = int(head[9:12])
        self._load.statuses[status] = self._load.statuses.get(status, 0) + 1
        self._buffer = rest[length:]
        self._next()

    def connection_lost(self, _exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


async def _run(host: str, port: int, requests: Sequence[bytes], connections: int) -> Load:
    load, loop = Load(), asyncio.get_running_loop()
    work = iter(requests)
    ends = [loop.create_future() for _ in range(connections)]
    started = time.perf_counter()
    for end in ends:
        await loop.create_connection(lambda end=end: _Connection(work, load, end), host, port)
    await asyncio.gather(*ends)
    load.seconds = time.perf_counter() - started
    return load


def saturate(host: str, port: int, requests: Sequence[bytes], connections: int = 16) -> Load:
    """As fast as the server answers, each connection one request at a time."""
    return asyncio.run(_run(host, port, requests, connections))


async def _paced(host: str, port: int, requests: Sequence[bytes], per_second: float) -> Load:
    load, loop = Load(), asyncio.get_running_loop()
    started = time.perf_counter()
    for number, raw in enumerate(requests):
        await asyncio.sleep(max(0.0, started + number / per_second - time.perf_counter()))
        end = loop.create_future()
        await loop.create_connection(lambda raw=raw, end=end: _Connection(iter([raw]), load, end), host, port)
        await end
    load.seconds = time.perf_counter() - started
    return load


def paced(host: str, port: int, requests: Sequence[bytes], per_second: float) -> Load:
    """One request at a time at an even pace."""
    return asyncio.run(_paced(host, port, requests, per_second))
