"""The console: every page answers, every action asks for the right, and does what it says."""

import re
from datetime import UTC, datetime

import pytest
from used_network import RULE, Browser

from bridge.store.roles import Role
from bridge.web.access import make
from bridge.web.access.sessions import first_link
from bridge.web.problems import problem

PAGES = (
    "/", "/activity", "/activity?all=1", "/approvals", "/holds", "/mutes", "/audit", "/rules", "/rules/low-cr",
    "/explain", "/explain?rule=low-cr&subject=offer=1002", "/items",
    "/items/offer/1002", "/events", "/integr8", "/settings",
    "/runs/1", "/activity?live=1", "/reference", "/search?q=nowhere", "/explain?subject=Bad",
)  # fmt: skip


@pytest.fixture
def app(visited):
    return visited


def test_without_signing_in_one_sees_the_login_page_only(app):
    found = app.test_client().get("/approvals")
    assert found.status_code == 302
    assert found.headers["Location"] == "/login?next=/approvals"


def test_every_page_can_be_opened_stops_everything_and_has_no_inline_script_or_style(browser, lived_in):
    lived_in()
    visitor = browser()
    for page in PAGES:
        found = visitor.open(page)
        assert "<h1>" in found, page
        assert 'action="/halt"' in found, page
        assert re.findall(r"<script(?! src=)", found) == [], page
        assert not re.search(r"<[^>]* on[a-z]+=", found), page
        assert " style=" not in found, page
        assert '<div class="scroll">' not in found, f"{page}: a table that scrolls has a name and takes the focus"


def test_an_empty_house_has_pages_too(browser):
    visitor = browser()
    for page in ("/", "/activity", "/approvals", "/holds", "/rules", "/items", "/events", "/integr8", "/settings"):
        visitor.open(page)


def test_what_is_not_there_says_so(browser):
    assert "there is no run 99" in browser().open("/runs/99", status=404)


def test_an_approval_is_given_on_the_page(browser, lived_in):
    network = lived_in("approve")
    page = browser().press("/approvals", "/approvals/1/approve", only="offer=1002")
    assert "1 change goes ahead" in page
    network.pass_time(minutes=1)
    network.work()
    assert network.paused == ["Bad"]


def test_one_change_that_brings_much_of_the_revenue_is_asked_about_once_more(browser, network, lived_in):
    network.now = datetime.now(UTC)
    terms = {"payout": 1, "payout_type": "CPA", "revenue": 80, "revenue_type": "RPA"}
    network.world.offer("Rich", clicks=1000, conversions=1, active=True, default_payout=terms)
    lived_in("approve")
    operator = browser()
    page = operator.press("/approvals", "/approvals/1/approve", only="offer=1001")
    assert "Nothing has been done yet." in page
    assert re.search(r"<strong>80\S* USD</strong> of revenue in 24 hours hangs on it, 100\.0% of everything", page)
    assert "1 change goes ahead" in operator.press("/approvals", "/approvals/1/approve", only="offer=1001", sure="1")


def test_an_approval_with_no_box_ticked_approves_nothing(browser, lived_in):
    network = lived_in("approve")
    assert "nothing is selected" in browser().press("/approvals", "/approvals/1/approve")
    for text in ("", "no", "0"):
        assert "nothing is selected" in browser().press("/approvals", "/approvals/1/approve", whole=text)
    network.work()
    assert network.paused == []


def test_a_run_is_taken_back_on_its_page(browser, lived_in):
    network = lived_in()
    assert "activate offer 1002" in browser().press("/runs/1", "/runs/1/undo", whole="yes")
    network.pass_time(minutes=1)
    network.work()
    assert network.paused == []


def test_a_hold_is_released_on_the_page(browser, lived_in):
    network = lived_in()
    assert "Goes back: offer 1002" in browser().press("/holds", "/holds/1/release")
    network.pass_time(minutes=1)
    network.work()
    assert network.paused == []


@pytest.mark.parametrize(
    ("page", "what", "says"),
    [
        ("/rules/low-cr", {"rule": "low-cr"}, "Rule low-cr is halted"),
        ("/integr8", {"account": "main"}, "Account main is halted"),
        ("/items/offer/1002", {"advertiser": "11", "account": "main"}, "Advertiser 11 is halted"),
    ],
)
def test_a_part_is_halted_on_its_page_and_seen_on_all(browser, lived_in, page, what, says):
    lived_in()
    operator = browser()
    offered = operator.open(page)
    assert all(f'name="{name}" value="{value}"' in offered for name, value in what.items())
    operator.press(page, "/halt", why="odd numbers", **what)
    seen = operator.open("/items")
    assert says in seen
    assert "0 events, 0 due runs and 0 effects wait" in seen
    assert "Halt all changes" in seen  # everything else can still be stopped as well
    assert "Resumed" in operator.press("/items", "/resume", **what)
    assert says not in operator.open("/items")


