"""Troubles of the account: Integr8 away altogether, one id that it refuses; and a second `up` on the same home."""

import signal
import subprocess
import sys
import time
from datetime import timedelta

from bridge.store import heartbeats
from chaos import proof
from chaos.load import Load
from chaos.rig import Rig

AWAY = 60.0  # s; far longer than any breaker waits
FRESH = timedelta(seconds=10)  # of the clock's tick, on a machine that is busy with tests
BACK = 5.0  # s until the first pause is written, once Integr8 is there again


def frozen(rig: Rig, load: Load) -> None:
    """Integr8 accepts connections and says nothing."""
    pid = rig.elsewhere.pids()["integr8"]
    before = rig.applied("offers.set_status")
    _signal(pid, signal.SIGSTOP)
    try:
        _service_goes_on(rig, load)
    finally:
        _signal(pid, signal.SIGCONT)
    _first_pause(rig, before)


def failing(rig: Rig, load: Load) -> None:
    """Every call is answered with 503."""
    before = rig.applied("offers.set_status")
    rig.fault("status", status=503)
    _service_goes_on(rig, load)
    rig.integr8.delete("/_sim/faults").raise_for_status()
    _first_pause(rig, before)


def _signal(pid: int, number: signal.Signals) -> None:
    subprocess.run(["kill", f"-{int(number)}", str(pid)], check=True)


def _service_goes_on(rig: Rig, load: Load) -> None:
    """Events are decided and the clock ticks, however long nobody answers."""
    end = time.monotonic() + AWAY
    rig.until(lambda: not load.unanswered, "the sender is answered", AWAY)
    rig.until(lambda: not proof.undecided(rig), "events are decided while Integr8 is away", AWAY)
    while time.monotonic() < end:
        rig.boss.revive()
        with rig.store.read() as session:
            last = heartbeats.last_tick(session)
        assert last is not None
        assert rig.now() - last < FRESH, f"no tick for {rig.now() - last}"
        time.sleep(1)


def _first_pause(rig: Rig, before: int) -> None:
    rig.until(lambda: rig.applied("offers.set_status") > before, "the first pause is written", BACK)


def refused_id(rig: Rig, load: Load) -> None:
    """One target of every bulk call that names it is not acceptable: only it fails."""
    rig.fault("refused_ids", ids=[load.offers[0]], status=400, operation="offers.set_status")
    rig.forgiven.add(load.offers[0])


def second_up(rig: Rig, _load: Load) -> None:
    """Somebody starts the service once more on the same home: told, ended with 1, nothing touched."""
    command = [sys.executable, "-c", "from bridge.cli import cli; cli()", "up", str(rig.home), "--port", "0"]
    metrics = sorted(path.name for path in (rig.home / "var" / "metrics").iterdir())
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert (told.returncode, "runs already" in told.stderr) == (1, True), told.stderr
    assert set(metrics) <= {path.name for path in (rig.home / "var" / "metrics").iterdir()}
