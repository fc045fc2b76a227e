"""Troubles of the account: Integr8 away altogether, one id that it refuses; and a second `up` on the same home."""

import signal
import subprocess
import sys
import time
from datetime import timedelta
from functools import partial

from sqlalchemy import select

from bridge.store import heartbeats
from bridge.store.ledger import Effect, EffectState
from chaos import proof
from chaos.load import Load
from chaos.rig import Rig

AWAY = 60.0  # s; far longer than any breaker waits
FROZEN = 180.0  # s; a probe each few seconds would be more calls than the rate allows, counted together in the end
FRESH = timedelta(seconds=10)  # of the clock's tick, on a machine that is busy with tests
BACK = 5.0  # s until the first pause is written, once Integr8 is there again
FIRST = 100  # of the pauses that wait: the oldest of them are all written before any of the newest


def frozen(rig: Rig, load: Load) -> None:
    """Integr8 accepts connections and says nothing."""
    pid = rig.elsewhere.pids()["integr8"]
    before = rig.applied("offers.set_status")
    _signal(pid, signal.SIGSTOP)
    try:
        _service_goes_on(rig, load, FROZEN)
        waiting = _waiting(rig)
    finally:
        _signal(pid, signal.SIGCONT)
    _first_pause(rig, before)
    _oldest_first(rig, before, waiting)


def failing(rig: Rig, load: Load) -> None:
    """Every call is answered with 503."""
    before = rig.applied("offers.set_status")
    rig.fault("status", status=503)
    _service_goes_on(rig, load, AWAY)
    waiting = _waiting(rig)
    rig.integr8.delete("/_sim/faults").raise_for_status()
    _first_pause(rig, before)
    _oldest_first(rig, before, waiting)


def failing_offers(rig: Rig, load: Load) -> None:
    """Every call about offers is answered with 503, all others as ever. What waits is brought back together."""
    before = rig.applied("offers.set_status")
    rig.fault("status", status=503, operation="offers.*")
    _service_goes_on(rig, load, AWAY)
    waiting = _waiting(rig)
    rig.integr8.delete("/_sim/faults").raise_for_status()
    _first_pause(rig, before)
    _oldest_first(rig, before, waiting)


def _signal(pid: int, number: signal.Signals) -> None:
    subprocess.run(["kill", f"-{int(number)}", str(pid)], check=True)


def _service_goes_on(rig: Rig, load: Load, seconds: float) -> None:
    """Events are decided and the clock ticks, however long nobody answers."""
    end = time.monotonic() + seconds
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


def _waiting(rig: Rig) -> list[str]:
    """The offers whose pauses were never sent, in the order in which they are to be."""
    never_sent = select(Effect.target_id).where(Effect.verb == "pause", Effect.state == EffectState.PLANNED)
    order = (Effect.plan_id, Effect.money_24h.desc().nulls_last(), Effect.id)
    with rig.store.read() as session:
        return list(session.scalars(never_sent.order_by(*order)))


def _oldest_first(rig: Rig, before: int, waiting: list[str]) -> None:
    """Two workers send side by side, so that only far parts of the order can be compared."""
    if len(waiting) < 4 * FIRST:
        return
    ids = proof.text_ids(rig.integr8.get("/_sim/state").json())
    wanted = [ids.get(one, one) for one in waiting]
    written = partial(_written, rig, before)
    rig.until(lambda: set(wanted) <= set(written()), "all pauses are written")
    place = {name: number for number, name in enumerate(written())}
    oldest, newest = ([place[one] for one in some] for some in (wanted[:FIRST], wanted[-FIRST:]))
    assert max(oldest) < min(newest), f"one of the oldest was number {max(oldest)}, of the newest {min(newest)}"


def _written(rig: Rig, before: int) -> list[str]:
    """The offers that were paused since then, in the order in which Integr8 was told."""
    rows = rig.integr8.get("/_sim/writes", params={"journal": 1}).json()["journal"]
    return [row["id"] for row in rows if row["by"] == "offers.set_status"][before:]


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
