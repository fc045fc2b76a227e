"""Every page of the console in a real browser: read by axe, at three widths, light and dark, pictures on request.

`BRIDGE_PICTURES=DIR` keeps a picture of each page at each width in both schemes. `BRIDGE_SCREENSHOTS=1` takes the
pictures of the documents anew.
"""

import os
from pathlib import Path

import pytest
from chromium import findings, findings_in_both_schemes, skip_without_chromium
from playwright.sync_api import expect
from sqlalchemy import select

from bridge.store.journal import Event

#: Each page by its endpoint, and by more names where it can look quite different.
PAGES = {
    "inbox": "/",
    "account": "/account",
    "activity": "/activity",
    "activity-live": "/activity?live=1",
    "approvals": "/approvals",
    "audit": "/audit",
    "changes": "/changes",
    "channel_page": "/channels/ops",
    "tell_channel": "/channels/ops/tell?rule=low-cr&about=paused",
    "events": "/events",
    "event": "/events/EVENT",
    "explanation": "/explain?rule=low-cr&subject=offer=1007",
    "explanation-empty": "/explain",
    "explanation-all-rules": "/explain?subject=1007",
    "explanation-at": "/explain?rule=low-cr&subject=offer=1007&at=2026-11-24T10:15",
    "held": "/holds",
    "imports": "/imports",
    "integr8": "/integr8",
    "listed": "/items",
    "item": "/items/offer/1007",
    "item-long": "/items/offer/1009",
    "mutes": "/mutes",
    "notice_page": "/notices/1",
    "reference": "/reference",
    "rules": "/rules",
    "rule": "/rules/low-cr",
    "edit_rule": "/rules/low-cr/edit",
    "to_mode": "/rules/low-cr-ask/to/live",
    "new_rule": "/rules/new",
    "new_form": "/rules/new/form",
    "run": "/runs/1",
    "run-undo": "/runs/1?undo=1#undo",
    "found": "/search?q=summer",
    "settings": "/settings",
    "refusal": "/runs/9999",
}
APART = {
    "static": "a file",
    "backtest_page": "a document of its own, with its own test",
    "difference": "needs two revisions; the page of a rule links to it",
    "backtest_job_now": "a piece of the page of a rule",
    "rule_costs": "a piece of the page of a rule",
    "fetched": "a piece of the page of imports",
    "welcome": "for the first administrator alone, with its own test",
    "login": "has tests of its own",
    "start_oidc": "has tests of its own",
    "finish_oidc": "has tests of its own",
}
#: The pictures that the documents show, by the page.
PICTURES = {
    "inbox": "inbox", "activity": "activity", "activity-live": "live", "run": "run", "approvals": "approvals",
    "held": "holds", "rules": "rules", "rule": "rule", "edit_rule": "form", "explanation": "explain",
    "listed": "entities", "item": "entity", "events": "events", "integr8": "integr8", "settings": "settings",
    "reference": "reference",
}  # fmt: skip
DOCUMENTS = Path(__file__).parents[2] / "docs" / "images"
#: What is wider than its room: a part of it is out of sight.
WIDER = """() => [...document.querySelectorAll('html, main, .scroll, table, tbody tr, td')]
    .filter(one => one.scrollWidth > one.clientWidth + 1 && one.checkVisibility())
    .map(one => one.tagName + ': ' + one.innerText.slice(0, 60))"""
#: On a phone: controls of which hardly anything can be read.
NARROW = """() => [...document.querySelectorAll('form.row :is(select, input:not([type=checkbox]))')]
    .filter(one => one.checkVisibility() && one.offsetWidth < 120)
    .map(one => `${one.name}: ${one.offsetWidth}`)"""

pytestmark = pytest.mark.browser

skip_without_chromium()


def path_of(name, network):
    path = PAGES[name]
    if "EVENT" in path:
        with network.services.store.read() as session:
            path = path.replace("EVENT", session.scalar(select(Event.id).limit(1)))
    return path


def picture(page, name):
    if os.environ.get("BRIDGE_SCREENSHOTS"):
        page.screenshot(path=DOCUMENTS / f"console-{name}.png")


def test_every_page_has_an_example_here(visited):
    routes = [
        one for one in visited.url_map.iter_rules() if one.endpoint.startswith("console.") and "GET" in one.methods
    ]
    assert {one.endpoint.removeprefix("console.") for one in routes} - APART.keys() <= PAGES.keys()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_reads_well_to_everybody(reader, settled, name):
    answer = reader.goto(path_of(name, settled))
    assert answer.status == (404 if name == "refusal" else 200)
    assert reader.locator("h1").count() == 1
    assert findings_in_both_schemes(reader) == []
    if name in PICTURES:
        picture(reader, PICTURES[name])
    for width in (1440, 768, 390):
        reader.set_viewport_size({"width": width, "height": 900})
        assert reader.evaluate(WIDER) == []  # no table scrolls by itself either
        if place := os.environ.get("BRIDGE_PICTURES"):
            for scheme in ("dark", "light"):
                reader.emulate_media(color_scheme=scheme)
                reader.screenshot(path=Path(place) / f"{name}-{width}-{scheme}.png")
    for fold in reader.locator(".fold > summary").all():
        fold.click()
    assert reader.evaluate(WIDER) == []
    assert reader.evaluate(NARROW) == []
    assert findings(reader, rules={"color-contrast": {"enabled": False}}) == []  # as tables became blocks


