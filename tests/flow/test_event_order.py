"""Updates that come out of order: the newest one stands, whenever and however the others arrive."""

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from network import YAML, Network

from bridge.effects.claims import claim_batch
from bridge.operations import decide, replay
from bridge.operations.retention import apply_retention
from bridge.store.journal import Event
from bridge.store.ledger import Effect, StoredPlan
from bridge.store.order_marks import OrderMark
from bridge.store.runs import Run

RULE = """
schema: 1
id: profile
mode: live
trigger: {webhook: {source: crm, event: profile, order_by: body.version}}
then:
  - ensure: publisher
    key: {email: "{{ body.email }}"}
    with: {name: "{{ body.name }}"}
"""
BY_SOURCE = RULE.replace(", order_by: body.version", "")
ORDERED = YAML.replace("delivery_id: id}", "delivery_id: id, order_by: version, order_per: email}")
WITHOUT_PER = YAML.replace("delivery_id: id}", "delivery_id: id, order_by: version}")


def update(version, name=None, email="ann@example.com", number=None):
    return {
        "id": f"evt_{number or version}", "type": "profile", "version": version,
        "name": name or f"Name {version}", "email": email,
    }  # fmt: skip


def names(network):
    return sorted(one.view()["name"] for one in network.world.directory.publishers.living())


def reasons(network):
    return [stop["message"] for plan in network.all(StoredPlan) for stop in plan.stops if stop["guard"] == "order_by"]


@pytest.fixture
def ordered(tmp_path, sqlite_url, now, monkeypatch):
    """A network whose source has the order."""
    made = Network(tmp_path / "ordered", sqlite_url, now, monkeypatch, yaml=ORDERED)
    made.rule(BY_SOURCE)
    yield made
    made.close()


@pytest.fixture
def either(database_url, tmp_path, now, monkeypatch):
    made = Network(tmp_path / "either", database_url, now, monkeypatch, yaml=ORDERED)
    made.rule(BY_SOURCE)
    yield made
    made.close()


def test_a_newer_update_is_carried_out(network):
    network.rule(RULE)
    for version in (1, 2):
        network.crm(update(version))
        network.work()
    assert names(network) == ["Name 2"]


def test_an_older_update_that_comes_later_changes_nothing(network):
    network.rule(RULE)
    for version in (2, 1):
        network.crm(update(version))
        network.work()
    assert names(network) == ["Name 2"]


def test_an_older_update_in_the_same_batch_changes_nothing(network):
    network.rule(RULE)
    for version in (2, 1):
        network.crm(update(version))
    network.work()
    assert names(network) == ["Name 2"]


def test_the_run_says_which_event_is_newer(network):
    network.rule(RULE)
    first = network.crm(update(2)).get_json()["event_id"]
    network.crm(update(1))
    network.work()
    assert [run.outcome for run in network.all(Run)] == ["ready", "stopped"]
    assert reasons(network) == [f"older than event {first} of 2026-03-02 12:00:00 UTC"]


def test_ten_is_newer_than_nine(network):
    network.rule(RULE)
    for version in (10, 9):
        network.crm(update(version))
        network.work()
    assert names(network) == ["Name 10"]


def test_times_are_compared_as_times(network):
    network.rule(RULE)
    network.crm(update("2026-03-01T12:00:00+02:00", "earlier"))
    network.crm(update("2026-03-01T11:00:00Z", "later"))
    network.crm(update("2026-03-01T10:30:00Z", "between"))
    network.work()
    assert names(network) == ["later"]


def test_the_same_version_again_is_not_older(network):
    network.rule(RULE)
    network.crm(update(3))
    network.crm(update(3, "corrected", number=4))
    network.work()
    assert names(network) == ["corrected"]


def test_updates_of_two_things_are_not_compared(network):
    network.rule(RULE)
    network.crm(update(5))
    network.crm(update(1, "Bob", email="bob@example.com", number=6))
    network.work()
    assert names(network) == ["Bob", "Name 5"]


def test_an_update_without_a_version_is_taken_as_it_comes(network):
    network.rule(RULE)
    network.crm(update(5))
    network.crm({**update(6, "no version"), "version": None})
    network.work()
    assert names(network) == ["no version"]


