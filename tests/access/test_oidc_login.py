"""Coming in through an identity provider: a real one, over HTTP, with real keys, that is told to misbehave."""

from urllib.parse import parse_qs, urlsplit

import pytest
from console_users import Browser, new_app
from identity import CLIENT, Provider, application, new_key
from local_server import served
from oidc_guest import Guest, with_login

from bridge.store.users import User
from bridge.web.access import users
from bridge.web.access.users import Actor

UNPROVEN = "could not be verified"


@pytest.fixture
def provider():
    made = Provider()
    with served(application(made)) as address:
        made.address = address
        yield made


@pytest.fixture
def app(network, provider):
    """A web process that knows the provider."""
    return with_login(network, provider)


def refused(answer):
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


# --- who comes in ------------------------------------------------------------------------------------------


def test_a_person_of_the_provider_comes_in_with_the_role_of_the_group(app):
    guest = Guest(app)
    assert guest.come_in().status_code == 303
    assert "ann@example.com (operator)" in guest.open("/activity")


def test_the_page_to_sign_in_on_names_the_provider(app):
    assert "Sign in with Example ID" in Guest(app).open("/login")


def test_afterwards_one_is_where_one_wanted_to_go(app):
    guest = Guest(app)
    assert guest.come_back(guest.leave("/login/oidc?next=/approvals")).headers["Location"] == "/approvals"


def test_afterwards_one_is_not_on_another_site(app):
    guest = Guest(app)
    assert guest.come_back(guest.leave("/login/oidc?next=//evil.example")).headers["Location"] == "/"


def test_coming_again_one_is_the_same_user(app, network):
    Guest(app).come_in()
    Guest(app).come_in()
    assert [(one.name, one.created_by, one.hash) for one in network.all(User)] == [("ann@example.com", "oidc", None)]


def test_the_request_asks_for_pkce_nonce_and_state(app, provider):
    Guest(app).come_in()
    [asked] = provider.asked
    assert (asked["code_challenge_method"], asked["response_type"], asked["scope"]) == (
        "S256", "code", "openid email profile",
    )  # fmt: skip
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 20


def test_of_several_groups_the_highest_role_holds(app, provider):
    provider.person["groups"] = ["sales", "platform", "everybody"]
    guest = Guest(app)
    guest.come_in()
    assert "(admin)" in guest.open("/activity")


def test_a_claim_may_lie_deeper(network, provider):
    provider.person["realm_access"] = {"roles": ["boss"]}
    app = with_login(network, provider, roles={"claim": "realm_access.roles", "map": {"boss": "admin"}})
    guest = Guest(app)
    guest.come_in()
    assert "(admin)" in guest.open("/activity")


@pytest.mark.parametrize("groups", [None, [], ["everybody"], "everybody", 7, {"network-ops": True}, [["network-ops"]]])
def test_without_a_role_nobody_comes_in(app, provider, network, groups):
    provider.person["groups"] = groups
    assert "gives you no role here" in refused(Guest(app).come_in())
    assert network.all(User) == []


def test_who_loses_the_role_loses_the_sessions_too(app, provider):
    first = Guest(app)
    first.come_in()
    provider.person["groups"] = []
    Guest(app).come_in()
    assert not first.is_in()


def test_another_role_at_the_provider_is_another_role_here(app, provider, audit):
    first, second = Guest(app), Guest(app)
    first.come_in()
    provider.person["groups"] = ["sales"]
    second.come_in()
    assert not first.is_in()
    assert "(viewer)" in second.open("/activity")
    assert ("oidc", "change role", "ann@example.com") in audit()


def test_a_user_who_is_disabled_here_stays_outside(app, network, now):
    guest = Guest(app)
    guest.come_in()
    users.disable(network.services, 1, actor=Actor("test"), now=now)
    assert not guest.is_in()
    assert "this user is disabled" in refused(guest.come_in())


def test_a_user_of_the_provider_has_no_password_here(app, network, now):
    guest = Guest(app)
    guest.come_in()
    assert "change your password there" in guest.open("/account")
    assert Browser(app).sign_in("ann@example.com", "").status_code == 200


def test_nobody_takes_the_name_of_somebody_else(app, user, network):
    user("ann@example.com")
    assert "your name is taken" in refused(Guest(app).come_in())
    assert len(network.all(User)) == 1


def test_an_address_that_is_not_verified_is_no_name(app, provider):
    provider.person |= {"email_verified": False, "preferred_username": "ann"}
    guest = Guest(app)
    guest.come_in()
    assert "ann (operator)" in guest.open("/activity")


@pytest.mark.parametrize(
    "person",
    [
        {"email": "ann@elsewhere.example"},
        {"email": "ann@example.com.evil.example"},
        {"email": "ann@example.com", "email_verified": False},
        {"email": "ann@example.com", "email_verified": "true"},
        {"email": None},
        {"email": ["ann@example.com"]},
    ],
)
def test_only_verified_addresses_of_allowed_domains_come_in(network, provider, person):
    app = with_login(network, provider, domains=["Example.com"])
    provider.person |= person
    assert "the domain of your e-mail address may not sign in" in refused(Guest(app).come_in())


