"""Signing in, the first administrator, one's account and the users, in a real browser, light and dark, by keyboard."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from chromium import findings_in_both_schemes, skip_without_chromium
from console_users import PASSWORD, new_app
from identity import CLIENT, SECRET, Provider, application
from local_server import served
from playwright.sync_api import expect

from bridge.services.container import Services
from bridge.store.roles import Role
from bridge.web.access import users
from bridge.web.access.sessions import first_link
from bridge.web.access.users import Actor

PICTURES = Path(__file__).parents[2] / "docs" / "images"

pytestmark = pytest.mark.browser

skip_without_chromium()


@pytest.fixture
def address(network):
    network.now = datetime.now(UTC)
    with served(new_app(network.services)) as found:
        yield found


@pytest.fixture
def page(chromium, address):
    """An empty browser; whatever it complains about, and a strict policy that is broken, fails the test."""
    context = chromium.new_context(viewport={"width": 1180, "height": 820}, base_url=address)
    found = context.new_page()
    seen = []
    found.on("pageerror", lambda error: seen.append(str(error)))
    found.on("console", lambda message: seen.append(message.text) if message.type == "error" else None)
    yield found
    context.close()
    assert seen == []


@pytest.fixture
def boss(network):
    users.add(
        network.services, name="Boss", role=Role.ADMIN, password=PASSWORD, actor=Actor("test"), now=datetime.now(UTC)
    )


def sign_in(page, name, password=PASSWORD):
    page.goto("/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    with page.expect_navigation():  # hashing takes a moment, and whoever goes on before it is nobody yet
        page.get_by_role("button", name="Sign in").click()


def picture(page, name):
    if os.environ.get("BRIDGE_SCREENSHOTS"):
        page.screenshot(path=PICTURES / f"console-{name}.png")


def test_the_first_administrator_comes_in_and_stays_one(page, address, network):
    page.goto(first_link(network.services, address, datetime.now(UTC)))
    assert findings_in_both_schemes(page) == []
    page.get_by_role("button", name="Sign in").click()
    assert findings_in_both_schemes(page) == []
    page.get_by_label("Name").fill("Boss")
    page.get_by_label("Password, at least").fill(PASSWORD)
    page.get_by_label("The same again").fill(PASSWORD)
    picture(page, "welcome")
    page.get_by_role("button", name="Make the first administrator").click()
    page.get_by_role("link", name="Boss (admin)").wait_for()


def test_a_wrong_password_is_told_and_read_out(page, boss):
    sign_in(page, "Boss", "not this one")
    assert "the name or the password is wrong" in page.get_by_role("alert").inner_text()
    assert findings_in_both_schemes(page) == []


def test_the_keyboard_is_enough_to_sign_in(page, boss):
    page.goto("/login")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("Boss")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    page.get_by_role("link", name="Boss (admin)").wait_for()


def test_a_user_is_made_and_chooses_a_password(page, chromium, address, boss):
    sign_in(page, "Boss")
    page.goto("/settings")
    assert findings_in_both_schemes(page) == []
    adding = page.locator("form[action='/users']")
    adding.get_by_label("Name").fill("Anna")
    adding.get_by_role("button", name="Add a user").click()
    given = page.locator("dt:text-is('password') + dd code").inner_text()
    assert findings_in_both_schemes(page) == []
    with page.expect_navigation():
        page.get_by_role("button", name="Sign out").click()
    sign_in(page, "Anna", given)
    page.wait_for_url("**/account")
    assert findings_in_both_schemes(page) == []
    page.get_by_label("Present password").fill(given)
    page.get_by_label("New password, at least").fill(PASSWORD)
    page.get_by_label("The new one again").fill(PASSWORD)
    page.get_by_role("button", name="Change the password").click()
    assert "The password is changed" in page.get_by_role("status").inner_text()


def test_a_user_is_disabled_after_one_question(page, boss, network):
    made = users.add(
        network.services, name="Anna", role=Role.VIEWER, password=PASSWORD, actor=Actor("test"), now=datetime.now(UTC)
    )
    assert made.password is None
    sign_in(page, "Boss")
    page.goto("/settings")
    page.get_by_text("Change Anna").click()
    assert findings_in_both_schemes(page) == []
    page.get_by_role("button", name="Disable Anna").click()
    assert "Anna is disabled" in page.get_by_role("status").inner_text()


def test_a_person_comes_in_through_the_identity_provider(chromium, network):
    provider = Provider()
    with served(application(provider)) as provider.address:
        oidc = {
            "issuer": provider.address, "client_id": CLIENT, "client_secret": SECRET, "label": "Example ID",
            "roles": {"claim": "groups", "map": {"network-ops": "operator"}},
        }  # fmt: skip
        services = Services(replace(network.services.settings, login={"oidc": oidc}), store=network.services.store)
        with served(new_app(services)) as address:
            context = chromium.new_context(base_url=address)
            visitor = context.new_page()
            visitor.goto("/approvals")
            assert findings_in_both_schemes(visitor) == []
            visitor.get_by_role("link", name="Sign in with Example ID").click()
            visitor.wait_for_url("**/approvals")
            visitor.get_by_role("link", name="ann@example.com (operator)").wait_for()
            context.close()


def test_on_a_phone_nothing_is_cut_off(page, boss):
    page.set_viewport_size({"width": 390, "height": 780})
    page.goto("/login")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    sign_in(page, "Boss")
    for path in ("/account", "/settings"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_the_cookie_is_out_of_reach_of_scripts(page, boss):
    sign_in(page, "Boss")
    assert page.evaluate("document.cookie") == ""
    kept = page.context.cookies()
    assert len(kept) == 2  # the session, and that somebody has signed in with this browser before
    assert {(one["httpOnly"], one["sameSite"]) for one in kept} == {(True, "Lax")}
