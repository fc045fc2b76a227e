"""The console with two accounts that number their items alike: each item is told by itself, with its own money."""

import re
from decimal import Decimal

import pytest
from api_client import Caller, api_of
from network import YAML, Network
from rule_texts import pause_rule
from sqlalchemy import select, update
from used_network import signed_in

from bridge.operations.approval_review import reviews
from bridge.operations.confirmation import about_release
from bridge.operations.holds import release_holds
from bridge.operations.item_mutes import mute_item
from bridge.operations.undo import undo
from bridge.store import audit_log
from bridge.store.entities import Entity
from bridge.store.holds import Hold, Mute
from bridge.store.ledger import Effect, PlanState, StoredPlan
from bridge.store.roles import Role
from bridge.store.runs import Run
from bridge.web.access import make

MAIN = YAML.partition("accounts:\n")[2].partition("sources:")[0]
SECOND = MAIN.replace("main:", "second:\n    currency: EUR")
TWO = YAML.replace("sources:", SECOND + "sources:")
ALL = "{at_most: {targets: 50, share: 100%}}"
LITTLE, MUCH = Decimal(5), Decimal(9_000)


@pytest.fixture
def two(tmp_path, sqlite_url, now, monkeypatch):
    """Offer 1001 of each account is paused by a rule of its own, and called otherwise in each."""
    made = Network(tmp_path / "home", sqlite_url, now, monkeypatch, yaml=TWO)
    made.world.offer("Bad", clicks=1000, conversions=1, active=True)
    rule = pause_rule(guards=ALL)
    second = rule.replace("id: low-cr", "id: low-cr-second").replace("mode: live", "mode: live\naccount: second")
    made.rule(rule)
    made.rule(second, "second.yaml")
    made.work()
    with made.services.store.write() as session:
        for one in session.query(Entity).where(Entity.account == "second", Entity.kind == "offer"):
            one.name = "Bad in the second"
    yield made
    made.close()


@pytest.fixture
def operator(two):
    return signed_in(two)


def muted(network):
    with network.services.store.read() as session:
        return list(session.scalars(select(Mute.account).order_by(Mute.account)))


def test_the_currencies_differ(two):
    assert [one.currency for one in two.services.settings.accounts.values()] == ["USD", "EUR"]


def test_an_item_is_told_with_what_its_own_account_did(operator):
    for account, mine, other in (("main", "low-cr", "low-cr-second"), ("second", "low-cr-second", "low-cr")):
        page = operator.open(f"/items/offer/1001?account={account}")
        named = re.findall(r'href="/rules/([^"]+)"', page)
        assert mine in named
        assert other not in named
        assert page.count("End the pause") == 1


def test_an_id_of_two_accounts_asks_which(operator):
    page = operator.open("/items/offer/1001")
    assert "/items/offer/1001?account=main" in page
    assert "/items/offer/1001?account=second" in page


def test_the_list_of_items_says_the_account_of_each(operator):
    assert "2 offers" in operator.open("/items")
    page = operator.open("/items?account=second")
    assert "1 offer." in page
    assert "Bad in the second" in page
    assert 'paused by <a href="/rules/low-cr-second">' in page


def test_paused_items_have_the_name_and_the_address_of_their_own_account(operator):
    rows = re.findall(r"<tr>.*?</tr>", operator.open("/holds"), re.DOTALL)
    told = {("account=second" in one, "Bad in the second" in one) for one in rows if "/items/offer/1001" in one}
    assert told == {(True, True), (False, False)}


def test_an_exception_of_one_account_is_ended_alone(two, operator):
    mute_item(two.services, "offer=1001", why="contract", who="Anna", now=two.now)
    operator.press("/mutes", "/mutes/end", rule="*", item="offer=1001", account="second")
    assert muted(two) == ["main"]
    operator.press("/mutes", "/mutes", item="offer=1001", account="second", why="contract")
    assert muted(two) == ["main", "second"]


def test_revenue_in_two_currencies_has_no_sum(two):
    held = two.all(Hold)
    units = {"main": "USD", "second": "EUR"}
    for one in held:
        assert about_release(two.services, [one.id]).unit == units[one.account]
    both = about_release(two.services, [one.id for one in held])
    assert (both.count, both.money, both.unit) == (2, None, "")


