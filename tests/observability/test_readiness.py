"""What /readyz and `doctor` say of a service that is broken in one place, and the remedy they name."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
import redis
from flask import Flask
from simulator_transport import simulator_transport
from sqlalchemy import event, text

from bridge.cli.local.supervisor import Supervisor, free_port, valkey
from bridge.integr8.rate_budget import RedisBudget
from bridge.operations.doctor import examine, permissions
from bridge.operations.health_checks import checks
from bridge.services.container import Services
from bridge.store import halts
from bridge.store.engine import Store, make_engine
from bridge.store.roles import Role
from bridge.web import health
from bridge.web.access import make


def one(found, name):
    [check] = [each for each in found if each["name"] == name]
    return check


def doctor(network, name):
    return one(examine(network.services, network.now, health=checks), name)


def ask(network, **more):
    app = Flask("health")
    app.register_blueprint(health.blueprint(network.services))
    return app.test_client().get("/readyz", **more)


def ready(network):
    """As who holds the token of the metrics sees it."""
    network.services.settings = replace(network.services.settings, metrics_token="scraper")
    answer = ask(network, headers={"Authorization": "Bearer scraper"})
    return answer.status_code, {each["name"]: each for each in answer.get_json()["checks"]}


def move_to(network, url):
    """The same service on another database."""
    network.services.store.close()
    network.services.__dict__["store"] = Store(make_engine(url, busy_seconds=0.2))


@pytest.fixture
def file(network):
    return network.services.store.engine.url.database


# --- the database ----------------------------------------------------------------------------------


@pytest.fixture
def read_only(network, file):
    move_to(network, f"sqlite:///file:{file}?mode=ro&uri=true")
    return network


@pytest.fixture
def locked(network, file):
    move_to(network, f"sqlite:///{file}")
    other = Store(make_engine(f"sqlite:///{file}"))
    with other.write() as session:
        session.execute(text("SELECT 1"))  # the transaction begins with its first statement
        yield network
    other.close()


@pytest.fixture
def gone(network):
    move_to(network, f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/nothing")
    return network


@pytest.fixture
def unmigrated(network, tmp_path):
    move_to(network, f"sqlite:///{tmp_path / 'empty.db'}")
    return network


BROKEN = {
    "read_only": ("readonly database", "make it writable again"),
    "locked": ("database is locked", "end what locks it"),
    "gone": ("Connection refused", "check DATABASE_URL"),
    "unmigrated": ("migrations are missing", "db upgrade"),
}


@pytest.mark.parametrize(("kind", "words", "remedy"), [(kind, *pair) for kind, pair in BROKEN.items()])
def test_a_database_that_keeps_no_webhook_is_not_ready(request, kind, words, remedy):
    status, found = ready(request.getfixturevalue(kind))
    assert status == 503
    assert words in found["database"]["detail"]
    assert remedy in found["database"]["remedy"]


@pytest.mark.parametrize("kind", BROKEN)
def test_doctor_says_the_same_and_does_not_fall_over(request, kind):
    assert doctor(request.getfixturevalue(kind), "database")["status"] == "fail"


def test_a_database_that_is_well_again_is_ready_again(read_only, file):
    move_to(read_only, f"sqlite:///{file}")
    assert ready(read_only)[0] == 200


def test_a_scrape_says_that_the_database_is_gone(gone):
    app = Flask("health")
    app.register_blueprint(health.blueprint(gone.services))
    assert "bridge_database_up 0.0" in app.test_client().get("/metrics").get_data(as_text=True)


# --- Redis -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_killed_redis_is_said_while_webhooks_are_still_kept(network, tmp_path):
    boss, port = Supervisor(log=False), free_port()
    network.services.__dict__["redis"] = client = redis.Redis(port=port, socket_timeout=1)
    child = boss.start(valkey(port, tmp_path / "valkey"))
    try:
        boss.wait_until(lambda: _answers(client), what="starting Valkey", needs="valkey")
        assert ready(network)[1]["redis"]["status"] == "ok"
        child.process.kill()
        child.process.wait(timeout=240)
        status, found = ready(network)
        assert (status, found["redis"]["status"], found["redis"]["remedy"]) == (200, "warn", "start Redis")
    finally:
        boss.stop()
        client.close()


def _answers(client):
    try:
        return client.ping()
    except (redis.RedisError, OSError):
        return False


def test_without_redis_doctor_does_not_blame_the_api_key(network):
    client = redis.Redis(port=free_port(), socket_connect_timeout=0.2)
    network.services.client().budget = RedisBudget(client, "key", 5)
    [found] = permissions(network.services, "main", network.now)
    assert found["remedy"].startswith("start Redis")
    client.close()


# --- the clock -------------------------------------------------------------------------------------


class Dated(httpx.BaseTransport):
    """Integr8 with a Date header, as its servers send it; this one is so much behind us."""

    def __init__(self, world, behind):
        self._inner = simulator_transport(world, strict=True)
        self._behind = behind

    def handle_request(self, request):
        answer = self._inner.handle_request(request)
        answer.headers["date"] = format_datetime(datetime.now(UTC) - self._behind, usegmt=True)
        return answer


@pytest.mark.parametrize(
    ("behind", "status", "words"),
    [
        (timedelta(0), "ok", "agrees"),
        (timedelta(minutes=1), "warn", "ahead of"),
        (timedelta(minutes=-1), "warn", "behind"),
        (timedelta(hours=1), "fail", "ahead of"),
    ],
)
def test_a_clock_that_is_wrong_is_found_by_integr8s(network, behind, status, words):
    services = Services(network.services.settings, transport=Dated(network.world, behind), sleep=lambda _: None)
    found = one(permissions(services, "main", network.now), "main: clock")
    services.close()
    assert found["status"] == status
    assert words in found["detail"]


# --- files -----------------------------------------------------------------------------------------


def test_a_rules_directory_that_is_gone_is_named(network):
    (network.home / "rules").rmdir()
    assert "is not a directory" in doctor(network, "rule files")["detail"]


def test_a_rule_file_that_leads_nowhere_is_named_with_its_place(network):
    (network.home / "rules" / "lost.yaml").symlink_to("/nowhere/at/all.yaml")
    assert "rules/lost.yaml" in doctor(network, "rule files")["detail"]


def test_a_refused_key_is_said_with_the_variable_to_change(network):
    network.world.faults.add({"kind": "status", "status": 401})
    assert "bridge.yaml names as api_key" in permissions(network.services, "main", network.now)[0]["remedy"]


# --- strangers -------------------------------------------------------------------------------------


def test_a_stranger_learns_nothing_of_a_halt_or_of_rule_errors(network):
    with network.services.store.write() as session:
        halts.halt(session, by="Anna", why="an audit by NAME", now=network.now)
    (network.home / "rules" / "a.yaml").write_text("schema: 1\nid: secret-rule\nwhen: 7\n")
    network.work()
    answer = ask(network)
    assert {tuple(sorted(one)) for one in answer.get_json()["checks"]} == {("name", "status")}
    assert [one["name"] for one in answer.get_json()["checks"]] == ["database", "redis", "worker"]
    assert "Anna" not in answer.get_data(as_text=True)


def test_who_holds_an_api_token_reads_the_details(network):
    with network.services.store.write() as session:
        token = make(session, name="probe", role=Role.VIEWER, who="test", now=network.now)
    assert "remedy" in str(ask(network, headers={"Authorization": f"Bearer {token}"}).get_json())
    assert "remedy" not in str(ask(network, headers={"Authorization": "Bearer ib_wrong_wrong"}).get_json())


def test_however_often_a_stranger_asks_little_is_written(network):
    app = Flask("health")
    app.register_blueprint(health.blueprint(network.services))
    engine, written = network.services.store.engine, []
    event.listen(engine, "before_cursor_execute", lambda *given: written.append(given[2]))
    for _ in range(20):
        app.test_client().get("/readyz")
    assert sum(one.startswith(("INSERT", "UPDATE")) for one in written) == 1
