"""Administrators make users, change and end them: on the page, over the API, on the command line."""

import json
import re

import pytest
from click.testing import CliRunner
from console_users import PASSWORD, Browser

from bridge.cli import cli
from bridge.operations.errors import Refused
from bridge.store.roles import Role
from bridge.store.users import User
from bridge.web.access import users
from bridge.web.access.users import Actor


def password_of(page):
    return re.search(r"<dt>password</dt><dd><code[^>]*>([^<]+)</code>", page)[1]


def change_first(visitor, old):
    return visitor.press("/account", "/account", old=old, new=PASSWORD, again=PASSWORD)


@pytest.fixture
def run(network, monkeypatch):
    monkeypatch.setenv("BRIDGE_HOME", str(network.home))

    def invoke(*arguments, code=0, typed=None):
        found = CliRunner().invoke(cli, list(arguments), input=typed)
        assert found.exit_code == code, found.output
        return found

    return invoke


@pytest.fixture
def caller(app, token):
    """A program with an admin's token."""
    http, headers = app.test_client(), {"authorization": f"Bearer {token()}"}

    def call(verb, path, status=200, **body):
        found = http.open(f"/api/v1{path}", method=verb, headers=headers, json=body or None)
        assert found.status_code == status, found.get_data(as_text=True)
        return found.get_json()

    return call


# --- on the page -------------------------------------------------------------------------------------------


def test_a_new_user_gets_a_password_that_is_shown_once(app, browser):
    page = browser("Boss", Role.ADMIN).press("/settings", "/users", name="Anna", role="operator")
    assert Browser(app).sign_in("Anna", password_of(page)).status_code == 303


def test_a_new_user_chooses_a_password_before_anything_else(app, browser):
    given = password_of(browser("Boss", Role.ADMIN).press("/settings", "/users", name="Anna", role="operator"))
    anna = Browser(app)
    anna.sign_in("Anna", given)
    assert anna.get("/activity").headers["Location"] == "/account"
    change_first(anna, given)
    assert anna.is_in()


def test_who_must_choose_a_password_can_still_sign_out(app, browser):
    given = password_of(browser("Boss", Role.ADMIN).press("/settings", "/users", name="Anna", role="operator"))
    anna = Browser(app)
    anna.sign_in("Anna", given)
    assert "Sign in" in anna.press("/account", "/logout")


def test_disabling_a_user_ends_the_sessions(browser):
    anna, admin = browser("Anna"), browser("Boss", Role.ADMIN)
    assert "Anna is disabled" in admin.press("/settings", "/users/1/disable")
    assert not anna.is_in()


def test_an_enabled_user_comes_in_again(app, browser):
    browser("Anna")
    admin = browser("Boss", Role.ADMIN)
    admin.press("/settings", "/users/1/disable")
    admin.press("/settings", "/users/1/enable")
    assert Browser(app).sign_in("Anna").status_code == 303


def test_another_role_ends_the_sessions_and_holds_at_the_next(app, browser):
    anna, admin = browser("Anna"), browser("Boss", Role.ADMIN)
    admin.press("/settings", "/users/1/role", role="viewer")
    assert not anna.is_in()
    anna.sign_in("Anna")
    assert "this needs the role operator" in anna.press("/", "/halt", why="x")


def test_a_new_password_ends_the_sessions_and_the_old_password(app, browser):
    anna, admin = browser("Anna"), browser("Boss", Role.ADMIN)
    given = password_of(admin.press("/settings", "/users/1/password"))
    assert not anna.is_in()
    assert Browser(app).sign_in("Anna").status_code == 200
    assert Browser(app).sign_in("Anna", given).status_code == 303


def test_no_administrator_locks_himself_out(browser):
    admin = browser("Boss", Role.ADMIN)
    assert "you cannot disable yourself" in admin.press("/settings", "/users/1/disable")
    assert "you cannot change your own role" in admin.press("/settings", "/users/1/role", role="viewer")
    assert admin.is_in()


@pytest.mark.parametrize(
    "path", ["/users", "/users/1/role", "/users/1/password", "/users/1/disable", "/users/1/enable"]
)
def test_an_operator_changes_no_user(browser, path):
    assert "this needs the role admin" in browser("Anna").press("/settings", path, name="x", role="admin")


def test_an_operator_sees_no_users(browser):
    assert "<h2>Users</h2>" not in browser("Anna").open("/settings")


@pytest.mark.parametrize("path", ["/users", "/users/1/disable", "/account", "/welcome", "/logout"])
def test_a_form_without_the_secret_of_the_session_is_refused(browser, path):
    assert browser("Boss", Role.ADMIN).http.post(path, data={"name": "x", "form": "forgéd"}).status_code == 400


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "anna", "role": "viewer"}, "there is one already"),
        ({"name": " ", "role": "viewer"}, "write 1 to 100 printable characters"),
        ({"name": "An\nna", "role": "viewer"}, "write 1 to 100 printable characters"),
        ({"name": "Clock", "role": "viewer"}, "the service itself or a role uses this name"),
        ({"name": "ADMIN", "role": "operator"}, "the service itself or a role uses this name"),
        ({"name": "Otto", "role": "king"}, "A user needs a role"),
    ],
)
def test_a_user_that_cannot_be_made_says_why(browser, fields, words):
    browser("Anna")
    assert words in browser("Boss", Role.ADMIN).press("/settings", "/users", **fields)


def test_names_of_users_and_tokens_differ(browser, token):
    token("ci")
    admin = browser("Boss", Role.ADMIN)
    assert "a token has this name" in admin.press("/settings", "/users", name="ci", role="viewer")
    assert "a user has this name" in admin.press("/settings", "/tokens", name="boss", role="viewer")


