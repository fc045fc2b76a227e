"""The processes under fire, each started here on a free port and ended by its own pid."""

import os
import secrets
import shutil
import signal
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import redis
from forked import ForkingSupervisor

from bridge.cli.local import stack, supervisor
from bridge.store import heartbeats
from bridge.store.engine import Store, make_engine
from chaos import shifted
from chaos.proxy import Proxy

HOME = Path(__file__).with_name("home")
API_KEY, INTEGRATION = "chaos-key", "ch40s00000"
RATE = 20  # requests in any second, see home/bridge.yaml
WORKERS = ("worker", "effects", "worker2")
SERVER = "database"  # its clock; a file has none of its own


class Clocked(ForkingSupervisor):
    """Starts our own programs, Python ones, with a clock that can be moved: one for each name."""

    movable = True

    def __init__(self, clocks: Path) -> None:
        super().__init__(log=False)
        self._clocks = clocks
        shifted.write(self.clock(SERVER), 0.0)

    def start(self, program: supervisor.Program) -> supervisor.Child:
        if "-m" not in program.command:
            return super().start(program)
        begin = program.command.index("-m") + 1
        start, rest = program.command[:begin], program.command[begin:]
        shifted.write(self.clock(program.name), 0.0)
        environment = {
            **program.environment,
            "CHAOS_CLOCK": str(self.clock(program.name)),
            "CHAOS_SERVER_CLOCK": str(self.clock(SERVER)),
        }
        return super().start(supervisor.Program(program.name, [*start, "chaos.shifted", *rest], environment))

    def clock(self, name: str) -> Path:
        return self._clocks / name


