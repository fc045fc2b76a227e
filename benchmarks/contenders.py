"""Start the programs that are compared: each receives webhooks, half of them match, and each match reaches the API.

Ours pauses offers at the simulator, merged into few calls, journalled and verified. The others call a server that
counts, once for each match, and keep nothing on disk. Everything is real processes on this machine; ours are those of
`integr8-bridge up`, of this checkout or of another one.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import httpx
import psutil

from benchmarks import load
from bridge.cli.local import supervisor
from bridge.cli.local.supervisor import Program, Supervisor

HERE = Path(__file__).resolve().parents[1]
SERVICE = "service"
#: What the console script does, also of 0.1.0, whose web server puts the directory that it is started in first.
COMMAND = "import os, sys; os.chdir(sys.argv.pop(1)); import bridge.cli; bridge.cli.main()"
FIRST_OFFER = 1001  # the simulator's first small number
SECRET = base64.b64encode(secrets.token_bytes(24)).decode()
NODE = "node@24"  # from npm; the machine's own where that cannot be had
NODE_RED = {22: "node-red@5", 18: "node-red@4"}  # by the oldest Node.js that it runs on
RULE = """
schema: 1
id: pause-on-demand{n}
mode: live
trigger: {{webhook: {{source: crm}}}}
when: {{all: [body.amount >= {line}]}}
then:
  - pause: offer
    which: "{{{{ body.offer }}}}"
    hold: 1h
guards: {{at_most: {{targets: 100000}}}}
"""
HOME = """
accounts:
  main:
    base_url: "http://127.0.0.1:PORT"
    api_key: "${BENCH_KEY}"
    integrations: {default: bench}
    rate: {per_second: RATE, burst: RATE}
    poll: {clicks: 0, conversions: 0, details: 0, settling: 0, agreement: 0}
sources:
  crm: {verify: standard-webhooks, secret: "${BENCH_SECRET}", event_type: type}
