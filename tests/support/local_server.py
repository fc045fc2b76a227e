"""An application behind a real server: in a thread of the test, or in processes of its own as the service runs it."""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

from werkzeug.serving import make_server

from bridge.cli.local.supervisor import free_port

SERVE = """
import sys
sys.path.insert(0, sys.argv[1])
from bridge.web import server
options = server.Options(port=int(sys.argv[2]), host=sys.argv[3], workers=int(sys.argv[4]), grace=int(sys.argv[5]))
server.make(options, "app:app", idle=float(sys.argv[6])).serve()
"""


@contextmanager
def served(app, *, tls=None):
    """The application behind a real server, over TLS where an SSL context is given; its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=tls)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def start(place, port=None, *, host="127.0.0.1", workers=1, grace=20, idle=30.0):
    """The service's own server with the application of `app.py` in this directory; a process group of its own."""
    arguments = [str(place), str(port or free_port()), host, str(workers), str(grace), str(idle)]
    return subprocess.Popen([sys.executable, "-c", SERVE, *arguments], start_new_session=True)


@contextmanager
def in_processes(place, text, *, host="127.0.0.1", workers=1, grace=20, idle=30.0):
    """The service's own server with the ASGI application `app` of this text; its port and the parent's process."""
    (place / "app.py").write_text(text)
    port = free_port()
    process = start(place, port, host=host, workers=workers, grace=grace, idle=idle)
    try:
        wait_for_port(port, process, host)
        yield port, process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)


def wait_for_port(port, process, host="127.0.0.1"):
    until = time.monotonic() + 180
    while True:
        with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
            return
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)


def talk(port, *parts, end=False, host="127.0.0.1", wait=30):
    """Everything that the server answers to these bytes until it closes; `end` says that no more will come."""
    with socket.create_connection((host, port), wait) as connection:
        for part in parts:
            connection.sendall(part)
        if end:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    return answer
