"""A wire that can be cut, slowed down or left hanging: TCP from a free port to another one."""

import socket
import threading
import time
from contextlib import suppress

CHUNK = 65536


class Proxy:
    """Forwards until told otherwise. `delay` is seconds for each piece; `cut` ends what is open and takes no more."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.delay = 0.0
        self._cut = False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._cut = True
        with self._lock:
            for one in self._open:
                _shut(one)

    def mend(self) -> None:
        self._cut, self.delay = False, 0.0

    def close(self) -> None:
        self.cut()
        _shut(self._server)
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if self._cut:
                near.close()
                continue
            try:
                far = socket.create_connection(self._target, timeout=5)
                far.settimeout(None)
            except OSError:
                near.close()
                continue
            with self._lock:
                self._open |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while piece := one.recv(CHUNK):
                if self.delay:
                    time.sleep(self.delay)
                other.sendall(piece)
        for end in (one, other):
            _shut(end)
        with self._lock:
            self._open.discard(one)
        one.close()


def _shut(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
