"""The console in a real browser: each page, two actions, no accessibility finding that matters, pictures on request."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from looking import findings, skip_without_chromium
from serving import served
from visitors import new_app

from bridge.store.people import Role
from bridge.web.access import make

PICTURES = Path(__file__).parents[2] / "docs" / "images"
PAGES = {
    "overview": "/",
    "activity": "/activity",
    "run": "/runs/1",
    "approvals": "/approvals",
    "holds": "/holds",
    "rules": "/rules",
    "rule": "/rules/low-cr",
    "explain": "/explain?rule=low-cr&subject=offer=1002",
    "entities": "/entities",
    "entity": "/entities/offer/1002",
    "events": "/events",
    "integr8": "/integr8",
    "settings": "/settings",
    "reference": "/reference",
    "live": "/activity?live=1",
}
RULE = """\
schema: 1
id: ID
title: Pause an offer that hardly converts
owner: traffic
mode: MODE
trigger: {every: 15m}
scope: {per: [offer], where: {offer.active: true}, except: {offer.name: [EXCEPT]}}
data: {window: 24h, need: {clicks: 100}, fresh: 30m}
when: {all: ["cr < 1% @95%"]}
then:
  - pause: offer
    hold: 12h
guards: {at_most: {targets: 50, share: 90%}}
tests:
  - {given: {clicks: 1000, conversions: 1}, expect: yes}
"""


def written(name, mode, but):
    return RULE.replace("ID", name).replace("MODE", mode).replace("EXCEPT", but)


pytestmark = pytest.mark.browser

skip_without_chromium()


@pytest.fixture
def address(network):
    """A console that has seen some life, behind a real server."""
    network.now = datetime.now(UTC)
    world = network.world
    for number in range(6):
        world.offer(f"Summer sale {number + 1}", clicks=1000, conversions=40 + number, active=True)
    world.offer("Free phone", clicks=1000, conversions=1, active=True, key="freephone1")
    world.offer("Sweepstake", clicks=1200, conversions=2, active=True)
    network.rule(written("low-cr", "live", "Sweepstake"), "low-cr.yaml")
    network.rule(written("low-cr-ask", "approve", "Free phone"), "ask.yaml")
    for number in range(4):
        network.crm({"id": str(number), "type": "deal.signed"})
    network.work()
    network.house.meter.write()  # what a worker does when its task ends
    with served(new_app(network.house)) as found:
        yield found


@pytest.fixture
def page(chromium, address, network):
    with network.house.store.write() as session:
        token = make(session, name="Anna", role=Role.OPERATOR, who="test", now=datetime.now(UTC) - timedelta(days=1))
    context = chromium.new_context(viewport={"width": 1180, "height": 820}, base_url=address)
    found = context.new_page()
    problems_seen = []
    found.on("pageerror", lambda error: problems_seen.append(str(error)))
    found.on("console", lambda message: problems_seen.append(message.text) if message.type == "error" else None)
    found.goto("/")
    found.get_by_label("Token").fill(token)
    found.get_by_role("button", name="Use the token").click()
    found.wait_for_url("**/")
    yield found
    context.close()
    assert problems_seen == []


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


def test_on_a_phone_nothing_is_cut_off(page):
    page.set_viewport_size({"width": 390, "height": 780})
    for path in PAGES.values():
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_a_plan_is_approved_with_two_clicks(page, network):
    page.goto("/")
    page.get_by_role("link", name="plan waits for you").click()
    page.get_by_role("button", name="Approve what is ticked").click()
    assert "1 effects go ahead" in page.locator(".flash").inner_text()
    network.pass_time(minutes=1)
    network.work()
    assert "Sweepstake" in network.paused


def test_a_run_is_undone_after_one_question(page, network):
    page.goto("/activity?rule=low-cr")
    page.locator("tbody a[href^='/runs/']").first.click()
    page.get_by_text("Undo this run").click()
    page.get_by_role("button", name="Yes, undo run").click()
    assert "takes it back" in page.locator(".flash").inner_text()


def test_the_keyboard_is_enough(page):
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
