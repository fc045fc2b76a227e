"""Two workers end one hold at the same moment, on two connections to PostgreSQL: the target returns once."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from network import Network
from rule_texts import pause_rule
from sqlalchemy import event

from bridge.observability.bulkhead import Bulkhead
from bridge.operations import decide, feeds, maintenance
from bridge.operations.errors import OperationError
from bridge.operations.holds import end_due, release_holds
from bridge.operations.perform import perform_effects
from bridge.store.holds import Hold
from bridge.store.ledger import Effect

pytestmark = pytest.mark.postgres
PATIENCE = 60  # seconds; a thread that waits so long waits for nobody


@pytest.fixture
def network(tmp_path, postgres, now, monkeypatch):
    """An offer that the rule paused, at the moment when its hold ends and the rule is due."""
    made = Network(tmp_path / "home", postgres(), now, monkeypatch)
    for name, conversions in (("Good", 50), ("Fine", 60), ("Bad", 1)):
        made.world.offer(name, clicks=1000, conversions=conversions, active=True)
    made.rule(pause_rule())
    made.work()
    assert made.paused == ["Bad"]
    made.pass_time(hours=12)
    maintenance.tick(made.services, made.now)
    while feeds.read_due(made.services, made.now):
        pass
    yield made
    made.close()


def both_have_looked(network: Network) -> set[int]:
    """Hold each of two threads back before it locks the hold, until both have seen it active. Returns who came."""
    both, came = threading.Barrier(2), set()

    def wait(_connection, _cursor, statement: str, *_more: object) -> None:
        me = threading.get_ident()
        if "FROM holds" in statement and "FOR UPDATE" in statement and me not in came:
            came.add(me)
            both.wait(PATIENCE)

    event.listen(network.services.store.engine, "before_cursor_execute", wait)
    return came


def at_once(network: Network, *actions: Callable[[], object]) -> set[int]:
    came = both_have_looked(network)
    with ThreadPoolExecutor(len(actions)) as threads:
        for asked in [threads.submit(action) for action in actions]:
            with contextlib.suppress(OperationError):  # who comes second may be told so
                asked.result(PATIENCE)
    return came


def scheduled_run(network: Network) -> Callable[[], object]:
    return lambda: decide.run_due_rules(network.services, network.now)


def end_of_the_hold(network: Network) -> Callable[[], object]:
    bulkhead = Bulkhead(network.services.store, network.now)
    return lambda: end_due(network.services, network.all(Hold), network.now, bulkhead)


def by_hand(network: Network) -> Callable[[], object]:
    return lambda: release_holds(network.services, [one.id for one in network.all(Hold)], who="ann", now=network.now)


@pytest.mark.parametrize(
    "pair",
    [(scheduled_run, end_of_the_hold), (scheduled_run, by_hand), (end_of_the_hold, by_hand), (by_hand, by_hand)],
    ids=["run and end", "run and hand", "end and hand", "two hands"],
)
def test_a_return_that_two_want_at_once_is_applied_once(network, pair):
    came = at_once(network, *(make(network) for make in pair))
    assert len(came) == 2, "both were to see the hold active before either ended it"
    while perform_effects(network.services, network.now):  # and no rule is evaluated meanwhile: it would say yes again
        pass
    returns = [one for one in network.all(Effect) if one.verb == "activate"]
    assert [(str(one.state), one.releases) for one in returns] == [("applied", 1)]
    assert network.calls("offers.set_status") == 2  # the pause, and the return
    assert (network.paused, [str(one.state) for one in network.all(Hold)]) == ([], ["released"])
