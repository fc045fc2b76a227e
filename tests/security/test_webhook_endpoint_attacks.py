"""The same attacks through the real webhook endpoint: what the caller is told, and that nothing reached the journal."""

import json

import pytest

from bridge.store.journal import Event

TOKEN = {"authorization": "Bearer a-long-token-for-tests-0123456789", "content-type": "application/json"}
GOOD = json.dumps({"type": "deal.signed", "id": "1"})


def post(network, path="/hooks/crm", data=GOOD, headers=None, **more):
    return network.webhooks.post(path, data=data, headers=TOKEN | (headers or {}), **more)


@pytest.mark.parametrize(
    ("status", "asked"),
    [
        (401, {"headers": {"authorization": ""}}),
        (401, {"headers": {"authorization": "Bearer wrong"}}),
        (401, {"headers": {"authorization": "Bearer \xff"}}),
        (404, {"path": "/hooks/crn"}),
        (404, {"path": "/hooks/../hooks/nothing"}),
        (404, {"path": "/hooks/crm%00"}),
        (404, {"path": "/hooks/crm/a/b"}),
        (413, {"data": b'"' + b"x" * 2_000_000 + b'"'}),
        (415, {"headers": {"content-type": "application/xml"}}),
        (415, {"headers": {"content-encoding": "br"}}),
        (422, {"data": b"{"}),
        (422, {"data": b"[" * 100_000}),
        (422, {"data": b"\xff"}),
        (422, {"path": "/hooks/crm?a=%ff"}),
        (400, {"headers": {f"x-{n}": "1" for n in range(120)}}),
    ],
)
def test_a_bad_request_is_refused_in_words_and_leaves_nothing_behind(network, status, asked):
    answer = post(network, **asked)
    assert answer.status_code == status
    assert network.all(Event) == []
    if answer.is_json:
        told = answer.get_json()
        assert told["status"] == status
        assert "0123456789" not in str(told)


def test_a_refusal_does_not_repeat_what_was_sent(network):
    answer = network.webhooks.get("/hooks/postback/guessed-token?tx=secret-transaction")
    assert answer.status_code == 401
    assert "guessed" not in answer.get_data(as_text=True)
    assert "secret-transaction" not in answer.get_data(as_text=True)


def test_no_token_is_written_to_the_journal(network):
    post(network)
    network.postback(type="conversion", tx="t1")
    kept = [(one.query, one.headers, one.body, one.method) for one in network.all(Event)]
    assert len(kept) == 2
    assert "0123456789" not in str(kept)


def test_the_same_delivery_again_is_a_duplicate_of_the_first(network):
    first, again = post(network).get_json(), post(network).get_json()
    assert again == {"event_id": first["event_id"], "duplicate": True}


def test_the_name_of_a_source_that_nearly_exists_is_told(network):
    assert "did you mean 'crm'?" in post(network, path="/hooks/crmm").get_json()["detail"]