def test_a_halt_is_seen_on_every_page_and_ends(browser, lived_in):
    lived_in()
    operator = browser()
    operator.press("/", "/halt", why="outage")
    assert "outage" in operator.open("/rules")
    operator.press("/", "/resume")
    assert "outage" not in operator.open("/rules")


def test_an_explanation_reads_as_a_sentence(browser, lived_in):
    lived_in()
    page = browser().open("/explain?rule=low-cr&subject=offer=1002")
    assert "conversion rate 0.10% (1 of 1,000 clicks) is below 1.00% with 95% confidence" in page


def test_a_viewer_cannot_act(browser, lived_in):
    lived_in()
    assert "this needs the role operator" in browser(Role.VIEWER).press("/", "/halt", why="x")


def test_a_form_from_elsewhere_is_refused(browser, lived_in):
    network = lived_in()
    answer = browser().http.post("/halt", data={"why": "x", "form": "forged"})
    assert answer.status_code == 400
    network.pass_time(minutes=1)


def test_a_name_from_outside_is_text_and_never_markup(browser, network):
    network.now = datetime.now(UTC)
    network.world.offer("<script>alert(1)</script>", active=True)
    network.work()
    assert "<script>alert" not in browser().open("/items")


def test_every_answer_carries_a_strict_policy(browser):
    headers = browser().http.get("/").headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_first_link_signs_in_once(app, network):
    link = first_link(network.services, "http://bridge", datetime.now(UTC))
    code = link.partition("code=")[2]
    assert app.test_client().post("/login", data={"code": code}).status_code == 303
    assert "was used already" in app.test_client().post("/login", data={"code": code}).get_data(as_text=True)
    assert app.test_client().post("/login", data={"token": code}).status_code != 303
    assert app.test_client().get("/api/v1/overview", headers={"Authorization": f"Bearer {code}"}).status_code == 401
    assert first_link(network.services, "http://bridge", datetime.now(UTC)) is None


def test_signing_in_does_not_lead_to_another_site(app, network):
    with network.services.store.write() as session:
        token = make(session, name="x", role=Role.VIEWER, who="test", now=network.now)
    for target in ("https://evil.example", "//evil.example", "/\\evil.example"):
        answer = app.test_client().post("/login", data={"token": token, "next": target})
        assert answer.headers["Location"] == "/"


def test_guessing_tokens_is_slowed_down(app, network):
    visitor = Browser(app)
    answers = [visitor.sign_in(f"ib_000000000000_{number}").get_data(as_text=True) for number in range(30)]
    assert "too many tries" in answers[-1]


def test_a_generated_password_is_shown_once(browser, network):
    network.now = datetime.now(UTC)
    network.rule(
        """
schema: 1
id: login
mode: live
trigger: {webhook: {source: crm}}
then:
  - ensure: user
    key: {email: "ann@example.com"}
    with: {role: accountManager, password: generate}
"""
    )
    network.crm({"id": "1"})
    network.work()
    operator = browser()
    assert 'action="/effects/1/secret"' in operator.open("/runs/1")
    assert re.search(r"<dt>password</dt><dd><code[^>]*>[^<]{20}</code>", operator.press("/runs/1", "/effects/1/secret"))
    assert "delivered already" in operator.press("/runs/1", "/effects/1/secret")


def test_the_text_of_a_rule_shows_what_the_last_run_said(browser, lived_in):
    lived_in()
    page = browser().open("/rules/low-cr")
    line = next(one for one in page.split("<li") if "cr &lt; 1% @95%" in one)
    assert 'class="said yes"' in line
    assert "for 1" in line


def test_a_measurement_is_drawn_against_its_line(browser, lived_in):
    lived_in()
    page = browser().open("/rules/low-cr")
    assert 'Measured against the threshold: <a href="/items/offer/1002">Bad</a>' in page
    assert "<figcaption>cr &lt; 1% @95% " in page
    assert '">1%</text>' in page  # the end of the axis, with its unit
    assert "<polyline" in page