def test_an_address_of_an_allowed_domain_comes_in(network, provider):
    app = with_login(network, provider, domains=["example.com", "example.org"])
    assert Guest(app).come_in().status_code == 303


# --- what is not believed ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "override",
    [
        {"nonce": "another"},
        {"aud": "another-client"},
        {"aud": "another-client", "azp": CLIENT},
        {"aud": ["another-client"]},
        {"aud": [CLIENT, "another-client"]},  # for several, and not said for whom
        {"aud": [CLIENT, "another-client"], "azp": "another-client"},
        {"iss": "https://evil.example"},
        {"exp": 1_700_000_000},
        {"exp": "tomorrow"},
        {"iat": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"at_hash": "of another access token"},
    ],
    ids=str,
)
def test_a_token_that_says_something_else_is_not_believed(app, provider, override, network):
    provider.override = override
    assert UNPROVEN in refused(Guest(app).come_in())
    assert network.all(User) == []


@pytest.mark.parametrize("claim", ["nonce", "aud", "iss", "exp", "iat", "sub", "id_token"])
def test_a_token_that_leaves_something_out_is_not_believed(app, provider, claim):
    provider.without = {claim}
    assert UNPROVEN in refused(Guest(app).come_in())


def test_a_signature_by_another_key_is_not_believed(app, provider):
    provider.signing_key = new_key()
    assert UNPROVEN in refused(Guest(app).come_in())


def test_a_signature_by_another_key_under_the_same_name_is_not_believed(app, provider):
    forged = new_key()
    provider.signing_key = type(forged).import_key(forged.as_dict(private=True) | {"kid": provider.key.kid})
    assert UNPROVEN in refused(Guest(app).come_in())


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_anybody_could_have_made_is_not_believed(app, provider, algorithm):
    provider.algorithm = algorithm
    assert UNPROVEN in refused(Guest(app).come_in())


def test_a_new_key_of_the_provider_is_fetched(app, provider):
    Guest(app).come_in()
    provider.key = new_key()
    assert Guest(app).come_in().status_code == 303


def test_a_code_is_good_once(app, provider):
    guest = Guest(app)
    back = guest.leave()
    assert guest.come_back(back).status_code == 303
    assert UNPROVEN in refused(guest.come_back(back))
    assert provider.used == 1


def test_a_code_does_not_work_in_another_browser(app, provider):
    back = Guest(app).leave()
    assert UNPROVEN in refused(Guest(app).come_back(back))
    assert provider.used == 0


def test_a_code_does_not_work_under_another_state(app, provider):
    victim, attacker = Guest(app), Guest(app)
    code = parse_qs(urlsplit(attacker.leave()).query)["code"][0]
    state = parse_qs(urlsplit(victim.leave()).query)["state"][0]
    assert UNPROVEN in refused(victim.get(f"/login/oidc/callback?code={code}&state={state}"))


def test_an_answer_of_another_issuer_is_not_believed(app):
    guest = Guest(app)
    assert UNPROVEN in refused(guest.come_back(guest.leave() + "&iss=https://evil.example"))


@pytest.mark.parametrize("query", ["", "?code=x", "?state=x", "?error=access_denied&error_description=<b>no</b>"])
def test_an_answer_that_is_none_is_refused(app, query):
    page = refused(Guest(app).get(f"/login/oidc/callback{query}"))
    assert UNPROVEN in page
    assert "<b>no" not in page


def test_a_description_of_another_issuer_is_not_followed(app, provider):
    provider.description = {"issuer": "https://evil.example"}
    assert "does not answer as it should" in refused(Guest(app).get("/login/oidc"))
    provider.description = {}
    assert Guest(app).come_in().status_code == 303


def test_while_the_provider_is_away_one_is_told(network):
    provider = Provider(address="http://127.0.0.1:1")
    assert "does not answer as it should" in refused(Guest(with_login(network, provider)).get("/login/oidc"))


def test_a_wrong_client_secret_is_not_told_to_the_world(network, provider):
    app = with_login(network, provider, client_secret="wrong")
    assert UNPROVEN in refused(Guest(app).come_in())


def test_without_a_provider_there_is_nothing_to_go_to(network):
    guest = Guest(new_app(network.services))
    assert guest.get("/login/oidc").headers["Location"] == "/login"
    assert guest.get("/login/oidc/callback").headers["Location"] == "/login"


def test_who_came_in_and_who_did_not_is_in_the_audit(app, provider, audit):
    Guest(app).come_in()
    provider.person["groups"] = []
    Guest(app).come_in()
    assert audit()[:3] == [
        ("ann@example.com", "failed sign-in", "console"),
        ("ann@example.com", "sign in", "console"),
        ("oidc", "create user", "ann@example.com"),
    ]


def test_answers_are_counted_like_other_tries(app):
    guest = Guest(app)
    answers = [guest.get("/login/oidc/callback?code=x&state=y").status_code for _ in range(12)]
    assert answers[-1] == 429
