"""Whatever route somebody adds: it says who may use it, and a form without the session's secret does nothing."""

import pytest
from console_users import Browser

from bridge.store.roles import Role
from bridge.web.access import OPEN_ENDPOINTS


def routes(app):
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint not in OPEN_ENDPOINTS]


def address(app, rule):
    """The address of a route with something in each of its places."""
    values = {name: _value(converter) for name, converter in rule._converters.items()}
    with app.test_request_context():
        return app.url_for(rule.endpoint, **values)


def _value(converter):
    return min(converter.items) if hasattr(converter, "items") else 1 if converter.regex.startswith(r"\d") else "x"


def test_every_route_says_who_may_use_it(app):
    silent = {rule.endpoint for rule in routes(app) if not hasattr(app.view_functions[rule.endpoint], "needs")}
    assert {name for name in silent if not name.startswith("api-docs")} == set()


def test_every_form_wants_the_secret_of_the_session(app, browser):
    admin = browser("Boss", Role.ADMIN)
    forms = [rule for rule in routes(app) if rule.endpoint.startswith("console.") and "POST" in rule.methods]
    answers = {
        rule.endpoint: admin.http.post(address(app, rule), data={"form": "forged"}).status_code for rule in forms
    }
    assert len(answers) > 15
    assert {name for name, status in answers.items() if status != 400} == set()


def test_without_a_session_every_page_leads_to_the_login_page(app):
    visitor = Browser(app)
    pages = [rule for rule in routes(app) if rule.endpoint.startswith("console.")]
    for rule in pages:
        verb = "POST" if "POST" in rule.methods else "GET"
        answer = visitor.http.open(address(app, rule), method=verb)
        assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, "/login"), rule.endpoint


@pytest.mark.parametrize("verb", ["GET", "POST", "PATCH", "PUT", "DELETE"])
def test_without_a_token_the_api_tells_nothing(app, verb):
    rules = [rule for rule in routes(app) if rule.rule.startswith("/api/v1/") and verb in rule.methods]
    described = {rule.rule for rule in rules if rule.endpoint.startswith("api-docs")}
    answers = {rule.rule: app.test_client().open(address(app, rule), method=verb).status_code for rule in rules}
    assert {path for path, status in answers.items() if status != 401} <= described
