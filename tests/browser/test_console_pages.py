"""The console in a real browser: each page, two actions, no accessibility finding that matters, pictures on request."""

import os
import re
from pathlib import Path

import pytest
from chromium import findings, skip_without_chromium
from console_users import new_app
from sqlalchemy import select

from bridge.operations.channel_entry import add_channel
from bridge.store import notifications
from bridge.store.journal import Event
from bridge.store.notifications import Notice

PICTURES = Path(__file__).parents[2] / "docs" / "images"
PAGES = {
    "inbox": "/",
    "mutes": "/mutes",
    "audit": "/audit",
    "search": "/search?q=summer",
    "why": "/explain?subject=1007",
    "activity": "/activity",
    "run": "/runs/1",
    "approvals": "/approvals",
    "holds": "/holds",
    "rules": "/rules",
    "rule": "/rules/low-cr",
    "new": "/rules/new",
    "imports": "/imports",
    "go": "/rules/low-cr-ask/to/live",
    "form": "/rules/low-cr/edit",
    "explain": "/explain?rule=low-cr&subject=offer=1007",
    "entities": "/items",
    "entity": "/items/offer/1007",
    "events": "/events",
    "integr8": "/integr8",
    "settings": "/settings",
    "reference": "/reference",
    "live": "/activity?live=1",
}
pytestmark = pytest.mark.browser

skip_without_chromium()


def test_each_page_reads_well_to_everybody(page):
    worst = {}
    for name, path in PAGES.items():
        page.goto(path)
        assert page.locator("h1").count() == 1, name
        found = findings(page)
        if found:
            worst[name] = found
        if os.environ.get("BRIDGE_SCREENSHOTS"):
            page.screenshot(path=PICTURES / f"console-{name}.png")
    assert worst == {}


#: What stands in an address, by the name of the part; a route with another part needs an example here.
PARTS = {"rule_id": "low-cr", "run_id": "1", "kind": "offer", "identity": "1007", "mode": "shadow", "name": "ops",
         "number": "1"}  # fmt: skip
APART = {
    "console.static": "a file",
    "console.backtest_page": "a document of its own, with its own test",
    "console.difference": "needs two revisions; the page of a rule links to it",
    "console.backtest_job_now": "a piece of the page of a rule",
    "console.fetched": "a piece of the page of imports",
    "console.welcome": "for the first administrator alone, with its own test",
}


def test_every_address_of_the_console_reads_well_to_everybody(page, network):
    add_channel(network.services, "ops", "webhook", "https://127.0.0.1:9/hook", who="test", now=network.now)
    with network.services.store.write() as session:
        session.add(Notice(**notifications.EMPTY | {
            "channel": "ops", "topic": "message", "dedupe_key": "1", "text": "hello", "created_at": network.now,
            "due_at": network.now, "state": "sent",
        }))  # fmt: skip
        event = session.scalar(select(Event.id).limit(1))
    routes = [one for one in new_app(network.services).url_map.iter_rules() if one.endpoint.startswith("console.")]
    worst = {}
    for one in sorted(routes, key=lambda one: one.rule):
        if "GET" not in one.methods or one.endpoint in APART or "login" in one.rule or "logout" in one.rule:
            continue
        path = one.rule
        for part in one.arguments:
            value = event if part == "event_id" else PARTS[part]
            path = re.sub(rf"<(\w+(\([^)]*\))?:)?{part}>", value, path)
        answer = page.goto(path)
        assert answer.status == 200, path
        assert page.locator("h1").count() == 1, path
        found = findings(page)
        if found:
            worst[path] = found
    assert worst == {}


def test_in_the_dark_it_is_readable_too(page):
    page.emulate_media(color_scheme="dark")
    page.goto("/")
    assert findings(page) == []
    if os.environ.get("BRIDGE_SCREENSHOTS"):
        page.screenshot(path=PICTURES / "console-dark.png")


WIDER = """() => [...document.querySelectorAll('html, main, .scroll, table, tbody tr, td')]
    .filter(one => one.scrollWidth > one.clientWidth + 1 && one.checkVisibility())
    .map(one => one.tagName + ': ' + one.innerText.slice(0, 60))"""


def test_on_a_phone_nothing_is_cut_off_and_no_table_scrolls(page):
    page.set_viewport_size({"width": 390, "height": 780})
    for name, path in PAGES.items():
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        assert page.evaluate(WIDER) == [], path
        assert findings(page) == [], path
        if os.environ.get("BRIDGE_SCREENSHOTS") and name == "rules":
            page.screenshot(path=PICTURES / "console-phone.png")


def test_on_a_phone_each_value_stands_beside_its_heading(page):
    page.set_viewport_size({"width": 390, "height": 780})
    page.goto("/rules")
    cell = page.locator("td[data-label='Mode']").first
    assert cell.evaluate("one => getComputedStyle(one, '::before').content") == '"Mode"'


def test_everything_can_be_stopped_from_every_page_and_is_asked_once(page):
    for path in PAGES.values():
        page.goto(path)
        page.get_by_text("Halt…").click()
        page.locator("#haltwhy").wait_for()
        page.locator(".stop button").wait_for()


def test_each_page_is_the_same_at_its_address(page):
    for name, path in PAGES.items():
        page.goto(path)
        heading, address = page.locator("h1").inner_text(), page.url
        page.goto("about:blank")
        page.goto(address)
        assert page.locator("h1").inner_text() == heading, name


def test_a_plan_is_approved_with_two_clicks(page, network):
    page.goto("/")
    page.get_by_role("link", name="low-cr-ask: 1 change").click()
    page.get_by_role("button", name="Approve the selected").click()
    assert "1 change goes ahead" in page.locator(".flash").inner_text()
    network.pass_time(minutes=1)
    network.work()
    assert "Sweepstake" in network.paused


def test_a_run_is_undone_after_one_question(page, network):
    page.goto("/activity?rule=low-cr")
    page.locator("tbody a[href^='/runs/']").first.click()
    page.get_by_text("Undo this run").click()
    page.get_by_role("button", name="Yes, undo run").click()
    assert "undoes it" in page.locator(".flash").inner_text()


def test_the_keyboard_is_enough(page):
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
