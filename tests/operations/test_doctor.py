"""What `doctor` finds, and the remedy that it names."""

from datetime import timedelta

import pytest
from rule_texts import minute_rule, onboarding_rule

from bridge.operations import doctor
from bridge.operations.doctor import examine, permissions, routes
from bridge.operations.health_checks import checks
from bridge.store import feeds
from bridge.store.feeds import FeedKey, Kind
from bridge.store.journal import Event


@pytest.fixture
def services(network):
    network.world.offer("Good", clicks=10, conversions=1, active=True)
    network.work()
    return network


def found(network, name):
    return next(one for one in examine(network.services, network.now, health=checks) if one["name"] == name)


def test_what_is_well_says_so(services):
    assert {found(services, name)["status"] for name in ("database", "sources", "secret key", "events", "effects")} == {
        "ok"
    }


def test_files_that_are_not_live_yet_are_named_with_the_remedy(services):
    (services.home / "rules" / "new.yaml").write_text("schema: 1\nid: x\n")
    assert "errors" in found(services, "rule files")["detail"]
    (services.home / "rules" / "new.yaml").unlink()
    (services.home / "tables" / "vip.csv").write_text("id\n7\n")
    assert "rules reload" in found(services, "rule files")["remedy"]


def test_dead_letters_are_counted(services):
    event = services.crm({"id": "1"}).get_json()["event_id"]
    with services.services.store.write() as session:
        session.get(Event, event).state = "dead"
    assert found(services, "events")["detail"] == "1 dead"


def test_the_rule_that_writes_most_is_named_where_the_disk_fills(services, monkeypatch):
    services.world.offer("Bad", clicks=10, conversions=0, active=True)  # a run over one offer is told by its counts
    services.rule(minute_rule("low-cr", "shadow").replace("need: {clicks: 100}", "need: {clicks: 2}"))
    services.pass_time(minutes=1)
    services.work()
    known = found(services, "answers")
    assert known["status"] == "ok"
    assert known["detail"].endswith("MB of it by low-cr")
    monkeypatch.setattr(doctor, "MUCH_WRITTEN", 1)
    known = found(services, "answers")
    assert (known["status"], known["remedy"]) == ("warn", "give low-cr a longer `every` or a narrower `scope`")
    services.pass_time(hours=25)
    assert found(services, "answers")["detail"] == "no rule wrote any in 24 hours"


def test_data_that_is_old_is_named_with_its_age(services):
    services.now += timedelta(hours=2)
    assert found(services, "data main/default/clicks")["detail"].startswith("120 min old")


def test_postbacks_that_rest_are_no_fault(services):
    with services.services.store.write() as session:
        key = FeedKey(account="main", integration="default", kind=Kind.POSTBACKS)
        feeds.ensure(session, key).as_of = services.now - timedelta(hours=5)
    assert found(services, "data main/default/postbacks")["status"] == "ok"
    assert "300 min ago" in found(services, "data main/default/postbacks")["detail"]


def test_a_key_that_may_read_everything_is_fine(services):
    assert {one["status"] for one in permissions(services.services, "main", services.now)} == {"ok"}


def test_a_missing_permission_names_the_section_to_give(services):
    services.world.faults.add({"kind": "status", "status": 403, "operation": "publishers.*"})
    [one] = [each for each in permissions(services.services, "main", services.now) if each["status"] != "ok"]
    assert (one["status"], one["remedy"]) == ("fail", "give the API key Read on Publishers in Integr8")


def test_a_key_without_logins_is_a_warning_only(services):
    services.world.faults.add({"kind": "status", "status": 403, "operation": "users.*"})
    assert [one["status"] for one in permissions(services.services, "main", services.now)].count("warn") == 1


def test_a_refused_key_is_asked_once_only(services):
    services.world.faults.add({"kind": "status", "status": 401})
    [one] = [each for each in permissions(services.services, "main", services.now) if each["status"] != "ok"]
    assert "valid key" in one["remedy"]


def test_what_integr8_forbade_lately_shows_the_right_to_give(services):
    services.world.faults.add({"kind": "status", "status": 403, "operation": "publishers.create"})
    services.rule(onboarding_rule())
    services.crm({"id": "1", "go": True})
    services.work()
    assert found(services, "main: refused")["remedy"] == "give the API key Write on Publishers in Integr8"


def test_operations_that_are_where_they_should_be_need_no_override(services):
    one, paste = routes(services.services, "main", services.now)
    assert (one["status"], paste) == ("ok", "")
