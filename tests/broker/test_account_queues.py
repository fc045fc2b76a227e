"""An account with queues of its own: real workers are given accounts, and each does the work of its own only."""

import os
import signal
from contextlib import ExitStack
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import redis
from effect_books import Books
from forked import ForkingSupervisor
from local_server import served
from rule_texts import pause_rule
from waiting import wait_for

from bridge.cli.local import stack, supervisor
from bridge.config import rulebook, settings
from bridge.config.errors import SettingsError
from bridge.operations import maintenance
from bridge.operations.health_checks import checks
from bridge.services.container import Services
from bridge.services.queue import MAX_WAITING, Queue, WakeUp, served_queues
from bridge.simulator.app import create_app
from bridge.simulator.world import World
from bridge.store.ledger import Effect
from bridge.store.slots import Slot

YAML = """
accounts:
  a:
    base_url: URL_A
    api_key: ${INTEGR8_API_KEY}
    integrations: {default: "${INTEGR8_INTEGRATION_ID}"}
    rate: {per_second: 1000, burst: 1000}
    queues: own
  b:
    base_url: URL_B
    api_key: ${INTEGR8_API_KEY}
    integrations: {default: "${INTEGR8_INTEGRATION_ID}"}
    rate: {per_second: 1000, burst: 1000}
    queues: own
  c:
    base_url: URL_C
    api_key: ${INTEGR8_API_KEY}
    integrations: {default: "${INTEGR8_INTEGRATION_ID}"}
    rate: {per_second: 1000, burst: 1000}
"""
NAMES = "abc"
RULE = pause_rule().replace("mode: live", "mode: live\naccount: ACCOUNT").replace("id: low-cr", "id: low-cr-ACCOUNT")


class Machines:
    """A database, a Valkey, three organisations of Integr8, and workers that tests start."""

    def __init__(self, place, database_url, redis_url, boss, monkeypatch, held):
        self.worlds = {name: World(seed=7) for name in NAMES}
        urls = {name: held.enter_context(served(create_app(world))) for name, world in self.worlds.items()}
        (place / "rules").mkdir(parents=True)
        text = YAML
        for name, url in urls.items():
            text = text.replace(f"URL_{name.upper()}", url)
        (place / "bridge.yaml").write_text(text)
        world = self.worlds["a"]
        self.environment = {
            "BRIDGE_HOME": str(place), "DATABASE_URL": database_url, "REDIS_URL": redis_url,
            "INTEGR8_API_KEY": world.api_key, "INTEGR8_INTEGRATION_ID": world.integration,
            "BRIDGE_SECRET_KEY": "0" * 64,
        }  # fmt: skip
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        self.services = Services(settings.load(place))
        self.boss = boss
        self.books = Books(self.services.store, datetime.now(UTC))

    def worker(self, name, *, accounts="", queues=("effects",)):
        environment = {**os.environ, **self.environment, "BRIDGE_WORKER_ACCOUNTS": accounts}
        return self.boss.start(supervisor.worker(environment, concurrency=1, name=name, queues=queues))

    def pause(self, account, number):
        """So many offers of an account are to be paused."""
        for _ in range(number):
            offer = self.worlds[account].offer(active=True)
            self.books.effect(account=account, step=account, target=offer.view()["id"])

    def sweep(self):
        """As the worker of the queue `maintenance` does again and again."""
        for wanted in maintenance.stalled_tasks(self.services, self.services.clock()):
            self.services.queue.send(wanted)

    def paused(self):
        return {name: len(world.paused) for name, world in self.worlds.items()}

    def until(self, **paused):
        """Sweep until so many offers are paused in each account; None where it is all the same."""

        def reached():
            self.sweep()
            found = self.paused()
            return all(found[name] == number for name, number in paused.items())

        wait_for(reached)

    def applied(self):
        with self.services.store.read() as session:
            return session.query(Effect).filter(Effect.state == "applied").count()

    def check(self):
        found = [one for one in checks(self.services, self.services.clock()) if one["name"] == "accounts"]
        return found[0]


@pytest.fixture
def boss():
    made = ForkingSupervisor(log=False)
    yield made
    made.stop()


@pytest.fixture
def machines(tmp_path, database_url, redis_url, boss, monkeypatch):
    with ExitStack() as held:
        made = Machines(tmp_path / "home", database_url, redis_url, boss, monkeypatch, held)
        yield made
        boss.stop()
        made.services.close()


