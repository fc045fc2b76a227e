"""Two `up` on one home, and commands beside one."""

import stat

import pytest

from bridge.integr8.rate_limiter import Outcome
from bridge.services import running_service
from bridge.services.running_service import AlreadyRunning, claim
from bridge.services.shared_budget import SharedBudget
from bridge.store.engine import Store, make_engine


@pytest.fixture
def var(tmp_path):
    return tmp_path / "home" / "var"


def test_the_second_is_told_who_runs_and_where(var):
    first = claim(var)
    first.announce(address="http://127.0.0.1:8000", redis_url="redis://127.0.0.1:1/0")
    with pytest.raises(AlreadyRunning, match=r"runs already \(process \d+ at http://127.0.0.1:8000\)"):
        claim(var)
    first.close()
    claim(var).close()


def test_commands_find_the_address_of_the_service_while_it_runs(var):
    assert running_service.address(var) is None
    service = claim(var)
    service.announce(address="http://0.0.0.0:8123")
    assert running_service.address(var) == "http://127.0.0.1:8123"
    service.close()
    assert running_service.address(var) is None


def test_commands_find_the_embedded_server_while_the_service_runs(var):
    assert running_service.redis_url(var) is None
    service = claim(var)
    service.announce(redis_url="redis://127.0.0.1:1/0")
    assert running_service.redis_url(var) == "redis://127.0.0.1:1/0"
    service.close()
    assert running_service.redis_url(var) is None


def test_a_service_that_was_killed_is_not_believed(var):
    claim(var).close()
    (var / running_service.LOCK_FILE).write_text('{"redis_url": "redis://127.0.0.1:1/0"}')
    assert running_service.redis_url(var) is None


def test_a_command_shares_the_budget_of_the_service_beside_it(var, redis_url):
    service, one, two = claim(var), *(SharedBudget(var, "key", 2, 2) for _ in range(2))
    service.announce(redis_url=redis_url)
    assert (one.state(), two.state()) == (two.state(), one.state())
    one.settle("x", Outcome.THROTTLED, 30.0)
    assert two.state().closed_for > 20
    service.close()
    assert two.state().closed_for == 0  # the file knows nothing of it


def test_nobody_else_reads_what_is_kept(var):
    var.mkdir(parents=True, mode=0o755)
    claim(var).close()
    store = Store(make_engine(f"sqlite:///{var / 'bridge.db'}"))
    with store.write() as session:
        session.connection().exec_driver_sql("CREATE TABLE t (a)")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (var, *var.iterdir())}
    store.close()
    assert {mode & 0o077 for mode in modes.values()} == {0}, modes
