"""Two accounts that number their items alike: each is counted, named and asked about by itself."""

import re

import pytest
from console_users import Browser, new_app
from network import YAML, Network
from rule_texts import pause_rule

from bridge.integr8.request_observer import ObservedRequest
from bridge.operations.api_usage import consumption
from bridge.operations.confirmation import about_undo_of_runs
from bridge.store.entities import Entity
from bridge.store.roles import Role
from bridge.store.runs import Run
from bridge.web.access import make

MAIN = YAML.partition("accounts:\n")[2].partition("sources:")[0]
TWO = YAML.replace(
    "sources:", MAIN.replace("main:", "second:").replace("per_second: 1000", "per_second: 10") + "sources:"
)


@pytest.fixture
def two(tmp_path, sqlite_url, now, monkeypatch):
    """Offer 1001 of each account is paused by a rule of its own."""
    made = Network(tmp_path / "home", sqlite_url, now, monkeypatch, yaml=TWO)
    made.world.offer("Bad", clicks=1000, conversions=1, active=True)
    rule = pause_rule(guards="{at_most: {targets: 50, share: 100%}}")
    second = rule.replace("id: low-cr", "id: low-cr-second").replace("mode: live", "mode: live\naccount: second")
    made.rule(rule)
    made.rule(second, "second.yaml")
    made.work()
    yield made
    made.close()


def test_the_question_before_an_undo_counts_one_id_of_two_accounts_twice(two):
    with two.services.store.write() as session:
        for one in session.query(Entity).where(Entity.account == "second", Entity.kind == "offer"):
            one.name = "Bad in the second"
    asked = about_undo_of_runs(two.services, [one.id for one in two.all(Run)])
    assert (asked.count, sorted(asked.names)) == (
        2, ["Bad (offer 1001 of main)", "Bad in the second (offer 1001 of second)"],
    )  # fmt: skip


def test_each_account_shows_what_it_used_of_its_own_rate(two):
    two.pass_time(hours=1)
    for _ in range(90):
        two.services.meter.of("second")(ObservedRequest("offers.list", "ok", 0.0, 0.1))
    two.services.meter.write()
    two.pass_time(minutes=3)
    with two.services.store.write() as session:
        found = consumption(session, two.services.settings.accounts, two.now)
        token = make(session, name="a", role=Role.VIEWER, who="test", now=two.now)
    assert found.shares == {"main": 0, "second": pytest.approx(90 / (10 * 180))}
    visitor = Browser(new_app(two.services))
    visitor.http.post("/login", data={"token": token})
    assert re.findall(r"([0-9.]+ ?%) of this hour used", visitor.open("/integr8")) == ["0%", "5%"]
