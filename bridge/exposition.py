"""Serving metrics: in the web process as a page, in a Celery worker on a small port of its own."""

from collections.abc import Iterable
from threading import Thread

from prometheus_client import REGISTRY, CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from bridge import tallies
from bridge.settings import Address


def registry(extra: Iterable[Collector] = ()) -> CollectorRegistry:
    """What a scrape of this process shows: everything that its group has counted, and `extra`."""
    made = CollectorRegistry()
    shared = tallies.place()
    if shared is None:
        made.register(REGISTRY)
    else:
        MultiProcessCollector(made, shared)  # type: ignore[no-untyped-call]  # registers itself
    for one in extra:
        made.register(one)
    return made


def serve(where: Address) -> Thread:
    """Answer scrapes in a thread of this process. Raises OSError when the port is taken."""
    _server, thread = start_http_server(where.port, addr=where.host, registry=registry())
    return thread
