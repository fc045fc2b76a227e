"""The web process of a starter home, as it runs."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

from click.testing import CliRunner
from local_server import wait_for_port

from bridge.cli import cli
from bridge.cli.local.supervisor import free_port
from bridge.store.engine import Store, make_engine

TOKEN = "a-token-of-this-test-0123456789"


@dataclass
class WebService:
    port: int
    process: subprocess.Popen
    store: Store
    run: Callable  # a command of the command line on its home


@contextmanager
def web_service(place, redis_url, *, settings=lambda text: text):
    """Started, and ended with its block. `settings` gets the starter's bridge.yaml and gives the one to use."""
    home, port = place / "home", free_port()
    made = os.environ | {
        "BRIDGE_HOME": str(home), "REDIS_URL": redis_url, "BRIDGE_SECRET_KEY": "0" * 64, "PORT": str(port),
        "INTEGR8_BASE_URL": "http://127.0.0.1:9", "INTEGR8_API_KEY": "none", "INTEGR8_INTEGRATION_ID": "none",
        "POSTBACK_TOKEN": TOKEN, "DATABASE_URL": f"sqlite:///{place / 'bridge.db'}",
    }  # fmt: skip

    def run(*words):
        done = CliRunner().invoke(cli, words, env=made)
        assert done.exit_code == 0, done.output
        return done.output

    run("init", str(home))
    file = home / "bridge.yaml"
    file.write_text(settings(file.read_text()))
    run("db", "upgrade")
    process = subprocess.Popen([sys.executable, "-m", "bridge.web.server"], env=made)
    try:
        wait_for_port(port, process)
        store = Store(make_engine(made["DATABASE_URL"]))
        yield WebService(port, process, store, run)
        store.engine.dispose()
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(60)
