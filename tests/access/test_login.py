"""A person comes in by name and password, and goes out again."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from console_users import PASSWORD, Browser, new_app

from bridge.services.container import Services
from bridge.store.roles import Role
from bridge.store.users import User
from bridge.web.access.sessions import first_link


def first_code(network):
    return first_link(network.services, "http://bridge", datetime.now(UTC)).partition("code=")[2]


def test_a_user_comes_in_by_name_and_password(app, user):
    user("Anna")
    visitor = Browser(app)
    assert visitor.sign_in("Anna").status_code == 303
    assert "Anna (operator)" in visitor.open("/activity")


def test_neither_case_nor_the_way_of_writing_an_accent_matters_in_a_name(app, user):
    user("Zoé")
    assert Browser(app).sign_in("ZOE\u0301").status_code == 303


def test_after_signing_in_one_is_where_one_wanted_to_go(app, user):
    user("Anna")
    assert Browser(app).sign_in("Anna", next="/approvals").headers["Location"] == "/approvals"


def test_a_wrong_password_and_an_unknown_name_read_the_same(app, user):
    user("Anna")
    wrong, unknown = Browser(app).sign_in("Anna", "not this one"), Browser(app).sign_in("Otto", "not this one")
    assert wrong.status_code == unknown.status_code == 200
    assert wrong.get_data() == unknown.get_data()


def test_a_disabled_user_does_not_come_in(app, browser, user):
    user("Anna")
    admin = browser("Boss", Role.ADMIN)
    admin.press("/settings", "/users/1/disable")
    assert Browser(app).sign_in("Anna").status_code != 303


def test_an_overlong_password_is_no_password(app, user):
    user("Anna", password="long enough " * 10)
    assert Browser(app).sign_in("Anna", "long enough " * 5_000).status_code == 200


def test_a_form_that_another_site_sent_signs_nobody_in(app, user):
    user("Anna")
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "http://["}):
        answer = app.test_client().post("/login", data={"name": "Anna", "password": PASSWORD}, headers=headers)
        assert answer.status_code == 403


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}, {}], ids=str)
def test_the_form_of_this_site_signs_in(app, user, headers):
    user("Anna")
    answer = app.test_client().post("/login", data={"name": "Anna", "password": PASSWORD}, headers=headers)
    assert answer.status_code == 303


def test_behind_a_proxy_the_public_address_is_this_site_too(network, user):
    user("Anna")
    services = Services(
        replace(network.services.settings, public_url="https://bridge.example"), store=network.services.store
    )
    form = {"name": "Anna", "password": PASSWORD}
    answer = new_app(services).test_client().post("/login", data=form, headers={"Origin": "https://bridge.example"})
    assert answer.status_code == 303


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_signing_in_does_not_lead_to_another_site(app, user, target):
    user("Anna")
    assert Browser(app).sign_in("Anna", next=target).headers["Location"] == "/"


def test_a_cookie_that_was_kept_is_worth_nothing_after_signing_out(app, browser):
    anna = browser("Anna")
    kept = anna.http.get_cookie("bridge").value
    anna.press("/", "/logout")
    thief = Browser(app)
    thief.http.set_cookie("bridge", kept)
    assert not thief.is_in()


def test_who_came_in_and_who_failed_is_in_the_audit(app, browser, audit):
    browser("Anna")
    Browser(app).sign_in("Anna", "not this one")
    Browser(app).sign_in("hunter2 in the wrong field", "x")
    assert audit()[:3] == [
        ("somebody", "failed sign-in", "console"),
        ("Anna", "failed sign-in", "console"),
        ("Anna", "sign in", "console"),
    ]


def test_what_a_user_does_carries_the_name(browser, audit):
    browser("Anna").press("/", "/halt", why="outage")
    assert ("Anna", "halt", "service") in audit()


def test_the_last_sign_in_is_remembered(browser, network):
    browser("Anna")
    with network.services.store.read() as session:
        assert session.get_one(User, 1).last_sign_in_at is not None


# --- one's own password --------------------------------------------------------------------------------


def test_a_person_changes_the_password(app, browser):
    anna = browser("Anna")
    page = anna.press("/account", "/account", old=PASSWORD, new="quite other words", again="quite other words")
    assert "The password is changed" in page
    assert Browser(app).sign_in("Anna", "quite other words").status_code == 303


def test_changing_the_password_ends_the_sessions_elsewhere_only(app, browser):
    here = browser("Anna")
    elsewhere = Browser(app)
    elsewhere.sign_in("Anna")
    here.press("/account", "/account", old=PASSWORD, new="quite other words", again="quite other words")
    assert (here.is_in(), elsewhere.is_in()) == (True, False)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"old": "not this one"}, "the present password is wrong"),
        ({"again": "something else entirely"}, "differ"),
        ({"new": "short", "again": "short"}, "take at least 12"),
        ({"new": "abababababababab", "again": "abababababababab"}, "over and over"),
        ({"new": PASSWORD, "again": PASSWORD}, "is the old one"),
    ],
)
def test_a_password_that_will_not_do_is_refused_with_the_reason(browser, fields, words):
    given = {"old": PASSWORD, "new": "quite other words", "again": "quite other words"} | fields
    assert words in browser("Anna").press("/account", "/account", **given)


def test_who_came_by_token_has_no_password_to_change(app, token):
    visitor = Browser(app)
    visitor.http.post("/login", data={"token": token()})
    assert "signed in with a token" in visitor.open("/account")
    assert "no password here" in visitor.press("/account", "/account", old="x", new="y", again="y")


# --- the first administrator -----------------------------------------------------------------------------


def test_the_first_link_leads_to_the_first_administrator(app, network, audit):
    visitor = Browser(app)
    answer = visitor.http.post("/login", data={"code": first_code(network)})
    assert answer.headers["Location"] == "/welcome"
    page = visitor.press("/welcome", "/welcome", name="Boss", password=PASSWORD, again=PASSWORD)
    assert "Boss (admin)" in page
    assert audit()[:2] == [("Boss", "sign in", "console"), ("Boss", "revoke token", "first sign-in")]


def test_a_password_that_will_not_do_can_be_written_again(app, network):
    visitor = Browser(app)
    visitor.http.post("/login", data={"code": first_code(network)})
    assert "take at least 12" in visitor.press("/welcome", "/welcome", name="Boss", password="short", again="short")
    assert "differ" in visitor.press("/welcome", "/welcome", name="Boss", password=PASSWORD, again="other")
    assert "Boss (admin)" in visitor.press("/welcome", "/welcome", name="Boss", password=PASSWORD, again=PASSWORD)


def test_the_first_administrator_may_look_around_before(app, network):
    visitor = Browser(app)
    visitor.http.post("/login", data={"code": first_code(network)})
    assert "Not now" in visitor.open("/welcome")
    assert visitor.is_in()


def test_nobody_else_makes_a_first_administrator(browser):
    admin = browser("Anna", Role.ADMIN)
    assert admin.get("/welcome").headers["Location"] == "/"
    assert "came by the first link" in admin.press("/", "/welcome", name="x", password=PASSWORD, again=PASSWORD)


def test_where_there_is_a_user_no_link_is_made(network, user):
    user("Anna")
    assert first_link(network.services, "http://bridge", datetime.now(UTC)) is None


def test_every_page_keeps_its_careful_headers(browser):
    anna = browser("Anna")
    for path in ("/login", "/account"):
        headers = anna.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert (headers["Cache-Control"], headers["X-Frame-Options"]) == ("no-store", "DENY")
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_no_hash_is_on_any_page(browser, network):
    admin = browser("Boss", Role.ADMIN)
    with network.services.store.read() as session:
        hashed = session.get_one(User, 1).hash
    assert hashed.startswith("$argon2id$")
    assert not re.search(r"argon2", admin.open("/settings") + admin.open("/account"))


ELSEWHERE = (
    "/\t/evil.example", "/\n/evil.example", "/\r\nSet-Cookie: a=b", "\t//evil.example", "///evil.example",
    "/\\/evil.example", "/\x00/evil.example", "/\u2028/evil.example", "/\x7f/evil.example", "javascript:alert(1)",
    "//[evil", "/" + "a" * 5_000, "/.//evil.example/..//", "\\\\evil.example", " //evil.example",
)  # fmt: skip


def test_no_way_of_writing_an_address_leads_to_another_site(app, user):
    user("Anna")
    for target in ELSEWHERE:
        answer = Browser(app).sign_in("Anna", next=target)
        assert answer.status_code == 303
        assert re.fullmatch(r"/(?:[^/\\\s].*)?", answer.headers["Location"]), target


def test_a_page_with_a_question_is_where_one_goes_on(app, user):
    user("Anna")
    sent = Browser(app).get("/activity?rule=low-cr&all=1").headers["Location"]
    assert sent == "/login?next=/activity%3Frule%3Dlow-cr%26all%3D1"
    wanted = Browser(app).sign_in("Anna", next="/activity?rule=low-cr&all=1").headers["Location"]
    assert wanted == "/activity?rule=low-cr&all=1"


def test_who_is_signed_in_is_not_asked_again(browser):
    assert browser("Anna").get("/login?next=/approvals").headers["Location"] == "/approvals"
