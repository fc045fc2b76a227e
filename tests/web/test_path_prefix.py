"""The whole service below a path: what arrives there, and that no address in an answer leads out of it."""

import re

import console_users
import pytest

from bridge.config.errors import SettingsError
from bridge.store.roles import Role
from bridge.web.access import users
from bridge.web.path_prefix import PathPrefix, check, of_address, page_with_prefix, with_prefix

ANY_ADDRESS = re.compile(r'\s(?:href|src|action|formaction|hx-get|hx-post)="([^"#]*)')


def scope(path, *headers, client="127.0.0.1"):
    raw = [(name.encode(), value.encode()) for name, value in headers]
    return {"path": path, "raw_path": path.encode(), "headers": raw, "client": (client, 1)}


def arrives(public_url, proxies, given):
    found = PathPrefix(lambda: public_url, proxies)(given)
    return found.get("root_path", ""), found["path"], found["raw_path"].decode()


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ("/bridge/rules", "/rules"),
        ("/bridge/", "/"),
        ("/bridge", "/"),
        ("/rules", "/rules"),  # the proxy has taken it away
        ("/bridges/x", "/bridges/x"),  # only looks like it
        ("/bridge/bridge/x", "/bridge/x"),  # once
        ("/bridge/hooks/crm/a%2Fb", "/hooks/crm/a%2Fb"),
    ],
)
def test_the_path_of_public_url_is_taken_away_once(sent, path):
    assert arrives("https://a.example/bridge/", [], scope(sent)) == ("/bridge", path, path)


def test_without_a_path_everything_stays():
    for url in (None, "https://a.example", "https://a.example/"):
        assert arrives(url, [], scope("/rules")) == ("", "/rules", "/rules")


@pytest.mark.parametrize(
    ("value", "client", "prefix"),
    [
        ("/net", "10.0.0.7", "/net"),
        ("/net/", "10.0.0.7", "/net"),
        ("/net", "10.0.1.7", ""),  # nobody's proxy
        ("//evil.example", "10.0.0.7", ""),
        ('/"onload="', "10.0.0.7", ""),
        ("/..%2f", "10.0.0.7", ""),
        ("", "10.0.0.7", ""),
    ],
)
def test_only_a_proxy_of_ours_may_name_a_prefix_and_only_a_plain_one(value, client, prefix):
    found = arrives(None, ["10.0.0.0/24"], scope("/rules", ("x-forwarded-prefix", value), client=client))
    assert found == (prefix, "/rules", "/rules")


@pytest.mark.parametrize("url", ["https://a.example/rules", "https://a.example/hooks/x", "https://a.example/a b"])
def test_a_path_that_cannot_be_told_from_a_page_is_refused(url):
    with pytest.raises(SettingsError, match=r"bridge.yaml: public_url: "):
        check(url, {"rules", "hooks"})
    check("https://a.example/bridge/rules", {"rules", "hooks"})
    assert of_address("https://a.example/a b") == ""


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("/rules", "/b/rules"), ("/", "/b/"), ("/b/rules", "/b/rules"), ("/b", "/b"), ("/bb", "/b/bb"),
        ("//other.example/x", "//other.example/x"), ("https://x.example/", "https://x.example/"), ("#top", "#top"),
        ("?csv=1", "?csv=1"),
    ],
)  # fmt: skip
def test_only_addresses_of_ours_get_the_prefix(address, found):
    assert with_prefix("/b", address) == found
    assert page_with_prefix("/b", f'<a class="x" href="{address}">') == f'<a class="x" href="{found}">'


def test_a_text_that_looks_like_an_address_stays():
    page = "<td>&#34; href=&#34;/rules</td><p>href=&quot;/x</p>"
    assert page_with_prefix("/b", page) == page


class Below(console_users.Browser):
    """A browser that reaches the service below /bridge."""

    def _ask(self, verb, path, **more):
        assert path.startswith("/bridge/"), path
        return super()._ask(verb, path.removeprefix("/bridge"), base_url="http://localhost/bridge", **more)

    def sign_in(self, name):
        return self._ask("POST", "/bridge/login", data={"name": name, "password": console_users.PASSWORD})


@pytest.fixture
def below(network, lived_in, visited):
    lived_in("approve")
    users.add(
        network.services, name="ann", role=Role.ADMIN, password=console_users.PASSWORD, actor=users.Actor("a test"),
        now=network.services.clock(),
    )  # fmt: skip
    return Below(visited)


def test_no_page_leads_out_of_the_prefix(below):
    answer = below.get("/bridge/activity")
    assert answer.headers["Location"].startswith("/bridge/login?next=")
    answer = below.sign_in("ann")
    assert answer.headers["Location"].startswith("/bridge/")
    assert [
        one
        for one in answer.headers.getlist("Set-Cookie")
        if one.startswith("bridge=") and "Path=/bridge;" in one + ";"
    ]
    waiting, seen = ["/bridge/"], set()
    while waiting:
        address = waiting.pop().partition("?")[0]
        if address in seen:
            continue
        seen.add(address)
        answer = below.get(address)
        if answer.status_code >= 300:
            assert answer.headers.get("Location", "/bridge/").startswith("/bridge/"), address
            continue
        if answer.mimetype != "text/html":
            continue
        found = ANY_ADDRESS.findall(answer.get_data(as_text=True))
        strange = [one for one in found if one.startswith("/") and not one.startswith("/bridge/")]
        assert not strange, (address, strange)
        waiting += [one for one in found if one.startswith("/bridge/") and "logout" not in one]
    assert len(seen) > 30


def test_an_old_page_is_redirected_below_the_prefix(below):
    below.sign_in("ann")
    assert below.get("/bridge/entities/offer").headers["Location"] == "/bridge/items/offer"
