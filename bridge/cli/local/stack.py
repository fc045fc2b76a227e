"""The processes of `up` and `demo`: their order, and how each reports that it is ready."""

import json
import secrets
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from bridge.cli.local import supervisor
from bridge.cli.local.supervisor import StartError, Supervisor
from bridge.config import settings
from bridge.config.errors import SettingsError
from bridge.config.settings import Settings
from bridge.observability import multiprocess
from bridge.services import running_service
from bridge.store.private_files import private_directory, private_file

#: Name of a worker → its queues. What talks to Integr8 has processes of its own: however long Integr8 takes to answer,
#: events are decided, the clock ticks and people are told.
WORKERS = {"worker": ("journal", "maintenance"), "effects": ("effects", "reports")}
#: Of the queue `reports` so many may run for long at once: reading reports, a backtest, and a question that somebody
#: waits for. One process more carries effects out.
LONG = 3


@dataclass(frozen=True, slots=True)
class Options:
    host: str = "127.0.0.1"
    port: int = 0  # 0: a free one
    web_workers: int = 1
    concurrency: int = 2


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack."""

    address: str
    redis_url: str
    environment: Mapping[str, str]
    first_link: str | None = None  # signs in the first administrator, once


def start(boss: Supervisor, home: Path, environment: Mapping[str, str], options: Options) -> Stack:
    """Start everything: Valkey if no REDIS_URL is given, the schema, the rules, then the processes.

    Raises AlreadyRunning before it changes anything if another `up` runs on this home, StartError with a process's last
    lines, SettingsError with all problems of the settings.
    """
    found = settings.load(home)
    if found.worker_accounts is not None and settings.SHARED not in found.worker_accounts:
        words = "`up` also decides and ticks; name `shared` beside the accounts, or start workers alone"
        raise SettingsError([f"settings: BRIDGE_WORKER_ACCOUNTS: {words}"])
    claim = running_service.claim(found.var)
    boss.at_the_end(claim.close)
    made_key = _secret_key(found)
    found = replace(found, secret_key=found.secret_key or made_key)
    valkey_port = None if found.redis_url else supervisor.free_port()
    redis_url = found.redis_url or f"redis://127.0.0.1:{valkey_port}/0"
    passed = {**environment, "BRIDGE_HOME": str(home), "REDIS_URL": redis_url, "BRIDGE_LOG": found.log}
    if made_key:
        passed["BRIDGE_SECRET_KEY"] = made_key
    passed |= multiprocess.make_empty(found.var / "metrics")  # one scrape of the web shows what the worker counts
    boss.load(passed)  # meanwhile, what follows goes on
    if valkey_port is not None:
        _embedded_valkey(boss, found, valkey_port)
    port = options.port or supervisor.free_port()
    address = f"http://{options.host}:{port}"
    claim.announce(address=address, redis_url=redis_url)
    link = _prepare(boss, passed, address)
    boss.start(supervisor.web(options.host, port, passed, workers=options.web_workers))
    for program in workers(passed, options.concurrency):
        boss.start(program)
    boss.start(supervisor.beat(passed))
    boss.wait_until(lambda: _answers(f"{address}/healthz"), what="starting the web process", needs="web")
    boss.wait_until(lambda: _worker_ticks(address), what="starting the worker", needs="worker")
    return Stack(address, redis_url, passed, link)


def workers(passed: Mapping[str, str], concurrency: int) -> Iterator[supervisor.Program]:
    """Yield the workers of one machine, with the given numbers of processes."""
    for name, queues in WORKERS.items():
        first = name == next(iter(WORKERS))
        alone = {} if first else {"BRIDGE_WORKER_METRICS": ""}  # one port is enough: it shows what all of them count
        most = max(concurrency, LONG + 1) if "reports" in queues else concurrency
        yield supervisor.worker({**passed, **alone}, concurrency=most, name=name, queues=queues)


def _secret_key(found: Settings) -> str | None:
    """Return the key for secrets: the given one, or one that is created once and kept beside the database."""
    if found.secret_key is not None:
        return None
    path = private_file(private_directory(found.var) / "secret.key")
    path.write_text(secrets.token_hex(32))
    return path.read_text()


def _embedded_valkey(boss: Supervisor, found: Settings, port: int) -> None:
    boss.start(supervisor.valkey(port, found.var / "valkey"))
    url = f"redis://127.0.0.1:{port}/0"
    boss.wait_until(lambda: _pings(url), what="starting the embedded Valkey", needs="valkey")


def _prepare(boss: Supervisor, passed: Mapping[str, str], address: str) -> str | None:
    """Migrate and load the rules before any process runs, so that the first event finds both.

    Returns the first administrator's link if nobody can sign in yet. Raises StartError with the output.
    """
    command = [*supervisor.python("bridge.cli.local.prepare"), address]
    code, said, complaint = boss.run(command, passed)  # it ends, and the supervisor loads no database
    if code:
        raise StartError(complaint.strip() or "preparing the database failed")
    return said.strip() or None


def _pings(url: str) -> bool:
    """Return True if a Redis server at this address answers PING."""
    found = urlsplit(url)
    try:
        with socket.create_connection((found.hostname or "127.0.0.1", found.port or 6379), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def _asked(url: str, timeout: float) -> bytes | None:
    """Return the body of an answer with 200 or 503; None if no server answers."""
    found = urlsplit(url)
    connection = HTTPConnection(found.hostname or "127.0.0.1", found.port, timeout=timeout)
    try:
        connection.request("GET", found.path)
        answer = connection.getresponse()
        return answer.read() if answer.status in {200, 503} else None
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def _answers(url: str) -> bool:
    return _asked(url, timeout=2) is not None


def _worker_ticks(address: str) -> bool:
    body = _asked(f"{address}/readyz", timeout=5)
    try:
        found = json.loads(body) if body else {"checks": []}
    except ValueError:
        return False
    return any(one["name"] == "worker" and one["status"] == "ok" for one in found["checks"])