def test_each_worker_carries_out_its_own_accounts_and_goes_on_without_the_other(machines):
    """Its own: what nobody serves waits although a worker is there, and is done as soon as one comes."""
    for account in NAMES:
        machines.pause(account, 3)
    machines.worker("of-b", accounts="b")
    machines.until(b=3)
    assert machines.paused() == {"a": 0, "b": 3, "c": 0}
    first = machines.worker("of-a", accounts="a")
    machines.until(a=3)
    assert machines.paused() == {"a": 3, "b": 3, "c": 0}
    wait_for(lambda: machines.applied() == 6)  # or what it holds would wait for the end of its lease
    os.kill(first.pid, signal.SIGKILL)
    first.process.wait(60)
    machines.pause("a", 2)
    machines.pause("b", 2)
    machines.until(b=5)
    assert machines.paused() == {"a": 3, "b": 5, "c": 0}
    machines.worker("of-everyone")
    machines.until(a=5, b=5, c=3)
    wait_for(lambda: machines.applied() == 13)
    for world in machines.worlds.values():
        assert world.directory.writes.summary()["repeated"] == {}


def test_the_checks_say_whom_no_worker_serves(machines):
    assert machines.check()["status"] == "warn"
    machines.worker("of-b", accounts="b", queues=("effects", "reports", "journal"))
    wait_for(lambda: "account b" not in machines.check()["detail"])
    words = machines.check()["detail"]
    assert "no worker serves the accounts that share queues: effects, reports, journal" in words
    assert "no worker serves account a: effects.a, reports.a, journal.a" in words
    machines.worker("of-everyone", queues=("effects", "reports", "journal", "maintenance"))
    wait_for(lambda: machines.check()["status"] == "ok")


def test_a_worker_for_what_is_shared_leaves_accounts_with_queues_of_their_own_alone(machines):
    for account in NAMES:
        machines.pause(account, 2)
    machines.worker("shared", accounts="shared")
    machines.until(c=2)
    machines.pause("c", 1)
    machines.until(c=3)
    assert machines.paused() == {"a": 0, "b": 0, "c": 3}


def test_a_worker_that_is_asked_to_go_stops_no_other_that_was_forked_from_the_same_parent(machines):
    first = machines.worker("first")
    machines.pause("c", 1)
    machines.until(c=1)
    first.process.terminate()
    first.process.wait(60)
    machines.worker("second")
    machines.pause("c", 1)
    machines.until(c=2)


def test_a_due_rule_is_evaluated_by_a_worker_of_its_account(machines):
    home = machines.services.settings.home
    for account in NAMES:
        (home / "rules" / f"{account}.yaml").write_text(RULE.replace("ACCOUNT", account))
    reading, _ = rulebook.publish(machines.services.store, machines.services.settings, now=machines.services.clock())
    assert not reading.errors, [str(problem) for problem in reading.errors]
    machines.worker("of-b", accounts="b", queues=("journal",))

    def ended():
        maintenance.tick(machines.services, machines.services.clock())
        machines.sweep()
        with machines.services.store.read() as session:
            rows = session.query(Slot).filter(Slot.kind == "rule").all()
        return {row.key for row in rows if row.state == "done"}

    assert wait_for(ended) == {"rule:low-cr-b"}


def test_messages_do_not_pile_up_in_a_queue_that_nobody_serves(redis_url):
    queue = Queue(redis_url, own={"a"})
    with redis.Redis.from_url(redis_url) as client:
        for _ in range(MAX_WAITING + 10):
            assert queue.wake("effects.perform")
            for account in (None, "a"):
                client.delete(WakeUp("effects.perform", account).mark)  # as time does
        assert [client.llen(name) for name in ("effects", "effects.a")] == [MAX_WAITING, MAX_WAITING]
    queue.close()


@pytest.mark.parametrize(
    ("chosen", "own", "accounts", "found"),
    [
        (["effects", "reports"], [], None, ["effects", "reports"]),
        (["effects", "maintenance"], ["a"], None, ["effects", "effects.a", "maintenance"]),
        (["effects", "maintenance"], ["a", "b"], ["b"], ["effects.b"]),
        (["effects", "maintenance"], ["a", "b"], ["b", "shared"], ["effects", "effects.b", "maintenance"]),
        (["effects.a"], ["a", "b"], ["b"], ["effects.a"]),
        (["maintenance", "upkeep"], ["a"], ["a"], []),
    ],
)
def test_the_queues_of_a_worker(chosen, own, accounts, found):
    assert served_queues(chosen, own, accounts) == found


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("d", "BRIDGE_WORKER_ACCOUNTS: there is no account 'd'; known: shared, a, b, c"),
        ("a,c", "account 'c' has no queues of its own; write accounts.c.queues: own, or name shared instead"),
    ],
)
def test_accounts_that_no_worker_can_be_given_are_refused(machines, monkeypatch, given, problem):
    monkeypatch.setenv("BRIDGE_WORKER_ACCOUNTS", given)
    with pytest.raises(SettingsError, match=problem):
        settings.load(machines.services.settings.home)


def test_up_does_not_start_without_what_is_shared(machines, monkeypatch):
    """It would wait for a clock that nobody looks after."""
    monkeypatch.setenv("BRIDGE_WORKER_ACCOUNTS", "a")
    with pytest.raises(SettingsError, match="name `shared` beside the accounts"):
        stack.start(SimpleNamespace(), machines.services.settings.home, {}, stack.Options())