def test_two_revisions_are_laid_beside_each_other(browser, lived_in):
    network = lived_in("shadow")
    network.pass_time(minutes=1)
    network.rule(RULE.replace("MODE", "live"))
    network.work()
    visitor = browser()
    address = re.search(r'href="(/rules/low-cr/diff[^"]+)"', visitor.open("/rules/low-cr"))[1].replace("&amp;", "&")
    page = visitor.open(address)
    assert "-mode: shadow" in page
    assert "+mode: live" in page


def test_revisions_that_never_were_cannot_be_compared(browser, lived_in):
    lived_in()
    browser().open("/rules/low-cr/diff?from=a&to=b", status=404)


def test_an_admin_makes_and_ends_a_token_on_the_page(browser, app):
    admin = browser(Role.ADMIN)
    page = admin.press("/settings", "/tokens", name="grafana", role="viewer", days="30")
    token = re.search(r"<code[^>]*>(ib_[^<]+)</code>", page)[1]
    assert Browser(app).sign_in(token).status_code == 303
    number = re.search(r"/tokens/(\d+)/revoke[^>]*>(?:(?!</form>).)*grafana", admin.open("/settings"), re.DOTALL)[1]
    assert "is revoked" in admin.press("/settings", f"/tokens/{number}/revoke")
    assert Browser(app).sign_in(token).status_code == 200


def test_an_operator_makes_no_token_on_the_page(browser):
    assert "this needs the role admin" in browser().press("/settings", "/tokens", name="x", role="admin")


def test_a_channel_that_is_not_there_says_so(browser):
    assert "There is no channel nowhere" in browser().press("/settings", "/channels/nowhere/test")


def test_a_cookie_that_was_kept_is_worth_nothing_after_signing_out(browser, app):
    visitor = browser()
    kept = visitor.http.get_cookie("bridge").value
    visitor.press("/", "/logout")
    thief = app.test_client()
    thief.set_cookie("bridge", kept)
    assert thief.get("/approvals").headers["Location"] == "/login?next=/approvals"


def test_a_revoked_token_ends_its_sessions(browser):
    admin, operator = browser(Role.ADMIN), browser()
    operator.open("/")
    admin.press("/settings", "/tokens/2/revoke")
    operator.open("/", status=302)


def test_who_signed_in_is_in_the_audit(browser):
    assert "sign in" in browser().open("/audit")


@pytest.mark.parametrize(
    ("base", "secure"),
    [("http://127.0.0.1:8000", False), ("http://bridge.example", True), ("https://127.0.0.1:8000", True)],
)
def test_the_cookie_is_secure_unless_it_stays_on_this_machine(app, network, base, secure):
    with network.services.store.write() as session:
        token = make(session, name="x", role=Role.VIEWER, who="test", now=network.now)
    answer = app.test_client().post("/login", data={"token": token}, base_url=base)
    cookie = answer.headers["Set-Cookie"]
    assert ("; Secure;" in cookie) is secure
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


# --- refusals ----------------------------------------------------------------------------------------

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_what_is_not_there_is_a_page_for_a_person(browser):
    answer = browser().http.get("/runs/99", headers=BROWSER)
    assert answer.status_code == 404
    assert "There is no run 99." in answer.get_data(as_text=True)
    assert "<nav" in answer.get_data(as_text=True)


def test_an_address_that_nobody_knows_is_a_page_too(browser):
    assert "<h1>Not Found</h1>" in browser().http.get("/nowhere", headers=BROWSER).get_data(as_text=True)


def test_a_program_gets_the_document_whatever_it_accepts(browser):
    answer = browser().http.get("/api/v1/runs/99", headers=BROWSER)
    assert answer.mimetype == "application/problem+json"


def test_a_fault_of_ours_is_a_page_that_asks_nothing_of_the_database(app):
    app.add_url_rule("/broken", "broken", lambda: problem(500, "Internal Server Error", "x"))
    page = app.test_client().get("/broken", headers=BROWSER).get_data(as_text=True)
    assert "could not answer" in page


def test_a_line_that_only_holds_a_word_of_the_conditions_stays_plain(browser, lived_in):
    network = lived_in()
    network.rule(RULE.replace("MODE", "live").replace("what hardly converts", "all that falls"))
    page = browser().open("/rules/low-cr")
    line = next(one for one in page.split("<li") if "title:" in one)
    assert 'class="said' not in line