"""


@dataclass(frozen=True, slots=True)
class Contender:
    """A running program and how to ask it."""

    name: str
    host: str
    port: int
    request: Callable[[int], bytes]  # the webhook of a number; odd numbers match
    reached: Callable[[], int]  # how many matches have reached the API
    times: Callable[[], Mapping[int, float]]  # number → wall clock of its arrival at the API
    start_seconds: float
    pids: Callable[[], list[int]]
    api: httpx.Client  # where the API's side of the story is told
    version: str = ""  # of what is not ours

    def memory_mb(self) -> int:
        """What its processes have for themselves, shared pages counted once."""
        return round(sum(psutil.Process(pid).memory_full_info().pss for pid in self.pids()) / 2**20)

    def processor(self) -> dict[str, float]:
        """Seconds of processor time so far, user and system, by what a process does, and of `all` of them."""
        found = {"web": 0.0, "worker": 0.0, "all": 0.0}
        for pid in self.pids():
            with suppress(psutil.NoSuchProcess):
                one = psutil.Process(pid)
                seconds = sum(one.cpu_times()[:2])
                role = _role(" ".join(one.cmdline()))
                found |= {"all": found["all"] + seconds, role: found.get(role, 0.0) + seconds}
        return found


def _role(command: str) -> str:
    """What a process of `up` does, by its command line or its title; those of other programs do everything else."""
    roles = {"web": ("bridge.web", "integr8-bridge: web"), "worker": ("worker", "integr8-bridge: effects")}
    return next((role for role, words in roles.items() if any(word in command for word in words)), "rest")


def _body(number: int) -> bytes:
    amount = 100 if number % 2 else 10
    return json.dumps({"type": "sale", "id": number, "amount": amount, "offer": str(FIRST_OFFER + number)}).encode()


def signed(number: int, host: str) -> bytes:
    """A webhook of this number as Standard Webhooks wants it."""
    return signed_body(_body(number), host)


def signed_body(body: bytes, host: str) -> bytes:
    delivery, at = f"msg_{secrets.token_hex(8)}", str(int(time.time()))
    mac = hmac.digest(base64.b64decode(SECRET), f"{delivery}.{at}.".encode() + body, hashlib.sha256)
    headers = {
        "Content-Type": "application/json",
        "webhook-id": delivery,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }
    return load.request("/hooks/crm", host, body, headers)


def plain(number: int, host: str, path: str = "/hooks/crm") -> bytes:
    return load.request(path, host, _body(number), {"Content-Type": "application/json"})


def _family(boss: Supervisor, *without: str) -> list[int]:
    roots = [psutil.Process(pid) for name, pid in boss.pids().items() if name not in without]
    return [one.pid for root in roots for one in (root, *root.children(recursive=True))]


# --- ours ------------------------------------------------------------------------------------------


@contextmanager
def ours(  # noqa: PLR0917 - the set-ups that are compared
    offers: int,
    database: str | None = None,
    workers: int = 2,
    rules: int = 1,
    rate: int = 50,
    text: str = "",
    checkout: Path = HERE,
) -> Iterator[Contender]:
    """`up` of a checkout against a simulator with so many offers. All rules but the first say no; or one given rule."""
    with tempfile.TemporaryDirectory() as directory, _boss() as boss:
        home = Path(directory)
        (home / "rules").mkdir()
        texts = [RULE.format(n=n or "", line=50 if n == 0 else 1_000 + n) for n in range(rules)]
        (home / "rules" / "rules.yaml").write_text(text or "---".join(texts))
        port = _simulator(boss, home, offers)
        (home / "bridge.yaml").write_text(HOME.replace("PORT", port).replace("RATE", str(rate)))
        where = f"DATABASE_URL={database}\n" if database else ""
        (home / ".env").write_text(f"BENCH_KEY=k\nBENCH_SECRET=whsec_{SECRET}\n{where}")
        number, seconds = _up(boss, home, workers, checkout)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/_sim", timeout=60) as simulator:
            yield Contender(
                "Integr8 Bridge", "127.0.0.1", number, partial(signed, host="127.0.0.1"), partial(_paused, simulator),
                partial(_pause_times, simulator), seconds, partial(_family, boss, "integr8"), simulator,
            )  # fmt: skip


def _up(boss: Supervisor, home: Path, workers: int, checkout: Path) -> tuple[int, float]:
    """Start the service. Returns its port, and the seconds until it has answered a webhook; its worker ticks by then.

    A checkout has its own libraries where it has a .venv, and else those of this one.
    """
    own, port = checkout / ".venv" / "bin" / "python", supervisor.free_port()
    command = [
        str(own) if own.exists() else sys.executable, "-P", "-c", COMMAND,
        str(checkout), "up", str(home), "--port", str(port), "--concurrency", str(workers),
    ]  # fmt: skip
    paths = os.pathsep.join(filter(None, [str(checkout), os.getenv("PYTHONPATH")]))
    started = time.perf_counter()
    boss.start(Program(SERVICE, command, {"PYTHONPATH": paths}, quiet=not os.environ.get("BENCH_LOG")))
    boss.wait_until(lambda: _takes(port), what="starting the service", needs=SERVICE)
    seconds = time.perf_counter() - started
    boss.wait_until(lambda: _works(port), what="starting the worker", needs=SERVICE)
    return port, seconds


def _takes(port: int) -> bool:
    """Whether a webhook is taken. It is one that matches nothing, so nothing comes of it."""
    head, _, body = signed(0, "127.0.0.1").partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    try:
        return httpx.post(f"http://127.0.0.1:{port}/hooks/crm", content=body, headers=headers, timeout=5).is_success
    except httpx.HTTPError:
        return False


def _works(port: int) -> bool:
    """Whether the service says that a worker ticks."""
    try:
        found = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).json()
    except (httpx.HTTPError, ValueError):
        return False
    return any(one["name"] == "worker" and one["status"] == "ok" for one in found["checks"])


def _simulator(boss: Supervisor, home: Path, offers: int) -> str:
    port_file = home / "port"
    boss.start(
        supervisor.simulator(
            port_file, "--api-key", "k", "--integration", "bench", "--scenario", "collapse",
            "--with", f"bad={offers}", "--with", "good=0", "--with", "clicks=0",
        )
    )  # fmt: skip
    boss.wait_until(port_file.exists, what="starting the simulator", needs="integr8", timeout=60)
    return port_file.read_text().strip()


def _paused(simulator: httpx.Client) -> int:
    return len(simulator.get("/state", params={"only": "paused"}).json()["paused"])


def _pause_times(simulator: httpx.Client) -> dict[int, float]:
    journal = simulator.get("/writes", params={"journal": 1}).json()["journal"]
    wanted = [one for one in journal if one["action"] in {"status", "update"} and one["changed"]]
    return {one["incremental_id"] - FIRST_OFFER: datetime.fromisoformat(one["at"]).timestamp() for one in wanted}


# --- the others ------------------------------------------------------------------------------------


@contextmanager
def bare() -> Iterator[Contender]:
    """The web server with a route that does nothing: what no program on it can be faster than."""
    with tempfile.TemporaryDirectory() as directory, _boss() as boss:
        sink = _sink(boss, Path(directory))
        with sink, _flask(boss, {}, path="/bare") as (port, seconds):
            request = partial(plain, host="127.0.0.1", path="/bare")
            yield _peer("bare Flask on the same server", boss, port, request, sink, seconds)


@contextmanager
def naive() -> Iterator[Contender]:
    """A task for each webhook, see benchmarks/naive.py."""
    with tempfile.TemporaryDirectory() as directory, _boss() as boss:
        sink = _sink(boss, Path(directory))
        redis_port = supervisor.free_port()
        started = time.perf_counter()
        boss.start(supervisor.valkey(redis_port, Path(directory) / "valkey"))
        passed = {"BENCH_REDIS": f"redis://127.0.0.1:{redis_port}/0", "BENCH_SINK": str(sink.base_url).rstrip("/")}
        command = [sys.executable, "-m", "celery", "--app", "benchmarks.naive:celery", "worker", "--concurrency", "2"]
        boss.start(Program("worker", command, passed, quiet=True))
        with sink, _flask(boss, passed, path="/hooks/crm") as (port, _):
            request = partial(plain, host="127.0.0.1")
            yield _peer("naive Flask and Celery", boss, port, request, sink, time.perf_counter() - started)


@contextmanager
def node_red() -> Iterator[Contender]:
    """Node-RED with one flow: webhook in, answer, condition, request. Raises LookupError without Node.js and npm."""
    with tempfile.TemporaryDirectory() as directory, _boss() as boss:
        node, program, version = _install_node_red(Path(directory))
        sink, port = _sink(boss, Path(directory)), supervisor.free_port()
        user = Path(directory) / "user"
        user.mkdir()
        (user / "flows.json").write_text(json.dumps(_flow(str(sink.base_url).rstrip("/"))))
        (user / "settings.js").write_text(
            f"module.exports = {{uiPort: {port}, uiHost: '127.0.0.1', flowFile: 'flows.json', httpAdminRoot: false,"
            " logging: {console: {level: 'warn'}},"
            " editorTheme: {telemetry: {enabled: false, updateNotification: false}}}"
        )
        started = time.perf_counter()
        boss.start(Program("node-red", [node, str(program), "--userDir", str(user)], quiet=True))
        boss.wait_until(lambda: _answers(port, "/hooks/crm"), what="starting Node-RED", needs="node-red", timeout=90)
        with sink:
            request = partial(plain, host="127.0.0.1")
            peer = _peer("Node-RED", boss, port, request, sink, time.perf_counter() - started)
            yield replace(peer, version=version)


def _install_node_red(directory: Path) -> tuple[str, Path, str]:
    """Node.js, the program of the newest Node-RED that runs on it, and the versions of both."""
    own, npm = shutil.which("node"), shutil.which("npm")
    if own is None or npm is None:
        raise LookupError("there is no Node.js with npm on this machine")
    fetched = directory / "node_modules" / "node" / "bin" / "node"
    _npm(npm, directory, NODE)  # its script chooses the program for this machine
    node = str(fetched) if fetched.exists() else own
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    major = int(version.removeprefix("v").partition(".")[0])
    package = next((name for oldest, name in NODE_RED.items() if major >= oldest), None)
    if package is None:
        raise LookupError(f"Node.js {major} is too old for Node-RED; 18 is the oldest")
    complaint = _npm(npm, directory, "--ignore-scripts", package)
    if complaint:
        raise LookupError(f"npm could not install {package}: {complaint}")
    found = directory / "node_modules" / "node-red"
    installed = json.loads((found / "package.json").read_text())["version"]
    return node, found / "red.js", f"{installed} on Node.js {version}"


def _npm(npm: str, directory: Path, *what: str) -> str:
    """Install into this directory. Returns the last line of what npm complains about where it fails."""
    command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(directory), *what]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def _flow(sink: str) -> list[dict[str, object]]:
    condition = (
        f"node.send([msg, null]); if (msg.payload.amount >= 50) return [null, {{url: '{sink}/' + msg.payload.id,"
        " payload: {active: false}, headers: {'content-type': 'application/json'}}];"
    )
    return [
        {"id": "tab", "type": "tab", "label": "bench"},
        {"id": "in", "type": "http in", "z": "tab", "url": "/hooks/crm", "method": "post", "wires": [["if"]]},
        {"id": "if", "type": "function", "z": "tab", "func": condition, "outputs": 2, "wires": [["out"], ["call"]]},
        {"id": "out", "type": "http response", "z": "tab", "statusCode": "202", "wires": []},
        {"id": "call", "type": "http request", "z": "tab", "method": "POST", "ret": "txt", "paytoqs": "ignore",
         "url": "", "persist": True, "wires": [[]]},
    ]  # fmt: skip


def _peer(  # noqa: PLR0917 - what a contender is made of
    name: str, boss: Supervisor, port: int, request: Callable[[int], bytes], sink: httpx.Client, seconds: float
) -> Contender:
    return Contender(
        name, "127.0.0.1", port, request, lambda: int(sink.get("/").text),
        lambda: {int(number): at for number, at in sink.get("/times").json().items()}, seconds,
        partial(_family, boss, "sink"), sink,
    )  # fmt: skip


def _sink(boss: Supervisor, directory: Path) -> httpx.Client:
    port_file = directory / "sink-port"
    boss.start(Program("sink", [sys.executable, "-m", "benchmarks.sink", str(port_file)], quiet=True))
    boss.wait_until(lambda: port_file.exists() and port_file.read_text() != "", what="starting the sink", needs="sink")
    return httpx.Client(base_url=f"http://127.0.0.1:{port_file.read_text()}", timeout=30)


@contextmanager
def _flask(boss: Supervisor, environment: Mapping[str, str], *, path: str) -> Iterator[tuple[int, float]]:
    port, started = supervisor.free_port(), time.perf_counter()
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws", "--blocking-threads", "4",
        "--log-level", "warning", "--port", str(port), "--factory", "benchmarks.naive:app",
    ]  # fmt: skip
    boss.start(Program("web", command, environment, quiet=True))
    boss.wait_until(lambda: _answers(port, path), what="starting the web server", needs="web")
    yield port, time.perf_counter() - started


def _answers(port: int, path: str) -> bool:
    try:
        return httpx.post(f"http://127.0.0.1:{port}{path}", json={"id": 0, "amount": 0}, timeout=2).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def _boss() -> Iterator[Supervisor]:
    boss = Supervisor(log=bool(os.environ.get("BENCH_LOG")))
    try:
        yield boss
    finally:
        boss.stop()