@pytest.mark.skipif(not os.environ.get("BRIDGE_SCREENSHOTS"), reason="only takes pictures")
def test_the_documents_show_the_dark_and_the_phone(reader):
    reader.emulate_media(color_scheme="dark")
    reader.goto("/")
    picture(reader, "dark")
    reader.emulate_media(color_scheme="light")
    reader.set_viewport_size({"width": 390, "height": 780})
    reader.goto("/rules")
    picture(reader, "phone")


@pytest.mark.skipif(not os.environ.get("BRIDGE_SCREENSHOTS"), reason="only takes pictures")
def test_the_documents_show_the_text_of_a_rule_and_the_words_that_fit(reader):
    reader.goto("/rules/low-cr/edit")
    reader.get_by_text("The text that is saved").click()
    text = reader.locator("#text")
    text.fill(text.input_value().partition("tests:")[0] + "re")
    text.press("Control+Space")
    expect(reader.locator("#completions li").first).to_be_visible()
    picture(reader, "editor")


def test_on_a_phone_each_value_stands_beside_its_heading(reader):
    reader.set_viewport_size({"width": 390, "height": 780})
    reader.goto("/rules")
    cell = reader.locator("td[data-label='Mode']").first
    assert cell.evaluate("one => getComputedStyle(one, '::before').content") == '"Mode"'
    lines = "(one, words) => { one.dataset.label = words; return one.offsetHeight }"
    assert cell.evaluate(lines, "A heading of three lines on a phone, as some are") > cell.evaluate(lines, "Mode")


LISTS = ("/activity", "/audit", "/changes", "/events", "/holds", "/items", "/mutes")


@pytest.mark.parametrize("path", LISTS)
def test_on_a_phone_a_list_has_its_filters_behind_one_button(reader, path):
    reader.goto(f"{path}?sort=&from=2026-11-24")
    sort, button = reader.get_by_label("Sorted by"), reader.get_by_text("Filter and sort")
    expect(sort).to_be_visible()
    expect(button).to_be_hidden()
    reader.set_viewport_size({"width": 390, "height": 780})
    expect(sort).to_be_hidden()
    button.press("Enter")
    expect(sort).to_be_visible()
    assert ("1 set" in button.inner_text()) == (path != "/items")  # which has no days


def test_on_a_phone_the_bar_of_the_webhooks_leaves_room_for_them(reader):
    reader.set_viewport_size({"width": 390, "height": 780})
    reader.goto("/events")
    bar, replay = reader.locator(".bar"), reader.get_by_role("button", name="Replay", exact=True)
    assert bar.bounding_box()["height"] < 780 / 6
    expect(replay).to_be_hidden()
    reader.get_by_text("Replay…").click()
    expect(replay).to_be_visible()


def test_the_keyboard_is_enough(reader):
    reader.goto("/")
    reader.keyboard.press("Tab")
    assert reader.evaluate("document.activeElement.textContent") == "Skip to the page"


def test_the_slash_key_goes_to_the_search(reader):
    reader.goto("/rules")
    reader.keyboard.press("/")
    reader.keyboard.type("1007")
    reader.keyboard.press("Enter")
    reader.wait_for_url("**/items/offer/1007")


def test_boxes_are_ticked_together_and_counted(reader):
    reader.goto("/approvals")
    total = reader.locator("[data-total]").first
    reader.get_by_role("button", name="None").first.click()
    assert total.inner_text().startswith("0 of ")
    reader.get_by_role("button", name="All", exact=True).first.click()
    assert total.inner_text().startswith("1 of 1 selected")


def test_the_lines_of_a_rule_are_coloured_and_signed(reader):
    reader.goto("/explain?rule=low-cr&subject=offer=1007")
    line = reader.locator(".lines li.said")
    assert "● yes" in line.inner_text()
    assert "(1 of 1,000 clicks)" in line.inner_text()


def test_an_explanation_keeps_the_time_that_was_asked_for(reader):
    reader.goto("/explain?rule=low-cr&subject=offer=1007&at=2026-11-24T10:15")
    assert reader.get_by_label("At").input_value() == "2026-11-24T10:15"
