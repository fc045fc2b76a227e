"""What the answer of a server that is not Integr8 means for an `http` action."""

import pytest

from bridge.store.ledger import Effect
from tests.receiver import Reply, receiver

__all__ = ["receiver"]

RULE = """
schema: 1
id: calls
mode: live
trigger: {webhook: {source: crm}}
when: body.go = true
then:
  - http: {url: "ADDRESS/in", body: {id: "{{ body.id }}"}}
"""


@pytest.fixture
def called(network, receiver):
    """A network in which one webhook has one request sent; the receiver's first answer is up to the test."""
    path = network.home / "bridge.yaml"
    path.write_text(path.read_text() + f"http: {{allow: ['{receiver.url}'], allow_private: [127.0.0.0/8]}}\n")
    network.services.refresh()
    network.rule(RULE.replace("ADDRESS", receiver.url))

    def send(*replies):
        receiver.replies += [*replies, Reply(200)]
        network.crm({"id": "1", "go": True})
        network.work()
        return network.all(Effect)[0]

    return send


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (Reply(429), 10),
        (Reply(429, {"Retry-After": "120"}), 120),
        (Reply(503, {"Retry-After": "120"}), 120),
        (Reply(429, {"Retry-After": "99999999999"}), 3600),
    ],
)
def test_who_is_turned_away_asks_again_when_the_server_says(network, receiver, called, reply, seconds):
    effect = called(reply)
    assert (effect.state, f"HTTP {reply.status}" in effect.error) == ("planned", True)
    network.pass_time(seconds=seconds - 2)
    network.work()
    assert len(receiver.requests) == 1
    network.pass_time(seconds=4)
    network.work()
    first, second = [one.headers["idempotency-key"] for one in receiver.requests]
    assert first == second
    assert [one.state for one in network.all(Effect)] == ["applied"]


@pytest.mark.parametrize("status", [400, 404, 500, 502, 503, 504])
def test_what_may_have_been_done_is_not_sent_again(network, receiver, called, status):
    assert called(Reply(status)).state == "failed"
    network.pass_time(hours=2)
    network.work()
    assert len(receiver.requests) == 1
