"""What comes to /hooks/ and is not a plain event: HEAD, OPTIONS, odd tokens, lists, and how each is counted."""

import json

import pytest

from bridge.observability.metrics import WEBHOOK_FAULTS, WEBHOOKS_REFUSED
from bridge.store.journal import Event

TOKEN = "a-long-token-for-tests-0123456789"
CONVERSION = {"type": "conversion", "tx": "E1", "offer": "1", "status": "approved", "payout": "1.50"}


def refused(source, reason):
    return WEBHOOKS_REFUSED.labels(source, reason)._value.get()


def postback(network, method="get", **query):
    return getattr(network.webhooks, method)(f"/hooks/postback/{TOKEN}", query_string=query)


@pytest.mark.parametrize("query", [CONVERSION, {}])
@pytest.mark.parametrize("method", ["head", "options"])
def test_head_and_options_are_answered_and_make_no_event(network, method, query):
    before = refused("postback", method)
    answer = postback(network, method, **query)
    assert (answer.status_code, answer.data) == (204, b"")
    assert network.all(Event) == []
    assert refused("postback", method) == before + 1


def test_head_with_a_wrong_token_is_refused(network):
    assert network.webhooks.head("/hooks/postback/wrong").status_code == 401


@pytest.mark.parametrize("method", ["delete", "patch"])
def test_another_method_is_refused_and_counted(network, method):
    before = refused("postback", "method")
    assert postback(network, method).status_code == 405
    assert refused("postback", "method") == before + 1


@pytest.mark.parametrize(
    ("path", "source", "reason"),
    [
        ("/hooks/nobody", "unknown", "unknown_source"),
        ("/hooks/", "unknown", "unknown_source"),
        ("/hooks/postback", "postback", "missing"),
        ("/hooks/postback/wrong/token%2Fhere", "postback", "wrong"),
        ("/hooks/crm/a/b", "crm", "unknown_address"),
        ("/hooks/crm", "crm", "missing"),
    ],
)
def test_what_is_not_taken_is_counted_with_its_reason(network, path, source, reason):
    before = refused(source, reason)
    assert network.webhooks.post(path).status_code in {401, 404}
    assert refused(source, reason) == before + 1


@pytest.mark.parametrize("path", ["/hooks//postback/{}", "/hooks/postback//{}", "/hooks/postback/{}/"])
def test_doubled_and_trailing_slashes_are_forgiven(network, path):
    assert network.webhooks.get(path.format(TOKEN), query_string=CONVERSION).status_code == 202


def test_one_bad_value_costs_that_value_and_is_shown_and_counted(network):
    before = WEBHOOK_FAULTS.labels("postback")._value.get()
    network.postback(**CONVERSION | {"payout": "1,50", "ct": "9999-12-31T23:59:59Z"})
    [event] = network.all(Event)
    assert [fault.partition(":")[0] for fault in event.faults] == ["body.payout", "body.conversion_time"]
    assert WEBHOOK_FAULTS.labels("postback")._value.get() == before + 2


def test_a_postback_dated_at_the_end_of_time_holds_nobody_up(network):
    for time in ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00+01:00"):
        network.postback(**CONVERSION | {"tx": time, "ct": time})
    network.crm({"type": "x", "id": "1"})
    network.work()
    assert {event.state for event in network.all(Event)} == {"done"}


def test_a_list_of_events_is_journalled_event_by_event(network):
    answers = [network.crm([{"id": "a", "type": "x"}, {"id": other, "type": "y"}]) for other in "bc"]
    assert [one["duplicate"] for one in answers[1].get_json()["events"]] == [True, False]
    assert [event.delivery_id for event in network.all(Event)] == ["a", "b", "c"]


def test_foreign_bytes_in_a_postback_are_taken(network):
    raw = "type=conversion&tx=A3&offer=1&sub=%EA%E0%EC%EF&status=approved&payout=1.50"
    assert network.webhooks.get(f"/hooks/postback/{TOKEN}?{raw}").status_code == 202
    [event] = network.all(Event)
    json.dumps(event.query, ensure_ascii=False).encode()