def test_changes_of_users_are_in_the_audit(browser, audit):
    browser("Anna")
    admin = browser("Boss", Role.ADMIN)
    for path, fields in {"role": {"role": "viewer"}, "password": {}, "disable": {}, "enable": {}}.items():
        admin.press("/settings", f"/users/1/{path}", **fields)
    changes = [what for who, what, about in audit(who="Boss") if about == "Anna"]
    assert changes == ["enable user", "disable user", "change password", "change role"]


def test_users_are_kept_alike_on_both_databases(on_either_database, now):
    services = on_either_database.services
    made = users.add(services, name="Anna", role=Role.VIEWER, actor=Actor("test"), now=now)
    with pytest.raises(Refused, match="there is one already"):
        users.add(services, name="ANNA", role=Role.ADMIN, actor=Actor("test"), now=now)
    users.set_role(services, made.user_id, Role.OPERATOR, actor=Actor("test"), now=now)
    assert [(one.name, one.role, one.created_at) for one in on_either_database.all(User)] == [("Anna", "operator", now)]


# --- over the API ----------------------------------------------------------------------------------------


def test_a_program_makes_a_user(app, caller):
    made = caller("POST", "/users", 201, name="Anna", role="operator", email="anna@example.com")["data"]
    assert Browser(app).sign_in("Anna", made["password"]).status_code == 303


def test_a_program_sees_users_without_their_hashes(caller):
    caller("POST", "/users", 201, name="Anna", role="operator")
    [found] = caller("GET", "/users")["data"]
    assert (found["name"], found["role"], found["must_change"], found["oidc"]) == ("Anna", "operator", True, False)
    assert "hash" not in found


def test_a_program_ends_a_user(browser, caller):
    anna = browser("Anna")
    assert caller("PATCH", "/users/1", disabled=True)["data"]["disabled_at"]
    assert not anna.is_in()


def test_a_program_changes_a_role_and_a_password(app, browser, caller):
    browser("Anna")
    assert caller("PATCH", "/users/1", role="admin")["data"]["role"] == "admin"
    given = caller("POST", "/users/1/password")["data"]["password"]
    assert Browser(app).sign_in("Anna", given).status_code == 303


def test_a_program_is_told_what_cannot_be_done(caller):
    caller("POST", "/users", 201, name="Anna", role="operator")
    assert "there is one already" in caller("POST", "/users", 409, name="ANNA", role="viewer")["detail"]
    assert "not found" in caller("PATCH", "/users/99", 404, role="viewer")["detail"]
    caller("POST", "/users", 422, name="Otto", role="king")


def test_a_user_who_is_made_twice_with_one_key_is_refused_and_not_shown_again(app, token):
    headers = {"authorization": f"Bearer {token()}", "Idempotency-Key": "1"}
    ask = [
        app.test_client().post("/api/v1/users", headers=headers, json={"name": "Anna", "role": "viewer"})
        for _ in range(2)
    ]
    assert [one.status_code for one in ask] == [201, 409]


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_only_admins_reach_users_over_the_api(app, token, role):
    headers = {"authorization": f"Bearer {token(role=role)}"}
    assert app.test_client().get("/api/v1/users", headers=headers).status_code == 403


# --- on the command line -------------------------------------------------------------------------------------


def test_the_command_line_makes_a_user_and_shows_the_password_once(app, run):
    found = run("users", "add", "Anna", "--role", "operator")
    assert Browser(app).sign_in("Anna", found.stdout.strip()).status_code == 303
    assert found.stdout.strip() not in run("users", "list").output


def test_the_command_line_asks_for_a_password(app, run):
    run("users", "add", "Anna", "--ask", typed=f"{PASSWORD}\n{PASSWORD}\n")
    anna = Browser(app)
    anna.sign_in("Anna")
    assert anna.is_in()


def test_a_password_that_will_not_do_is_refused_on_the_command_line(run):
    assert "take at least 12" in run("users", "add", "Anna", "--ask", typed="short\nshort\n", code=1).output


def test_the_command_line_changes_a_user(app, run, browser):
    anna = browser("Anna")
    run("users", "role", "anna", "viewer")
    assert not anna.is_in()
    given = run("users", "password", "anna").stdout.strip()
    run("users", "disable", "anna")
    assert Browser(app).sign_in("Anna", given).status_code == 200
    run("users", "enable", "anna")
    assert Browser(app).sign_in("Anna", given).status_code == 303


def test_the_command_line_lists_users(run):
    assert "there are no users yet" in run("users", "list").output
    run("users", "add", "Anna", "--email", "anna@example.com")
    [found] = json.loads(run("users", "list", "--json").stdout)
    assert (found["name"], found["email"], found["role"]) == ("Anna", "anna@example.com", "viewer")


def test_a_user_who_is_not_there_says_so(run):
    assert "not found" in run("users", "role", "nobody", "viewer", code=1).output


def test_no_command_takes_a_password_as_an_argument(run):
    run("users", "add", "Anna", "a few good words", code=2)
    assert "No such option" in run("users", "add", "Anna", "--password", "a few good words", code=2).output


def test_the_audit_can_be_read_on_the_command_line(app, browser, run):
    browser("Anna")
    Browser(app).sign_in("Anna", "not this one")
    [found] = json.loads(run("audit", "--what", "failed sign-in", "--json").stdout)
    assert (found["who"], found["detail"]["why"]) == ("Anna", "wrong password")
    assert "nothing of that kind" in run("audit", "--who", "nobody", "--since", "1h").output