def test_a_replay_of_an_old_update_changes_nothing(network):
    network.rule(RULE)
    first = network.crm(update(1)).get_json()["event_id"]
    network.work()
    network.crm(update(2))
    network.work()
    replay.replay(network.services, [first], revision="current", who="ann", now=network.now)
    network.work()
    assert names(network) == ["Name 2"]
    assert len(reasons(network)) == 1


def test_a_source_may_have_the_order_for_all_its_rules(ordered):
    ordered.rule(RULE.replace("id: profile", "id: other").replace("event: profile, ", "event: renamed, "), "other.yaml")
    for body in (update(2), {**update(1), "type": "renamed"}):
        ordered.crm(body)
        ordered.work()
    assert names(ordered) == ["Name 2"]


def test_the_event_says_why_nothing_came_of_it(ordered):
    first = ordered.crm(update(2)).get_json()["event_id"]
    ordered.crm(update(1))
    ordered.work()
    assert [event.problem for event in ordered.all(Event)] == [
        None,
        f"older than event {first} of 2026-03-02 12:00:00 UTC",
    ]


def test_a_source_may_leave_it_to_the_rules_what_events_are_about(tmp_path, sqlite_url, now, monkeypatch):
    network = Network(tmp_path / "left", sqlite_url, now, monkeypatch, yaml=WITHOUT_PER)
    network.rule(BY_SOURCE)
    for body in (update(2), update(1), update(1, "Bob", email="bob@example.com", number=3)):
        network.crm(body)
        network.work()
    assert names(network) == ["Bob", "Name 2"]
    network.close()


def test_what_an_older_update_could_not_do_yet_is_not_done_any_more(network):
    network.rule(RULE)
    network.crm(update(1))
    decide.process_events(network.services, network.now)
    network.crm(update(2))
    network.work()
    assert [effect.state for effect in network.all(Effect)] == ["skipped", "applied"]
    assert network.calls("publishers.create") == 1


def test_what_an_older_update_had_in_hand_is_not_tried_again(network):
    network.rule(RULE)
    network.crm(update(1))
    decide.process_events(network.services, network.now)
    claim_batch(network.services.store, network.now)  # a worker that will never come back
    network.crm(update(2))
    network.work()
    network.pass_time_ticking(minutes=2)
    network.work()
    assert names(network) == ["Name 2"]
    assert network.calls("publishers.update") == 0


def test_nothing_is_remembered_for_rules_without_an_order(network):
    network.rule(BY_SOURCE)
    network.crm(update(1))
    network.work()
    assert remembered(network) == 0


def test_what_is_remembered_does_not_hold_the_address(network):
    network.rule(RULE)
    network.crm(update(1))
    network.work()
    with network.services.store.read() as session:
        [row] = session.query(OrderMark).all()
    assert "ann" not in row.about


def test_what_is_remembered_is_forgotten_with_the_journal(network):
    network.rule(RULE)
    network.crm(update(1))
    network.work()
    apply_retention(network.services, network.now + timedelta(days=91))
    assert remembered(network) == 0


def test_any_order_on_either_database(either):
    """Every third event is handled at once, the others in batches."""
    for place, version in enumerate((4, 9, 2, 9, 11, 3, 10, 1)):
        either.crm(update(version, number=f"n{place}"))
        if place % 3 == 0:
            either.work()
    either.work()
    assert names(either) == ["Name 11"]
    assert [run.outcome for run in either.all(Run)].count("stopped") == 4


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from("ab"), st.booleans()), min_size=1, max_size=8))
def test_whatever_the_order_the_newest_stands(sqlite_template, arrivals):
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        path = Path(place) / "bridge.db"
        path.write_bytes(sqlite_template.read_bytes())
        at = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
        network = Network(Path(place) / "home", f"sqlite:///{path}", at, patch, yaml=ORDERED)
        network.rule(BY_SOURCE)
        newest = {}
        for number, (version, who, pause) in enumerate(arrivals):
            network.crm(update(version, f"{who} {version}", email=f"{who}@example.com", number=f"n{number}"))
            newest[who] = max(newest.get(who, 0), version)
            if pause:
                network.work()
        network.work()
        assert names(network) == sorted(f"{who} {version}" for who, version in newest.items())
        network.close()


def remembered(network):
    with network.services.store.read() as session:
        return session.query(OrderMark).count()
