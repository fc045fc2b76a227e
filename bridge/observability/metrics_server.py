"""Serve metrics: as a page of the web process, and on a port of its own in a Celery worker."""

import hmac
import socket
from collections.abc import Iterable, Iterator
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import REGISTRY, CollectorRegistry, Metric, make_wsgi_app
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from bridge.config.renamed import old_names
from bridge.config.settings import Address
from bridge.observability import multiprocess


class _WithOldNames(Collector):
    """The metrics of a registry, and renamed metrics a second time with their former names."""

    def __init__(self, inner: CollectorRegistry) -> None:
        self._inner = inner
        self._old = {new.removesuffix("_total"): old for new, old in old_names("metric").items()}

    def collect(self) -> Iterator[Metric]:
        for metric in self._inner.collect():
            yield metric
            for old in self._old.get(metric.name, ()):
                name = old.removesuffix("_total")
                copy = Metric(name, f"Old name of {metric.name}.", metric.type, metric.unit)
                copy.samples = [s._replace(name=name + s.name.removeprefix(metric.name)) for s in metric.samples]
                yield copy


def registry(extra: Iterable[Collector] = ()) -> CollectorRegistry:
    """Return the registry for a scrape of this process: all counts of its group, and `extra`."""
    made = CollectorRegistry()
    shared = multiprocess.place()
    if shared is None:
        made.register(REGISTRY)
    else:
        MultiProcessCollector(made, shared)  # type: ignore[no-untyped-call]  # registers itself
    for one in extra:
        made.register(one)
    shown = CollectorRegistry()
    shown.register(_WithOldNames(made))
    return shown


def may_read(authorization: str, token: str | None) -> bool:
    """Return whether a request with this Authorization header may read the metrics; without a token everyone may."""
    if token is None:
        return True
    kind, _, text = authorization.partition(" ")
    return kind.lower() == "bearer" and hmac.compare_digest(text.strip().encode(), token.encode())


class _Server(ThreadingMixIn, WSGIServer):
    """A server with one thread for each scrape; none of them keeps the process alive."""

    daemon_threads = True


class _Six(_Server):
    address_family = socket.AF_INET6


class _Silent(WSGIRequestHandler):
    """A handler that does not log scrapes."""

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the library's name
        pass


def serve(where: Address, token: str | None = None) -> WSGIServer:
    """Answer scrapes in a thread of this process, at any path. Raises OSError when the port is taken."""
    shown = make_wsgi_app(registry())

    def answer(environ: Any, start: Any) -> Any:
        if may_read(environ.get("HTTP_AUTHORIZATION", ""), token):
            return shown(environ, start)
        start("401 Unauthorized", [("WWW-Authenticate", "Bearer"), ("Content-Type", "text/plain")])
        return [b"send Authorization: Bearer with the token of bridge.yaml, metrics\n"]

    kind = _Six if ":" in where.host else _Server
    server = make_server(where.host, where.port, answer, server_class=kind, handler_class=_Silent)
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
