"""A webhook that is handed to the endpoint at once is answered as one that takes the way through Flask."""

import pytest
from own_loop import run

from bridge.store.journal import Event
from bridge.web.asgi import Application

TOKEN = "a-long-token-for-tests-0123456789"
PROVEN = [(b"authorization", f"Bearer {TOKEN}".encode()), (b"content-type", b"application/json")]
DEAL = b'{"type": "deal", "deal_id": 7}'


@pytest.fixture
def ways(network):
    """The server's application with the short way and without it."""
    webhooks = network.webhooks.application.wsgi_app
    return Application(webhooks, None, endpoint=network.endpoint), Application(webhooks, None)


def ask(application, method, path, headers, body, query=b""):
    """The status, the header fields and the body of the answer."""
    sent = []
    length = [(b"content-length", str(len(body)).encode())]
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": path.partition("%")[0],
        "raw_path": path.encode(), "query_string": query, "headers": [*length, *headers],
        "client": ("192.0.2.7", 4711), "server": ("127.0.0.1", 80),
    }  # fmt: skip

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    run(lambda: application(scope, receive, send))
    return sent[0]["status"], sorted(sent[0]["headers"]), sent[1]["body"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "query", "status"),
    [
        ("POST", "/hooks/crm", PROVEN, DEAL, b"", 202),
        ("POST", "//hooks//crm", PROVEN, DEAL, b"a=%C3%A9&b=", 202),
        ("POST", "/hooks/crm", PROVEN, b"{", b"", 422),
        ("POST", "/hooks/crm", PROVEN, b"x" * 1_100_000, b"", 413),
        ("POST", "/hooks/crm", [PROVEN[0], (b"content-type", b"image/png")], DEAL, b"", 415),
        ("POST", "/hooks/crm", PROVEN[1:], DEAL, b"", 401),
        ("POST", "/hooks/crm", [*PROVEN, PROVEN[0]], DEAL, b"", 401),
        ("POST", "/hooks/crm", [*PROVEN, *((f"x-{n}".encode(), b"1") for n in range(101))], DEAL, b"", 400),
        ("POST", "/hooks/crm/a/b", PROVEN, DEAL, b"", 404),
        ("POST", f"/hooks/postback/{TOKEN}", [], b"", b"type=conversion&tx=1&offer=1&payout=%ff", 202),
        ("POST", "/hooks/postback/%C3%A9%2F%ff", [], b"", b"", 401),
        ("POST", "/hooks/nobody", PROVEN, DEAL, b"", 404),
        ("GET", f"/hooks/postback/{TOKEN}", [], b"", b"type=conversion&tx=2&offer=1", 202),
        ("HEAD", f"/hooks/postback/{TOKEN}", [], b"", b"", 204),
        ("DELETE", "/hooks/crm", PROVEN, b"", b"", 405),
    ],
)
def test_both_ways_give_the_same_answer(network, ways, method, path, headers, body, query, status):
    first = ask(ways[0], method, path, headers, body, query)
    second = ask(ways[1], method, path, headers, body, query)
    assert first[0] == status
    assert (first[0], first[1], first[2].replace(b'"duplicate":false', b'"duplicate":true')) == second


def test_both_ways_journal_the_same(network, ways):
    for number, application in enumerate(ways):
        ask(application, "POST", "/hooks/crm", PROVEN, b'{"type": "deal", "deal_id": %d}' % number, b"x=1")
    first, second = network.all(Event)
    kept = ("source", "event_type", "method", "content_type", "headers", "query", "remote", "state")
    assert [getattr(first, name) for name in kept] == [getattr(second, name) for name in kept]
