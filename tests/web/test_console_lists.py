"""Long lists of the console: sorted, paged and counted by the database, each row once in whichever order."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from api_client import Caller
from rule_texts import minute_rule
from sqlalchemy import select, update

from bridge.operations.item_mutes import mute_item
from bridge.store.audit_log import Audit
from bridge.store.entities import Entity, EntityChange
from bridge.store.holds import Hold, HoldState
from bridge.store.journal import Event
from bridge.store.ledger import Effect, StoredPlan
from bridge.store.roles import Role
from bridge.store.runs import Run
from bridge.web.console import approval_pages, lists

ALL = "{at_most: {targets: 50, share: 100%}}"
PAGE = 3


@pytest.fixture(autouse=True)
def _short_pages(monkeypatch):
    """As many rows a page that a few fill several."""
    for module in ("activity_pages", "event_pages", "item_pages", "lists"):
        monkeypatch.setattr(f"bridge.web.console.{module}.ROWS_PER_PAGE", PAGE)
    monkeypatch.setattr(approval_pages, "PLANS_PER_PAGE", PAGE)


@pytest.fixture
def seven(network):
    """Seven offers that a rule has paused, each with another revenue, end and reason to be seen."""
    network.now = datetime.now(UTC)
    network.world.offer("Good", clicks=200, conversions=20, active=True)
    for number in range(7):
        network.world.offer(f"Bad {number}", clicks=200, conversions=0, active=True)
    network.rule(minute_rule("low", guards=ALL))
    network.work()
    with network.services.store.write() as session:
        for number, hold in enumerate(session.scalars(select(Hold).order_by(Hold.id))):
            hold.until = network.now + timedelta(hours=20 - number) if number else None
            session.execute(
                update(Effect).where(Effect.id == hold.effect_id).values(money_24h=Decimal((number * 5) % 7))
            )
    return network


def walked(visitor, address, pattern):
    """What a pattern finds on each page, from the first to the last."""
    found, seen = [], set()
    while address and address not in seen:
        seen.add(address)
        page = visitor.open(address)
        found += re.findall(pattern, page)
        more = re.search(r'<p class="more"><a href="([^"]+)">(?:Older|Newer|More)<', page)
        address = more[1].replace("&amp;", "&") if more else None
    return found


def ids(network, model, *order, **equal):
    with network.services.store.read() as session:
        return list(session.scalars(select(model.id).filter_by(**equal).order_by(*order)))


def test_pauses_are_paged_in_every_order(seven, browser):
    rows = [(one.id, one.until or datetime.max.replace(tzinfo=UTC)) for one in seven.all(Hold)]
    money = {hold: (hold_number * 5) % 7 for hold_number, (hold, _) in enumerate(rows)}
    wanted = {
        "newest": [hold for hold, _ in rows][::-1],
        "oldest": [hold for hold, _ in rows],
        "ends first": [hold for hold, _ in sorted(rows, key=lambda one: one[1])],
        "most revenue": sorted(money, key=money.get, reverse=True),
    }
    for name, expected in wanted.items():
        found = walked(browser(), f"/holds?sort={name}", r'name="hold" value="(\d+)"')
        assert [int(one) for one in found] == expected, name


def test_items_are_paged_in_every_order_though_more_come_meanwhile(seven, browser):
    visitor, link = browser(), r'class="n"><a href="/items/offer/([^"]+)"'
    with seven.services.store.write() as session:
        first = session.scalar(select(Entity).where(Entity.kind == "offer").order_by(Entity.id))
        first.name, first.number = None, None  # Integr8 names neither of a new item
        unnamed = first.ref
    total = {row.number or row.ref for row in seven.all(Entity) if row.kind == "offer"}
    for sort in ("number", "name", "changed"):
        found = walked(visitor, f"/items?sort={sort}", link)
        assert (len(found), set(found)) == (len(total), total), sort
    numbers = walked(visitor, "/items", link)
    assert numbers == [unnamed, *sorted(total - {unnamed}, key=int)]
    page = visitor.open("/items")
    second = re.search(r'<p class="more"><a href="([^"]+)"', page)[1].replace("&amp;", "&")
    before = re.findall(link, visitor.open(second))
    with seven.services.store.write() as session:  # one more on the page that was seen already
        session.execute(update(Entity).where(Entity.number == numbers[-1]).values(number="7"))
    assert re.findall(link, visitor.open(second)) == before


def test_all_pauses_that_a_range_of_days_shows_are_ended_and_no_other(seven, browser):
    with seven.services.store.write() as session:
        first = session.scalars(select(Hold).order_by(Hold.id)).first()
        first.since = seven.now - timedelta(days=3)
    day = f"{seven.now - timedelta(days=1):%Y-%m-%d}"
    page = browser().open(f"/holds?from={day}")
    assert "6 items, 3 on this page" in page
    assert f'name="from" value="{day}"' in page
    browser().press(f"/holds?from={day}", "/holds/release", **{"which": "filter", "from": day, "sure": "6"})
    assert ids(seven, Hold, Hold.id, state=HoldState.ACTIVE) == [first.id]


def test_mutes_are_paged_in_every_order(seven, browser):
    for number in range(1002, 1009):
        until = seven.now + timedelta(days=1 + (number * 3) % 7)
        mute_item(seven.services, f"offer={number}", until=until, why="x", who="Anna", now=seven.now)
    numbers = [str(one) for one in range(1002, 1009)]
    items = r'<input type="hidden" name="item" value="offer=(\d+)">'
    assert walked(browser(), "/mutes?sort=item", items) == numbers
    by_end = sorted(numbers, key=lambda one: (int(one) * 3) % 7)
    assert walked(browser(), "/mutes", items) == by_end
    day = f"{seven.now + timedelta(days=3):%Y-%m-%d}"
    assert sorted(walked(browser(), f"/mutes?to={day}", items)) == sorted(
        by_end[: len(walked(browser(), f"/mutes?to={day}", items))]
    )
    assert "names no mute" in browser().open("/mutes?before=x", 422)


def test_runs_webhooks_and_the_audit_log_go_both_ways(seven, browser):
    for number in range(7):
        seven.crm({"id": str(number), "type": "deal.signed"})
    for minutes in range(4):
        seven.pass_time(minutes=minutes)
        seven.work()
    with seven.services.store.write() as session:
        for number in range(5):
            session.add(Audit(at=seven.now, who="Anna", what=f"thing {number}", about="x", detail={}))
    visitor = browser()
    events = walked(visitor, "/events?sort=oldest", r'<a href="/events/([0-9A-Z]+)">')
    assert events == ids(seven, Event, Event.id)
    assert walked(visitor, "/events", r'<a href="/events/([0-9A-Z]+)">') == events[::-1]
    runs = [int(one) for one in walked(visitor, "/activity?all=1&sort=oldest", r'<a href="/runs/(\d+)">\1<')]
    assert runs == sorted(runs)
    assert set(runs) <= set(ids(seven, Run, Run.id))
    told = walked(visitor, "/audit?sort=oldest&who=Anna", r">(thing \d)</td>")
    assert told == [f"thing {number}" for number in range(5)]
    assert "5 entries" in visitor.open("/audit?who=Anna")


def test_changes_say_what_was_changed_by_whom(seven, browser, app, token):
    seven.pass_time(minutes=2)
    seven.work()
    offer = next(one for one in seven.all(Entity) if one.name == "Good")
    with seven.services.store.write() as session:
        session.add(
            EntityChange(
                account=offer.account, integration=offer.integration, kind="offer", ref=offer.ref, field="name",
                before="Good", after="Better", after_at=seven.now, seen_at=seven.now, cause="person",
            )
        )  # fmt: skip
    visitor = browser()
    rows = ids(seven, EntityChange, EntityChange.id)
    page = visitor.open("/changes?by=a+person+in+Integr8")
    assert "1 change." in page
    assert "Better" in page
    assert "a person in Integr8</td>" in page
    assert len(walked(visitor, "/changes", r"<tr><td[^>]*><time")) == len(rows)
    assert "Better" in visitor.open("/changes?q=Good")
    assert "Better" not in visitor.open("/changes?q=Bad+1")
    told = visitor.get("/changes?csv=1").get_data(as_text=True)
    assert told.count("\r\n") == len(rows) + 1
    [listed] = Caller(app, token(Role.VIEWER)).get("/changes", cause="person")["data"]
    assert (listed["kind"], listed["ref"], listed["after"]) == ("offer", offer.ref, "Better")


def test_approvals_are_sorted_filtered_and_paged(seven, browser):
    with seven.services.store.write() as session:
        run = session.scalars(select(Run)).first()
        for number in range(5):
            session.add(
                StoredPlan(
                    run_id=run.id, rule_id="low", state="waiting", created_at=seven.now - timedelta(days=number),
                    stops=[], money_24h=None if number == 4 else Decimal(number * 3 % 4),
                )
            )  # fmt: skip
    plans = ids(seven, StoredPlan, StoredPlan.id, state="waiting")
    money = {one.id: -1 if one.money_24h is None else one.money_24h for one in seven.all(StoredPlan)}
    shown = r'id="plan(\d+)"'
    most = [int(one) for one in walked(browser(), "/approvals", shown)]
    assert [money[one] for one in most] == sorted((money[one] for one in plans), reverse=True)
    assert [int(one) for one in walked(browser(), "/approvals?sort=newest", shown)] == plans[::-1]
    day = f"{seven.now - timedelta(days=1):%Y-%m-%d}"
    assert len(walked(browser(), f"/approvals?from={day}", shown)) == 2
    assert "No approval matches" in browser().open("/approvals?rule=another")


def test_a_row_that_is_gone_begins_the_list_anew(seven, browser):
    assert walked(browser(), "/holds?sort=ends+first&before=99999", r'name="hold" value="(\d+)"')
    assert lists.ROWS_PER_PAGE == PAGE


def test_a_transaction_of_an_old_webhook_is_found_when_all_are_searched(network, browser, monkeypatch):
    for module in ("bridge.operations.search", "bridge.web.console.search_pages"):
        monkeypatch.setattr(f"{module}.RECENT", 2)
    for number in range(4):
        network.crm({"id": str(number), "type": "sale", "transaction": f"tx-{number}-end"})
    visitor = browser()
    assert visitor.get("/search?q=tx-3-end").status_code == 302
    page = visitor.open("/search?q=tx-0-end")
    assert "Search all of them" in page
    assert visitor.get("/search?q=tx-0-end&all=1").status_code == 302
    assert "Search all of them" not in visitor.open("/search?q=tx-9-end&all=1")
