"""The jobs of an account manager, as somebody new does them: how many actions each takes from the start page."""

from datetime import UTC, datetime, timedelta

import pytest
from chromium import findings, skip_without_chromium
from console_browser import operator_token, signed_in
from playwright.sync_api import expect

from bridge.store import feeds, observations
from bridge.store.feeds import FeedKey, Kind
from bridge.store.roles import Role

pytestmark = pytest.mark.browser

skip_without_chromium()
expect.set_options(timeout=120_000)


class Actions:
    """Counts what a person does: a click, a typed word with Enter."""

    def __init__(self, page):
        self.page = page
        self.count = 0

    def click(self, found):
        self.count += 1
        found.click()

    def find(self, text):
        """`/`, the words and Enter are one action."""
        self.count += 1
        self.page.keyboard.press("/")
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")


@pytest.fixture
def acting(page):
    page.goto("/")
    return Actions(page)


@pytest.fixture
def admin(chromium, address, network):
    with signed_in(chromium, address, operator_token(network, "Eve", Role.ADMIN)) as (found, _):
        yield Actions(found)


def test_why_an_offer_was_paused_is_two_actions_away(acting):
    acting.find("1007")
    expect(acting.page.locator(".held")).to_contain_text("1 of 1,000 clicks")
    acting.click(acting.page.locator(".held").get_by_role("link", name="Why"))
    expect(acting.page.locator("main")).to_contain_text("is below 1.00% with 95% confidence")
    assert acting.count <= 2


def test_one_comes_back_in_three_actions(acting, network):
    acting.find("1007")
    acting.click(acting.page.get_by_text("End the pause", exact=True))
    acting.click(acting.page.get_by_role("button", name="Yes, end the pause"))
    expect(acting.page.locator(".flash")).to_contain_text("Goes back: offer 1007")
    assert acting.count <= 3
    network.pass_time(minutes=1)
    network.work()
    assert network.paused == []


def test_a_channel_is_added_without_a_shell(admin, network):
    page = admin.page
    admin.click(page.get_by_role("link", name="Settings"))
    form = page.locator("form[action='/channels']")
    form.get_by_label("Name").fill("ops")
    form.get_by_label("For").select_option("webhook")
    form.get_by_label("Address").fill("https://127.0.0.1:9/hook")
    admin.click(form.get_by_role("button", name="Add and send a test"))
    expect(page.locator("main")).to_contain_text("whsec_")
    assert "ops" in network.services.channels
    assert admin.count <= 2


def test_reports_are_uploaded_without_a_shell(admin, tmp_path, network):
    page = admin.page
    file = tmp_path / "conversions.csv"
    told = datetime.now(UTC).replace(microsecond=0) - timedelta(days=9)
    head = "transaction_id,conversion_time,status,offer_id,payout,revenue,told"
    file.write_text(f"{head}\nt1,{told - timedelta(days=1):%F %T},approved,1001,1,2,{told:%F %T}\n")
    admin.click(page.get_by_role("link", name="Settings"))
    admin.click(page.get_by_role("link", name="Imports"))
    assert findings(page) == []
    page.get_by_label("CSV").set_input_files(file)
    page.get_by_label("Seen-time column").fill("told")
    admin.click(page.get_by_role("button", name="Upload"))
    expect(page.locator(".flash")).to_contain_text("1 row read, 1 new")
    assert admin.count <= 3
    key = FeedKey(account="main", integration="default", kind=Kind.CONVERSIONS)
    with network.services.store.read() as session:
        assert observations.first_seen(session, feeds.find(session, key).id) == told  # a backtest knows it from then on


def test_an_exception_is_made_from_the_page_of_an_item(acting):
    page = acting.page
    acting.find("1007")
    acting.click(page.get_by_role("link", name="Never touch it"))
    page.get_by_label("because").fill("contract until March")
    acting.click(page.get_by_role("button", name="Add", exact=True))
    expect(page.locator(".flash")).to_contain_text("No rule touches offer 1007")
    assert acting.count <= 3