def test_an_item_that_no_rule_looks_at_by_itself_has_its_curves_too(two, operator):
    owner = next(one for one in two.all(Entity) if one.kind == "advertiser" and one.account == "main")
    page = operator.open(f"/items/advertiser/{owner.number}?account=main")
    assert "The last 48 hours" in page


def test_a_number_of_two_accounts_is_explained_by_the_rules_of_both(operator):
    page = operator.open("/explain?subject=1001")
    assert "Several items have this name" not in page
    assert "of main</span>" in page
    assert "of second</span>" in page


def test_the_audit_log_leads_to_the_item_of_its_account(two, operator):
    mute_item(two.services, "offer=1001", account="second", why="contract", who="Anna", now=two.now)
    assert 'href="/items/offer/1001?account=second"' in operator.open("/audit")


def test_a_name_that_one_account_has_is_explained_by_the_rules_of_that_account(operator):
    page = operator.open("/explain?subject=Bad in the second")
    assert "low-cr-second about" in page
    assert "of main" not in page


def test_links_to_an_explanation_name_the_account_of_the_item(operator):
    for address in ("/items/offer/1001?account=second", "/runs/2"):
        links = re.findall(r'href="(/explain[^"]+)"', operator.open(address))
        assert links
        assert all("account=second" in one for one in links)
    page = operator.open("/explain?subject=offer=1001&account=second")
    assert "low-cr-second about" in page
    assert 'name="account" value="second"' in page
    wrong = operator.open("/explain?subject=offer=1001&account=second&rule=low-cr")
    assert "works in account main, and the item is one of account second" in wrong


def test_the_audit_log_names_the_account_of_what_was_done(two, operator):
    holds = {one.account: one.id for one in two.all(Hold)}
    release_holds(two.services, [holds["second"]], who="Anna", now=two.now)
    release_holds(two.services, [holds["main"]], who="Anna", now=two.now)
    with two.services.store.read() as session:
        told = [one for one in audit_log.entries(session) if one.what == "release"]
    assert [(one.about, one.detail["account"]) for one in told] == [("offer 1001", "main"), ("offer 1001", "second")]
    page = operator.open("/audit")
    assert 'href="/items/offer/1001?account=main"' in page
    assert 'href="/items/offer/1001?account=second"' in page


def test_the_audit_log_names_the_account_of_an_undo(two):
    [run] = [one for one in two.all(Run) if one.rule_id == "low-cr-second"]
    undo(two.services, run.id, who="Anna", now=two.now)
    with two.services.store.read() as session:
        [told] = [one for one in audit_log.entries(session) if one.what == "undo"]
    assert (told.detail["rule"], told.detail["account"]) == ("low-cr-second", "second")


def test_lists_by_revenue_compare_no_two_currencies(two, operator):
    """5 USD are neither more nor less than 9,000 EUR: the currency of the first account comes first."""
    with two.services.store.write() as session:
        for account, money in (("main", LITTLE), ("second", MUCH)):
            ours = session.scalar(select(Effect).where(Effect.account == account))
            ours.money_24h = money
            session.execute(
                update(StoredPlan).where(StoredPlan.id == ours.plan_id).values(
                    state=PlanState.WAITING, money_24h=money, decide_by=None
                )
            )  # fmt: skip
    plans = [one.rule for one in reviews(two.services, now=two.now)]
    assert plans == ["low-cr", "low-cr-second"]
    assert [one.currency for one in reviews(two.services, now=two.now)] == ["USD", "EUR"]
    for page in ("/", "/approvals"):
        told = operator.open(page)
        assert told.index("5.00") < told.index("9,000.00"), page
        assert "USD, then EUR" in told
    held = operator.open("/holds?sort=most+revenue")
    assert held.index("5.00 USD") < held.index("9,000.00 EUR")
    with two.services.store.write() as session:
        token = make(session, name="program", role=Role.VIEWER, who="test", now=two.now)
    call = Caller(api_of(two.services), token)
    first = call.get("/approvals", limit="1")
    assert [one["rule_id"] for one in first["data"]] == ["low-cr"]
    rest = call.get("/approvals", after=first["next"])
    assert [one["rule_id"] for one in rest["data"]] == ["low-cr-second"]
