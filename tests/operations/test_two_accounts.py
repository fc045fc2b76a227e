"""Two accounts that number their items alike: each is counted, named and asked about by itself."""

import re
from dataclasses import replace

import pytest
from console_users import new_app
from network import YAML, Network
from rule_texts import pause_rule
from sqlalchemy import select
from used_network import signed_in

from bridge.integr8.request_observer import ObservedRequest
from bridge.operations.api_usage import consumption
from bridge.operations.confirmation import about_undo_of_runs
from bridge.operations.errors import NotThere, OperationError
from bridge.operations.item_lookup import SeveralAccounts
from bridge.operations.item_mutes import end_mutes, mute_item
from bridge.operations.proposals import Proposal, propose
from bridge.store import ledger
from bridge.store.entities import Entity
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
    return signed_in(network, Role.VIEWER)


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


def test_an_exception_is_ended_in_the_account_that_is_named(two):
    mute_item(two.services, "offer=1001", why="contract", who="Anna", now=two.now)
    with pytest.raises(SeveralAccounts, match="the mute of offer 1001 is in 2 accounts; say in which: main or second"):
        end_mutes(two.services.store, "*", "offer=1001", who="Anna", now=two.now)
    by_text_id = f"offer={refs(two)['second']}"
    assert end_mutes(two.services.store, "*", by_text_id, account="second", who="Anna", now=two.now)
    assert [one.account for one in mutes(two)] == ["main"]
    assert not end_mutes(two.services.store, "*", "offer=1001", account="second", who="Anna", now=two.now)
    assert end_mutes(two.services.store, "*", "offer=1001", who="Anna", now=two.now)
    assert mutes(two) == []


def test_an_exception_can_be_for_the_item_of_one_account(two):
    made = mute_item(two.services, "offer=1001", account="second", why="contract", who="Anna", now=two.now)
    assert [one.account for one in made] == [one.account for one in mutes(two)] == ["second"]
    with pytest.raises(NotThere, match="there is no offer 1001 in account third"):
        mute_item(two.services, "offer=1001", account="third", why="contract", who="Anna", now=two.now)


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
    with pytest.raises(OperationError, match="name the account: main or second"):
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
        assert len(session.scalars(select(Run).where(ledger.touches(session, "offer", text))).all()) == 2
        mine = ledger.touches(session, "offer", text, account="second")
        assert [one.rule_id for one in session.scalars(select(Run).where(mine))] == ["low-cr-second"]
    page = visitor(two).open(f"/holds?q={text}")
    assert "2 items" in page


def test_an_assistant_that_asks_about_no_item_is_told_so(two):
    for asked in ("Bad", "offer", "offer=", "offre=1001", "offer 1001"):
        with pytest.raises(OperationError, match="is not an item; write one such as offer=42"):
            answers.held(two.services, asked)
    assert answers.held(two.services, "offer=Bad") == {"held": []}
    assert answers.held(two.services, f"offer={10**40}") == {"held": []}


@pytest.mark.parametrize("number", [-1, 0, 7, 2**63, 10**40])
def test_an_assistant_that_asks_for_a_plan_that_cannot_be_is_told_so(two, number):
    with pytest.raises(NotThere, match=f"plan {number}"):
        answers.waiting(two.services, number, two.now)


@pytest.fixture
def named_apart(two):
    """The item that both accounts call 1001 has a name, an advertiser and ids of its own in the second."""
    with two.services.store.write() as session:
        for one in session.query(Entity).where(Entity.account == "second"):
            one.name, one.ref = f"{one.name} of the second", f"{one.ref}-b"
    return two


def test_an_item_of_two_accounts_is_shown_with_the_name_that_its_own_gives_it(named_apart):
    console = visitor(named_apart)
    runs = {one.rule_id: f"/runs/{one.id}" for one in named_apart.all(Run)}
    for page in (runs["low-cr"], "/rules/low-cr", "/items/offer/1001?account=main"):
        assert "Bad" in console.open(page)
        assert "of the second" not in console.open(page).replace("low-cr-second", "")
    for page in (runs["low-cr-second"], "/rules/low-cr-second", "/items/offer/1001?account=second"):
        assert "Bad of the second" in console.open(page)
    for page in ("/holds", "/items?kind=offer", "/items/offer/1001"):
        names = re.findall(r">(Bad[^<]*)<", console.open(page))
        assert sorted(set(names)) == ["Bad", "Bad of the second"], page
    files = {page: console.open(f"{page}?csv=1").splitlines() for page in ("/holds", "/mutes")}
    assert sorted(line.split(",")[3] for line in files["/holds"][1:]) == ["Bad", "Bad of the second"]


def test_the_page_of_an_item_tells_what_happened_to_it_and_not_to_its_namesake(named_apart):
    console = visitor(named_apart)
    for account, rule, other in (("main", "low-cr", "low-cr-second"), ("second", "low-cr-second", "low-cr")):
        page = console.open(f"/items/offer/1001?account={account}")
        assert f'href="/rules/{rule}"' in page
        assert f'href="/rules/{other}"' not in page
    assert console.http.get("/items/offer/1001?account=third").status_code == 404


def test_an_item_of_two_accounts_is_shown_over_the_api_once_the_account_is_named(named_apart):
    with named_apart.services.store.write() as session:
        token = make(session, name="b", role=Role.VIEWER, who="test", now=named_apart.now)
    http = new_app(named_apart.services).test_client()

    def ask(path):
        return http.get(f"/api/v1{path}", headers={"authorization": f"Bearer {token}"})

    assert ask("/entities/offer/1001").status_code == 409
    assert "main or second" in ask("/entities/offer/1001").text
    assert ask("/entities/offer/1001?account=second").json["data"]["name"] == "Bad of the second"
    assert [one["account"] for one in ask("/holds?target=offer=1001&account=second").json["data"]] == ["second"]
    assert len(ask("/runs?target=offer=1001&account=second").json["data"]) == 1
    mute_item(named_apart.services, "offer=1001", why="x", who="Anna", now=named_apart.now)
    first = ask("/mutes?limit=1").json
    rest = ask(f"/mutes?limit=1&after={first['data'][0]['id']}").json
    assert [one["account"] for one in first["data"] + rest["data"]] == ["main", "second"]
