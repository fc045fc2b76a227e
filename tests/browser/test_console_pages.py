"""The console in a real browser: each page, two actions, no accessibility finding that matters, pictures on request."""

import os
from pathlib import Path

import pytest
from chromium import findings, skip_without_chromium

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
