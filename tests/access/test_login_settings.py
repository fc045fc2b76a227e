"""`login:` of bridge.yaml: what is understood, and what is refused with its place."""

import re
from pathlib import Path

import pytest

from bridge.config.login import LoginSettingsError, oidc
from bridge.operations.check import check_home
from bridge.store.roles import Role

GOOD = {
    "issuer": "https://id.example.com/realms/network",
    "client_id": "integr8-bridge",
    "client_secret": "secret",
    "roles": {"claim": "groups", "map": {"ops": "operator", "platform": "admin"}},
}
YAML = """
login:
  oidc:
    issuer: https://id.example.com
    client_id: integr8-bridge
    client_secret: "${OIDC_SECRET}"
    roles: {claim: groups, map: {ops: OPERATOR}}
"""


def problems(**more):
    with pytest.raises(LoginSettingsError) as caught:
        oidc({"oidc": GOOD | more}, Path())
    return dict(caught.value.problems)


def test_a_provider_is_understood():
    found = oidc({"oidc": GOOD | {"domains": ["@Example.com"]}}, Path())
    assert (found.scopes, found.domains) == (("openid", "email", "profile"), {"example.com"})
    assert found.roles.map == {"ops": Role.OPERATOR, "platform": Role.ADMIN}


def test_the_secret_is_not_shown_by_accident():
    assert "secret" not in repr(oidc({"oidc": GOOD}, Path())).replace("client_secret", "")


def test_openid_is_always_asked_for():
    assert oidc({"oidc": GOOD | {"scopes": ["groups"]}}, Path()).scopes == ("openid", "groups")


def test_without_a_provider_there_is_none():
    assert oidc({}, Path()) is None


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:8080", "http://localhost:8080/realms/x"])
def test_an_issuer_on_this_machine_may_do_without_tls(issuer):
    assert oidc({"oidc": GOOD | {"issuer": issuer}}, Path()).issuer == issuer


@pytest.mark.parametrize(
    ("more", "place", "words"),
    [
        ({"issuer": "http://id.example.com"}, "login.oidc.issuer", "an issuer must be an https:// address"),
        ({"issuer": "https://id.example.com?x=1"}, "login.oidc.issuer", "an issuer address must not contain ? or #"),
        ({"roles": {"claim": "groups", "map": {}}}, "login.oidc.roles.map", "is shorter than minimum length 1"),
        ({"role": {}}, "login.oidc.role", "unknown key; did you mean 'roles'?"),
        ({"client_id": ""}, "login.oidc.client_id", "is shorter than minimum length 1"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(more, place, words):
    assert problems(**more)[place] == words


def test_without_roles_nobody_could_come_in_so_they_must_be_there():
    with pytest.raises(LoginSettingsError, match="roles"):
        oidc({"oidc": {name: value for name, value in GOOD.items() if name != "roles"}}, Path())


def test_a_role_that_is_none_is_refused():
    assert "a role is one of viewer, operator, admin" in str(problems(roles={"claim": "g", "map": {"ops": "king"}}))


def test_check_tells_what_is_wrong_with_the_login(network, monkeypatch):
    place = network.home / "bridge.yaml"
    place.write_text(place.read_text() + YAML)
    monkeypatch.setenv("OIDC_SECRET", "secret")
    [found] = check_home(network.home).errors
    assert re.match(r"bridge\.yaml:\d+:\d+: login\.oidc\.roles\.map", found)
    place.write_text(place.read_text().replace("OPERATOR", "operator"))
    assert check_home(network.home).errors == ()


def test_check_asks_for_the_public_address(network, monkeypatch):
    place = network.home / "bridge.yaml"
    written = place.read_text() + YAML.replace("OPERATOR", "operator")
    monkeypatch.setenv("OIDC_SECRET", "secret")
    for more, warned in {"": True, "public_url: https://bridge.example.com\n": False}.items():
        place.write_text(written + more)
        assert any("public_url is missing" in line for line in check_home(network.home).warnings) is warned
