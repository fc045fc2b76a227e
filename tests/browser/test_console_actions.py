"""What an account manager does on the pages, with a mouse, with keys alone, on a phone, and without scripts."""

import pytest
from chromium import findings, skip_without_chromium

from bridge.store import backtest_jobs
from bridge.store.roles import Role
from bridge.web.access import make

pytestmark = pytest.mark.browser

skip_without_chromium()

LONG = "An offer with a name that somebody pasted out of a spreadsheet and that goes on and on " * 2
READ = ("/", "/activity", "/approvals", "/holds", "/rules", "/rules/low-cr", "/items", "/events", "/runs/1",
        "/explain?rule=low-cr&subject=offer=1002", "/settings", "/reference")  # fmt: skip


def tab_to(page, name):
    """Press Tab until the thing of that name has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if name in page.evaluate("(document.activeElement.innerText || document.activeElement.value || '')"):
            return
    raise AssertionError(f"{name} cannot be reached by keyboard")


def test_a_halt_is_two_clicks_away_from_any_page(page, network):
    page.goto("/items/offer/1002")
    page.get_by_text("Halt…").click()
    page.get_by_label("Why").fill("outage")
    page.get_by_role("button", name="Halt all changes").click()
    assert "outage" in page.locator(".halt").inner_text()
    page.get_by_role("button", name="Resume").click()
    assert page.locator(".halt").count() == 0


def test_an_undo_is_two_clicks_away_from_the_list_of_runs(page):
    page.goto("/activity")
    page.get_by_role("link", name="Undo run").first.click()
    page.get_by_role("button", name="Yes, undo run").click()
    assert "undoes it" in page.locator(".flash").inner_text()


def test_a_rule_is_moved_with_keys_alone(page, network):
    page.goto("/rules/low-cr")
    tab_to(page, "approve")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Yes, move to approve").wait_for()
    tab_to(page, "Yes, move to approve")
    page.keyboard.press("Enter")
    page.wait_for_selector(".flash")
    assert "from live to approve" in page.locator(".flash").inner_text()
    assert "mode: approve" in (network.home / "rules" / "low-cr.yaml").read_text()


def test_a_rule_is_tried_on_the_past_and_its_picture_reads_well(page, network):
    page.goto("/rules/low-cr")
    page.get_by_role("button", name="Backtest").click()
    network.work()
    page.locator("#backtest dl.figures").wait_for()  # the page has looked again by itself
    assert findings(page) == []


def test_a_trial_is_watched_while_it_goes_on(page, network):
    page.goto("/rules/low-cr")
    page.get_by_role("button", name="Backtest").click()
    with network.services.store.write() as session:
        job = backtest_jobs.take(session, network.now)
        backtest_jobs.proceed(session, job, {"looks": 200, "looks_done": 94}, network.now)
    page.get_by_text("94 of 200 checks are done").wait_for()
    assert findings(page) == []
    page.get_by_role("button", name="Stop it").click()
    assert "Stopped" in page.locator(".flash").first.inner_text()


def test_the_whole_page_of_a_trial_keeps_its_style(page, network):
    page.goto("/rules/low-cr")
    page.get_by_role("button", name="Backtest").click()
    network.work()
    page.get_by_role("link", name="The whole page").click()
    assert page.evaluate("getComputedStyle(document.querySelector('table')).borderCollapse") == "collapse"


def test_the_lines_of_a_rule_are_coloured_and_signed(page):
    page.goto("/explain?rule=low-cr&subject=offer=1007")
    line = page.locator(".lines li.said")
    assert "● yes" in line.inner_text()
    assert "(1 of 1,000 clicks)" in line.inner_text()


def test_an_explanation_is_asked_for_at_a_time(page):
    page.goto("/explain?rule=low-cr&subject=offer=1007&at=2026-11-24T10:15")
    assert page.get_by_label("At").input_value() == "2026-11-24T10:15"
    assert findings(page) == []


def test_a_refusal_is_a_page_that_reads_well(page):
    page.goto("/settings")
    page.evaluate("window.location = '/runs/9999'")
    page.wait_for_url("**/runs/9999")
    assert page.locator("h1").inner_text() == "Not Found"
    assert findings(page) == []


def test_a_long_name_breaks_instead_of_the_page(page, network):
    network.world.offer(LONG, active=True)
    network.pass_time(hours=1)
    network.work()
    page.set_viewport_size({"width": 390, "height": 780})
    for path in ("/items", "/items/offer/1009"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_on_a_phone_the_pages_of_a_rule_read_well(page):
    page.set_viewport_size({"width": 390, "height": 780})
    for path in ("/rules/low-cr", "/approvals", "/explain?rule=low-cr&subject=offer=1007", "/items/offer/1007"):
        page.goto(path)
        assert findings(page) == [], path


def test_everything_can_be_read_and_done_without_scripts(chromium, address, network):
    with network.services.store.write() as session:
        token = make(session, name="Ben", role=Role.OPERATOR, who="test", now=network.now)
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Use the token").click()
    for path in READ:
        page.goto(path)
        assert page.locator("h1").count() == 1, path
    page.goto("/approvals")
    page.get_by_role("button", name="Approve the selected").click()
    assert "1 change goes ahead" in page.locator(".flash").inner_text()
    context.close()
