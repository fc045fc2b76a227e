"""The simulator as a process: a threaded server that keeps connections open and stops when told to."""

import logging
import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Self

from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from bridge.simulator.world import World

TICK_SECONDS = 0.2  # seconds between checks for due postbacks and live traffic


class Handler(WSGIRequestHandler):
    """An HTTP/1.1 handler, so that clients can keep their connections. It logs no line per request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet for headers and body; unbuffered, Nagle and delayed acks cost 40 ms

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class Service:
    """A running simulator: `with Service(app) as service: ... service.url`."""

    def __init__(self, app: Flask, *, host: str = "127.0.0.1", port: int = 0) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.world: World = app.extensions["world"]
        self.server: BaseWSGIServer = make_server(host, port, app, threaded=True, request_handler=Handler)
        self.url = f"http://{host}:{self.server.server_port}"
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True),
            threading.Thread(target=self._tick, daemon=True),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.server.shutdown()
        for thread in self._threads:
            thread.join()
        self.server.server_close()
        self.world.close()

    def _tick(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            self.world.tick()


def serve(app: Flask, *, host: str, port: int, port_file: Path | None, announce: Any = print) -> None:
    """Serve until SIGTERM or SIGINT. The complete port file appears when connections are accepted."""
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    with Service(app, host=host, port=port) as service:
        if port_file is not None:
            draft = port_file.with_name(f"{port_file.name}.{os.getpid()}")
            draft.write_text(f"{service.server.server_port}\n")
            draft.replace(port_file)
        announce(f"Integr8 simulator on {service.url} (control plane {service.url}/_sim/)")
        stop.wait()