class Rig:
    """Web, two workers, beat, Valkey, a database and Integr8's stand-in."""

    def __init__(
        self,
        home: Path,
        database_url: str | None = None,
        *,
        after: "Rig | None" = None,
        before_start: Callable[[Path], None] = lambda _home: None,
        two_workers: bool = True,
    ) -> None:
        """`after`: a rig whose service was stopped; Integr8, the secret and all rounds are taken over from it.

        `two_workers`: one worker of the same queues beside the other, for rounds in which one of them is lost.
        """
        self.home = home
        self.boss = Clocked(home / "var" / "clocks")
        self.elsewhere = (
            after.elsewhere if after else ForkingSupervisor(log=False)
        )  # what is not ours and is not restarted
        self.database = "sqlite"
        self.loads: list[Any] = after.loads if after else []  # every round so far: old promises are checked again
        self.forgiven: set[str] = set()  # targets that a person changed under our hands
        self.archived: set[str] = set()  # those of them that no read shows any more
        self.spared: set[str] = set()  # offers that nothing may ever touch
        self.ahead = timedelta()  # of the world's clock, and with it of ours, before the real one
        self.poisoned: list[str] = []  # events whose bodies were destroyed on purpose
        shutil.copytree(HOME, home, dirs_exist_ok=True)
        self.secret = after.secret if after else f"whsec_{b64encode(secrets.token_bytes(24)).decode()}"
        self.integr8 = after.integr8 if after else httpx.Client(base_url=self._simulator(), timeout=20)
        values = {
            "INTEGR8_BASE_URL": str(self.integr8.base_url).rstrip("/"),
            "INTEGR8_API_KEY": API_KEY,
            "INTEGR8_INTEGRATION_ID": INTEGRATION,
            "CRM_SECRET": self.secret,
            "DEAD_CHANNEL": f"json://127.0.0.1:{supervisor.free_port()}/",
            "REDIS_URL": self._valkey(),
        } | ({"DATABASE_URL": database_url} if database_url else {})
        (home / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
        before_start(home)
        self.stack = stack.start(self.boss, home, {}, stack.Options(concurrency=1))
        if two_workers:
            self.boss.start(supervisor.worker(self.stack.environment, concurrency=1, name="worker2"))
        self.database_url = database_url or f"sqlite:///{home / 'var' / 'bridge.db'}"
        self.store = Store(make_engine(self.database_url))

    def _valkey(self) -> str:
        """The embedded server as `up` starts it, with a wire to it that can be cut."""
        port = supervisor.free_port()
        self.boss.start(supervisor.valkey(port, self.home / "var" / "valkey"))
        self.wire = Proxy(port)
        self.direct_redis_url = f"redis://127.0.0.1:{port}/0"
        self.boss.wait_until(self.pings, what="starting Valkey", needs="valkey")
        return f"redis://127.0.0.1:{self.wire.port}/0"

    def pings(self) -> bool:
        try:
            with self.redis() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _simulator(self) -> str:
        port_file = self.home / "var" / "integr8.port"
        port_file.parent.mkdir(parents=True, exist_ok=True)
        self.elsewhere.start(supervisor.simulator(port_file, "--api-key", API_KEY, "--integration", INTEGRATION))
        self.elsewhere.wait_until(port_file.exists, what="starting the simulator", needs="integr8")
        return f"http://127.0.0.1:{port_file.read_text().strip()}"

    def close(self) -> None:
        self.integr8.close()
        self.leave()
        self.elsewhere.stop()

    def leave(self) -> None:
        """Stop the service; Integr8 goes on."""
        self.store.close()
        self.boss.stop()
        self.wire.close()

    # --- hands ---------------------------------------------------------------------------------

    def signal(self, name: str, number: signal.Signals) -> None:
        """To the process and, as for a machine that loses power, to its children."""
        pid = self.boss.pids()[name]
        family = [pid, *descendants(pid)] if number is signal.SIGKILL else [pid]
        for one in family:
            try:
                os.kill(one, number)
            except ProcessLookupError:
                continue

    def kill(self, *names: str) -> None:
        for name in names:
            self.signal(name, signal.SIGKILL)

    def freeze(self, name: str, seconds: float) -> None:
        self.signal(name, signal.SIGSTOP)
        time.sleep(seconds)  # the fault itself: nothing answers for so long
        self.signal(name, signal.SIGCONT)

    def redis(self) -> "redis.Redis":
        """Past the wire."""
        return redis.Redis.from_url(self.direct_redis_url, socket_timeout=5)

    def step(self, seconds: float, *names: str) -> None:
        """Set the clocks of some of our processes, or that of the database server, wrong against the world's."""
        for name in names:
            shifted.write(self.boss.clock(name), (self.ahead + timedelta(seconds=seconds)).total_seconds())

    def pass_time(self, much: timedelta) -> None:
        """Time passes for everyone: for us, for senders and for Integr8."""
        self.ahead += much
        self.step(0.0, *self.clocked())
        self.integr8.post("/_sim/clock", json={"advance": much.total_seconds()}).raise_for_status()

    def clocked(self) -> list[str]:
        return [SERVER, *(name for name in self.boss.pids() if self.boss.clock(name).exists())]

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def fault(self, kind: str, **parameters: object) -> None:
        """Switch on one of the simulator's faults."""
        self.integr8.post("/_sim/faults", json={"kind": kind, **parameters}).raise_for_status()

    def until(self, look, what: str, seconds: float = 240.0):
        """Poll with a deadline; dead processes come back meanwhile, as under `up` or systemd."""
        end = time.monotonic() + seconds
        while True:
            self.boss.revive()
            found = look()
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds:.0f} s: {what}")
            time.sleep(0.1)

    def last_tick(self) -> float:
        """When the service ticked last, in seconds since 1970; 0 before the first time."""
        with self.store.read() as session:
            last = heartbeats.last_tick(session)
        return last.timestamp() if last else 0.0

    def applied(self, operation: str) -> int:
        """How many writes of one operation Integr8 has really carried out."""
        rows = self.integr8.get("/_sim/writes", params={"journal": 1}).json()["journal"]
        return sum(row["by"] == operation for row in rows)


def descendants(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    children = [int(text) for text in listed.stdout.split()]
    return children + [below for child in children for below in descendants(child)]
