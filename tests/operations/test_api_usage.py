"""What became of Integr8's budget: counted by the processes, summed by the hour, shown to people."""

from datetime import timedelta

import pytest

from bridge.integr8.errors import DailyBudgetExhausted
from bridge.integr8.exports import Exporter
from bridge.integr8.request_observer import ObservedRequest
from bridge.operations.api_usage import consumption
from bridge.services.api_usage import Meter
from bridge.store import api_usage
from bridge.store.api_usage import Usage
from bridge.store.engine import Store, make_engine
from bridge.store.exports import Starts


def used(network):
    network.services.meter.write()
    with network.services.store.read() as session:
        return consumption(session, network.services.settings.accounts, network.now)


def operation(network, name):
    return next(one for one in used(network).operations if one.name == name)


def test_every_request_counts_reports_and_repetitions_too(network):
    network.world.offer("Good", clicks=10, conversions=1, active=True)
    network.work()
    assert sum(one.requests for one in used(network).operations) == len(network.world.log.find())


def test_what_integr8_refuses_is_told_by_its_kind(network):
    network.world.faults.add({"kind": "status", "status": 403, "operation": "offers.list"})
    network.work()
    found = operation(network, "offers.list")
    assert found.errors == {"refused": found.requests}


def test_the_share_of_the_budget_is_of_the_part_of_the_hour_that_has_passed(network):
    network.pass_time(minutes=30)
    meter = network.services.meter.of("main")
    for _ in range(18):
        meter(ObservedRequest("offers.list", "ok", 0.0, 0.1))
    assert used(network).hours[-1].share == pytest.approx(18 / (1000 * 1800))


def test_two_processes_add_to_the_same_hour(store, now):
    one, two = (Meter(lambda: store, lambda: now) for _ in range(2))
    for meter, took in ((one, 0.1), (two, 0.3), (one, 0.2)):
        meter.of("main")(ObservedRequest("offers.list", "ok", 1.0, took))
    one.write()
    two.write()
    with store.read() as session:
        [row] = api_usage.since(session, now)
    assert (row.requests, row.waited, round(row.took, 6), row.slowest) == (3, 3.0, 0.6, 0.3)


def test_an_hour_that_is_over_stays_in_the_chart_for_a_day(network):
    network.services.meter.of("main")(ObservedRequest("offers.list", "ok", 0.0, 0.1))
    network.services.meter.write()
    network.pass_time(hours=23)
    assert [one.requests for one in used(network).hours] == [1, *[0] * 23]


def test_what_cannot_be_written_is_kept_for_the_next_time(tmp_path, sqlite_store, now):
    unmigrated = Store(make_engine(f"sqlite:///{tmp_path / 'empty.db'}"))
    stores = [sqlite_store, unmigrated]
    meter = Meter(stores.pop, lambda: now)
    meter.of("main")(ObservedRequest("offers.list", "ok", 0.0, 0.1))
    meter.write()
    meter.write()
    unmigrated.close()
    with sqlite_store.read() as session:
        assert len(api_usage.since(session, now)) == 1


def test_old_hours_are_forgotten(store, now):
    meter = Meter(lambda: store, lambda: now)
    meter.of("main")(ObservedRequest("offers.list", "ok", 0.0, 0.1))
    meter.write()
    with store.write() as session:
        api_usage.forget(session, now + timedelta(days=1))
    with store.read() as session:
        assert session.query(Usage).count() == 0


def test_exports_left_are_those_of_the_last_day(network):
    starts = Starts(network.services.store, "main")
    exporter = Exporter(network.services.client(), starts, today=lambda: network.now)
    exporter.start("clicks", network.now - timedelta(days=1), network.now, fields=["transaction_id"])
    assert used(network).exports["main"].left == 9
    network.pass_time(hours=24)
    assert used(network).exports["main"].left == 10


def test_the_eleventh_export_is_refused_and_the_page_says_when_the_next_is_free(network):
    starts = Starts(network.services.store, "main")
    for _ in range(10):
        starts.reserve(network.now, limit=10, span=timedelta(days=1))
    with pytest.raises(DailyBudgetExhausted):
        Exporter(network.services.client(), starts, today=lambda: network.now).start(
            "clicks", network.now, network.now, fields=["transaction_id"]
        )
    assert used(network).exports["main"].next_free == network.now + timedelta(days=1)
