"""The client and a whole Integr8: nothing is asked that a correct client would not ask."""

import threading
from datetime import timedelta

import pytest
from starts_in_memory import StartsInMemory
from werkzeug.serving import make_server

from bridge.integr8 import OPERATIONS, Client, LocalBudget, errors
from bridge.integr8.exports import Exporter
from bridge.integr8.route_probe import probe
from bridge.simulator import create_app
from bridge.simulator.world import API_KEY, INTEGRATION, World


@pytest.fixture
def world():
    return World()


@pytest.fixture
def serve(world):
    """Serves the world on a real port; returns the address."""
    servers = []

    def start(**options):
        server = make_server("127.0.0.1", 0, create_app(world, **options), threaded=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def connect(serve):
    clients = []

    def make(url=None, **options):
        settings = {"integration": INTEGRATION, "budget": LocalBudget(1000)}
        clients.append(Client(url or serve(strict=True), API_KEY, **(settings | options)))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def _asked(world):
    return [entry.operation for entry in world.log.entries]


def _faultless(world):
    """No request that the simulator found strange, and none that it refused."""
    return [(entry.operation, entry.status, entry.remarks) for entry in world.log.entries
            if entry.remarks or not 200 <= (entry.status or 0) < 300]  # fmt: skip


def test_a_tour_of_the_collections_meets_no_refusal(connect, world):
    client = connect()
    advertiser = client.advertisers.create(name="Acme", email="a@acme.example")
    offer = client.offers.create(name="Summer", advertiser_id=advertiser["incremental_id"], visibility="Private")
    client.offers.update(offer["id"], description="hot")
    client.offers.set_status([offer["id"]], active=False)
    assert client.offers.get(offer["id"])["active"] is False
    event = client.offer_events.create(offer["id"], name="Lead", payout=5, payout_type="CPA")
    client.offer_events.update(offer["id"], event["id"], payout=6)
    page = client.landing_pages.create(offer["id"], name="Front", redirect_url="https://acme.example")
    assert [row["id"] for row in client.landing_pages.list(offer["id"])] == [page["id"]]
    client.landing_pages.delete(offer["id"], page["id"])
    user = client.users.create(email="u@acme.example", password="hunter2hunter2", role="accountManager")
    client.users.update(user["id"], first_name="Una")
    publisher, created = client.publishers.ensure(name="Ann", email="ann@pub.example")
    assert created
    assert client.publishers.ensure(name="Ann", email="ann@pub.example") == (publisher, False)
    client.publishers.bulk_delete([publisher["id"]])
    assert [row["name"] for row in client.offers.list(filter={"name": "Summer"}, sort="-name")] == ["Summer"]
    assert _faultless(world) == []


def test_reports_are_read_whole_while_rows_arrive(connect, serve, world):
    world.offer("Busy", clicks=700, conversions=70, within=timedelta(hours=20))
    client = connect(serve(strict=True, arrivals_per_page=3))
    now = world.clock.now()
    before = {row["real_tx_id"] for row in client.reports.clicks(now - timedelta(days=2), now, size=50)}
    assert len(before) == 700
    assert _faultless(world) == []


@pytest.mark.slow
def test_an_export_goes_from_start_to_rows(connect, world, tmp_path):
    world.offer("Busy", clicks=300, conversions=30, within=timedelta(hours=20))
    client = connect()
    exporter = Exporter(client, StartsInMemory(), sleep=lambda _: threading.Event().wait(0.2))
    now = world.clock.now()
    started = exporter.start("clicks", now - timedelta(days=2), now, fields=["transaction_id", "offer"])
    ready = exporter.wait(started["id"])
    with exporter.rows(ready) as rows:
        assert len(list(rows)) == 300
    exporter.save(ready, tmp_path / "clicks.csv")
    exporter.delete(started["id"])
    assert _faultless(world) == []


ALWAYS_PASSED = [
    {"kind": "status", "status": 503, "count": 2},
    {"kind": "rate_limited", "retry_after": "seconds", "seconds": 1, "count": 1},
    {"kind": "rate_limited", "retry_after": "date", "seconds": 1, "count": 1},
    {"kind": "rate_limited", "count": 2},
    {"kind": "html", "count": 2},
    {"kind": "drop", "count": 1},
    {"kind": "drop", "when": "after", "count": 1},
    {"kind": "truncate", "count": 1},
    {"kind": "cut", "count": 1},
]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ALWAYS_PASSED, ids=lambda one: "-".join(str(value) for value in one.values()))
def test_reads_and_absolute_writes_outlast(connect, world, fault):
    offer = world.offer("Busy")
    client = connect()
    world.faults.add(fault)
    client.offers.set_status([offer.key], active=False)
    world.faults.add(fault)
    assert client.offers.get(offer.key)["active"] is False


@pytest.mark.parametrize("fault", ["drop", "truncate", "cut"])
def test_a_create_with_a_lost_answer_makes_one(connect, world, fault):
    client = connect()
    world.faults.add({"kind": fault, "when": "after", "count": 1, "operation": "publishers.create"}
                     if fault == "drop" else {"kind": fault, "count": 1, "operation": "publishers.create"})  # fmt: skip
    row, _ = client.publishers.ensure(name="Ann", email="ann@pub.example")
    assert [one["id"] for one in client.publishers.list()] == [row["id"]]
    assert _asked(world).count("publishers.create") == 1


def test_a_report_whose_pages_repeat_is_read_right(connect, world):
    world.offer("Busy", clicks=450, within=timedelta(hours=20))
    client = connect()
    world.faults.add({"kind": "repeat_page", "operation": "reports.clicks", "skip": 1, "count": 2})
    now = world.clock.now()
    ids = [row["real_tx_id"] for row in client.reports.clicks(now - timedelta(days=2), now)]
    assert len(ids) == len(set(ids)) == 450


def test_a_wrong_key_is_told_once(connect, serve, world):
    client = Client(serve(), "wrong", integration=INTEGRATION, budget=LocalBudget(100))
    with client, pytest.raises(errors.Unauthorized):
        client.users.get("u1")
    assert len(world.log.entries) == 1


def test_the_probe_finds_everything_in_its_place(connect, world):
    world.offer("Busy")
    report = probe(connect())
    assert report.healthy
    assert {entry.method for entry in world.log.entries} == {"GET"}


def test_the_simulator_serves_the_whole_catalogue(connect, world):
    """Not one of the 48 is met with 'no such resource' or 'wrong verb'."""
    client = connect()
    for name, operation in OPERATIONS.items():
        path = {parameter: "nothing" for parameter in operation.parameters if parameter != "integrationID"}
        request = f"{operation.verb} {operation.path.format_map({'integrationID': INTEGRATION, **path})}"
        response = client._http.request(
            operation.verb, client._base_url + request.partition(" ")[2], headers={"API-KEY": API_KEY}
        )
        assert response.status_code != 405, name
        assert "no such resource" not in response.text, name
