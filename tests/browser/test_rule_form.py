"""A rule from the library to shadow without a shell, and changes of one: with a mouse and without scripts."""

import os
import re
from pathlib import Path

import pytest
from chromium import findings, skip_without_chromium
from console_browser import operator_token, signed_in
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

skip_without_chromium()
expect.set_options(timeout=120_000)


def text_of(network, name):
    return (network.home / "rules" / f"{name}.yaml").read_text()


def test_a_rule_goes_from_the_library_into_shadow_in_a_few_clicks(page, network):
    page.goto("/rules")
    page.get_by_role("link", name="New rule").click()
    assert findings(page) == []
    page.get_by_role("link", name="Pause an offer whose conversion rate is proven to be too low").click()
    expect(page.locator("#looked")).to_contain_text("It can be used")
    expect(page.locator("#past")).to_contain_text("Nothing can be said")  # too few clicks in a week
    assert findings(page) == []
    page.locator("input[name='set:data.need.clicks']").fill("800")
    expect(page.locator("#text")).to_have_value(re.compile(re.escape("need: {clicks: 800}")))
    page.get_by_label("Id").fill("cr-too-low")
    page.get_by_label("Note").fill("first try")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/rules/cr-too-low")
    assert "mode: shadow" in text_of(network, "cr-too-low")
    assert "need: {clicks: 800}" in text_of(network, "cr-too-low")
    assert "first try" in page.locator("#revisions").inner_text()
    assert "Anna" in page.locator("#revisions").inner_text()
    assert findings(page) == []


def test_what_is_typed_in_the_text_comes_into_the_sentence(reader):
    reader.goto("/rules/low-cr/edit")
    reader.get_by_text("The text that is saved").click()
    text = reader.locator("#text")
    text.fill(text.input_value().replace("12h", "36h"))
    expect(reader.locator("input[name='set:then.0.hold']")).to_have_value("36h")


def test_an_error_is_told_at_its_line_and_nothing_is_saved(reader, settled):
    page, before = reader, text_of(settled, "low-cr")
    page.goto("/rules/low-cr/edit")
    page.get_by_text("The text that is saved").click()
    text = page.locator("#text")
    text.fill(text.input_value().replace("cr < 1%", "ctr2 < 1%"))
    expect(page.locator("#looked")).to_contain_text("line 9")
    page.get_by_role("button", name="Save").click()
    assert "Not saved" in page.get_by_role("alert").inner_text()
    assert findings(page) == []
    assert text_of(settled, "low-cr") == before


def test_an_error_stands_in_its_line_of_the_text(reader):
    reader.goto("/rules/low-cr/edit")
    reader.get_by_text("The text that is saved").click()
    text = reader.locator("#text")
    text.fill(text.input_value().replace("cr < 1%", "ctr2 < 1%"))
    told = reader.locator(".in-lines p")
    expect(told).to_have_count(1)
    assert "ctr2" in told.inner_text()
    line = text.input_value().split("\n").index(next(one for one in text.input_value().split("\n") if "ctr2" in one))
    height = text.evaluate("one => parseFloat(getComputedStyle(one).lineHeight)")
    if place := os.environ.get("BRIDGE_PICTURES"):
        text.screenshot(path=Path(place) / "errors-in-lines.png")
    # Each answer of the server draws the errors anew, so both places are read at once, and again while there is none.
    reader.wait_for_function(
        """([line, height]) => {
            const [told, text] = ['.in-lines p', '#text'].map((one) => document.querySelector(one));
            if (!told) return false;
            const below = told.getBoundingClientRect().top - text.getBoundingClientRect().top;
            return Math.abs(below - line * height) < 1.5 * height;
        }""",
        arg=[line, height],
    )
    assert findings(reader) == []


def test_the_editor_completes_keys_and_words_with_the_keyboard_alone(reader):
    reader.goto("/rules/low-cr/edit")
    reader.get_by_text("The text that is saved").click()
    text = reader.locator("#text")
    text.fill("schema: 1 # \U0001f680\nid: x\nmo")
    text.press("Control+Space")
    expect(reader.locator("#completions li")).to_have_count(1)
    assert findings(reader) == []
    text.press("Enter")
    assert text.input_value().endswith("\nmode: ")
    text.press("Control+Space")
    expect(reader.locator("#completions code")).to_have_text(["disabled", "shadow", "approve", "live"])
    if place := os.environ.get("BRIDGE_PICTURES"):
        reader.screenshot(path=Path(place) / "completion.png")
    text.press("ArrowDown")
    text.press("Enter")
    assert text.input_value().endswith("\nmode: shadow")
    text.press("Enter")
    text.press("p")
    expect(reader.locator("#completions code")).to_have_text(["priority"])
    text.press("Enter")  # nothing was chosen, so it is a new line
    assert text.input_value().endswith("\np\n")


def test_a_number_that_fails_the_tests_of_a_rule_says_so(page, network):
    page.goto("/rules/low-cr/edit")
    page.locator("input[name='set:data.need.clicks']").fill("5000")
    expect(page.locator("#looked")).to_contain_text("1 test of the rule says otherwise")
    page.get_by_role("button", name="take it out").click()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/rules/low-cr")
    assert "tests:" not in text_of(network, "low-cr")
    assert "clicks: 5000" in text_of(network, "low-cr")


def test_the_form_works_without_scripts(chromium, address, network):
    with signed_in(chromium, address, operator_token(network), java_script_enabled=False) as (page, _):
        page.goto("/rules/low-cr/edit")
        page.locator("input[name='set:then.0.hold']").fill("6h")
        page.get_by_role("button", name="Evaluate the last 30 days").click()
        assert page.locator("input[name='set:then.0.hold']").input_value() == "6h"
        assert "It would have" in page.locator("#past").inner_text()
        page.get_by_role("button", name="Save").click()
    assert "hold: 6h" in text_of(network, "low-cr")
