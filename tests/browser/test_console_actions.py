"""What an account manager does on the pages, with a mouse, with keys alone, on a phone, and without scripts."""

import re

import pytest
from chromium import findings, skip_without_chromium
from console_browser import operator_token, signed_in
from playwright.sync_api import expect
from sqlalchemy import select

from bridge.operations.approvals import Person, reject
from bridge.operations.backtest_jobs import stop
from bridge.operations.channel_entry import add_channel
from bridge.store import backtest_jobs
from bridge.store.ledger import StoredPlan

pytestmark = pytest.mark.browser

skip_without_chromium()
expect.set_options(timeout=120_000)

READ = ("/", "/rules/low-cr", "/items/offer/1007", "/explain?rule=low-cr&subject=offer=1007", "/settings")


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
    page.get_by_role("textbox", name="Why").first.fill("outage")
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


def test_a_backtest_is_stopped_and_another_is_watched_to_its_end(page, network):
    page.goto("/rules/low-cr")
    page.get_by_role("button", name="Backtest").click()
    with network.services.store.write() as session:
        job = backtest_jobs.take(session, network.now)
        backtest_jobs.proceed(session, job, {"evaluations": 200, "evaluations_done": 94}, network.now)
    page.get_by_text("94 of 200 checks are done").wait_for()
    assert findings(page) == []
    page.get_by_role("button", name="Stop it").click()
    page.get_by_text("Stopped; nothing is kept of it").wait_for()
    page.get_by_role("button", name="Backtest").click()
    network.work()
    page.locator("#backtest dl.figures").wait_for()  # the page has looked again by itself
    assert findings(page) == []
    page.get_by_role("link", name="The whole page").click()
    assert page.locator("table").first.evaluate("one => getComputedStyle(one).borderCollapse") == "collapse"


def test_an_answer_is_not_lost_to_a_page_that_renews_itself(page, network):
    """The piece that shows the backtest hears of its end while "Stop it" is still on its way to the service."""
    page.goto("/rules/low-cr")
    page.get_by_role("button", name="Backtest").click()
    page.get_by_role("button", name="Stop it").wait_for()

    def late(route):
        with network.services.store.read() as session:
            job = backtest_jobs.newest(session, "low-cr")
        stop(network.services, job.id, who="somebody else", now=network.now)
        with page.expect_response(lambda answer: "hx-refresh" in answer.headers):
            pass
        route.continue_()

    page.route("**/stop", late)
    page.get_by_role("button", name="Stop it").click()
    page.get_by_text("it has ended already").wait_for()


def test_everything_can_be_read_and_done_without_scripts(chromium, address, network):
    with signed_in(chromium, address, operator_token(network), java_script_enabled=False) as (page, _):
        for path in READ:
            page.goto(path)
            assert page.locator("h1").count() == 1, path
        page.goto("/approvals")
        page.get_by_role("button", name="Approve the selected").click()
        assert "1 change goes ahead" in page.locator(".flash").inner_text()
    network.pass_time(minutes=1)
    network.work()
    assert "Sweepstake" in network.paused


def test_a_page_renews_itself_but_not_under_the_hands_of_somebody(page, network):
    page.clock.install()
    page.goto("/approvals")
    expect(page).to_have_title(re.compile(r"^\(1\) "))
    box = page.get_by_role("checkbox", name="pause offer 1008")
    box.uncheck()
    with network.services.store.read() as session:
        plan = session.scalar(select(StoredPlan.id).where(StoredPlan.state == "waiting"))
    reject(network.services, plan, person=Person(name="Bob"), why="no", now=network.now)
    page.clock.fast_forward(21_000)
    expect(box).not_to_be_checked()  # what was begun stays
    box.check()
    page.get_by_role("heading", name="Approvals").click()
    page.clock.fast_forward(21_000)
    expect(page.locator("main")).to_contain_text("Nothing waits for you")
    expect(page).to_have_title(re.compile("^Approvals"))
    assert page.locator("#waiting").inner_text() == ""


def test_a_channel_is_told_of_a_rule_by_a_change_that_is_seen_first(page, network):
    add_channel(network.services, "ops", "webhook", "https://127.0.0.1:9/hook", who="test", now=network.now)
    page.goto("/channels/ops")
    page.get_by_text("Tell it about a rule").click()
    page.get_by_label("Rule", exact=True).select_option("low-cr")
    page.get_by_label("paused", exact=True).check()
    page.get_by_role("button", name="Show the change to the rule").click()
    expect(page.get_by_label("Text of the rule")).to_have_value(
        re.compile(r"notify: \[\{about: \[paused\], to: \[ops\]\}\]")
    )
    page.get_by_role("button", name="Save").click()
    page.goto("/channels/ops")
    expect(page.locator("main")).to_contain_text("low-cr: paused")


def test_on_a_phone_the_pages_are_behind_one_button_without_scripts(chromium, address, network):
    with signed_in(chromium, address, operator_token(network), java_script_enabled=False) as (page, _):
        page.set_viewport_size({"width": 390, "height": 800})
        page.goto("/items")
        assert page.locator("header").bounding_box()["height"] < 64
        assert not page.get_by_role("link", name="Webhooks").is_visible()
        page.get_by_role("button", name="Menu").click()
        page.get_by_role("link", name="Webhooks").click()
        assert page.get_by_role("heading", level=1).inner_text() == "Webhooks"
