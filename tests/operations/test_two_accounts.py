"""Two accounts that number their items alike: each is counted, named and asked about by itself."""

import re
from dataclasses import replace

import pytest
from console_users import Browser, new_app
from network import YAML, Network
from rule_texts import pause_rule
from sqlalchemy import select

from bridge.integr8.request_observer import ObservedRequest
from bridge.operations.api_usage import consumption
from bridge.operations.confirmation import about_undo_of_runs
from bridge.operations.errors import NotThere, OperationError
from bridge.operations.item_mutes import end_mutes, mute_item
from bridge.operations.proposals import Proposal, propose
from bridge.store import ledger
from bridge.store.entities import Entity, known_ids
from bridge.store.holds import Hold, Mute
from bridge.store.ledger import Effect
from bridge.store.roles import Role
from bridge.store.runs import Run
from bridge.web.access import make
from bridge.web.mcp import answers

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


def visitor(network):
    """Somebody with a token who looks at the console."""
    with network.services.store.write() as session:
        token = make(session, name="a", role=Role.VIEWER, who="test", now=network.now)
    made = Browser(new_app(network.services))
    made.http.post("/login", data={"token": token})
    return made


def mutes(network):
    with network.services.store.read() as session:
        return list(session.scalars(select(Mute).order_by(Mute.account)))


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
    with two.services.store.read() as session:
        found = consumption(session, two.services.settings.accounts, two.now)
    assert found.shares == {"main": 0, "second": pytest.approx(90 / (10 * 180))}
    assert re.findall(r"([0-9.]+ ?%) of this hour used", visitor(two).open("/integr8")) == ["0%", "5%"]


def refs(two):
    return {one.account: one.ref for one in two.all(Entity) if one.kind == "offer" and one.number == "1001"}


def test_an_exception_for_an_item_keeps_all_rules_from_it_in_each_account(two):
    mute_item(two.services, "offer=1001", why="contract", who="Anna", now=two.now)
    assert [(one.account, one.target_id) for one in mutes(two)] == [("main", "1001"), ("second", "1001")]
    assert end_mutes(two.services.store, "*", f"offer={refs(two)['second']}", who="Anna", now=two.now)
    assert mutes(two) == []


def test_an_exception_for_one_rule_is_about_its_own_account(two):
    mute_item(two.services, "offer=1001", rule="low-cr-second", why="contract", who="Anna", now=two.now)
    assert [(one.rule_id, one.account) for one in mutes(two)] == [("low-cr-second", "second")]
    with two.services.store.write() as session:
        for one in session.query(Entity).where(Entity.account == "main"):
            one.ref = one.number = f"other {one.id}"
    with pytest.raises(NotThere, match="there is no offer 1001 in account main, which low-cr works in"):
        mute_item(two.services, "offer=1001", rule="low-cr", why="contract", who="Anna", now=two.now)


def test_a_proposal_names_its_account_where_there_are_several(two):
    with two.services.store.write() as session:
        for hold in session.query(Hold):
            session.delete(hold)
    wanted = Proposal(action="update", kind="offer", ids=["1001"], why="x", values={"name": "Better"})
    with pytest.raises(OperationError, match="say in which account: main or second"):
        propose(two.services, wanted, who="chat", now=two.now)
    with pytest.raises(OperationError, match="there is no account 'secnod'; did you mean 'second'"):
        propose(two.services, replace(wanted, account="secnod"), who="chat", now=two.now)
    made = propose(two.services, replace(wanted, account="second"), who="chat", now=two.now)
    assert {one.account for one in two.all(Effect) if one.plan_id == made.plan_id} == {"second"}


def test_what_is_held_is_found_by_either_id_wherever_one_asks(two):
    text = refs(two)["second"]
    assert {one.target_id for one in two.all(Hold)} == {"1001"}
    for asked in ("1001", text):
        found = answers.held(two.services, f"offer={asked}")["held"]
        assert sorted(one["account"] for one in found) == ["main", "second"]
    with two.services.store.read() as session:
        ids = known_ids(session, "offer", text)
        assert len(session.scalars(select(Run).where(ledger.touches("offer", ids))).all()) == 2
    page = visitor(two).open(f"/holds?q={text}")
    assert "2 items" in page


def test_an_assistant_that_asks_about_no_item_is_told_so(two):
    for asked in ("Bad", "offer", "offer=", "offre=1001", "offer 1001"):
        with pytest.raises(OperationError, match="is no item; write one such as offer=42"):
            answers.held(two.services, asked)
    assert answers.held(two.services, "offer=Bad") == {"held": []}
    assert answers.held(two.services, f"offer={10**40}") == {"held": []}


@pytest.mark.parametrize("number", [-1, 0, 7, 2**63, 10**40])
def test_an_assistant_that_asks_for_a_plan_that_cannot_be_is_told_so(two, number):
    with pytest.raises(NotThere, match=f"plan {number}"):
        answers.waiting(two.services, number, two.now)
