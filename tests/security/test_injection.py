"""What comes with an event is a value, whatever it looks like: no template, no expression, no reference, no order."""

import pytest
from flask import Flask, request
from local_server import served
from network import YAML, Network
from rule_texts import onboarding_rule

from bridge.store.ledger import Effect
from bridge.store.one_time_secrets import OneTimeSecret

RULE = """
schema: 1
id: profile
mode: live
trigger: {webhook: {source: crm}}
when: {all: ['body.kind != "secret"']}
then:
  - id: pub
    ensure: publisher
    key: {email: "{{ body.email }}"}
    with: {name: "{{ body.name }}", description: "of {{ body.name }}"}
"""
TEXTS = [
    "{{ body.email }}",
    "{{ 7 * 7 }}",
    "{% for x in y %}{% endfor %}",
    "${INTEGR8_API_KEY}",
    "'; DROP TABLE events; --",
    "$ref",
    "__import__('os').system('id')",
    "<script>alert(1)</script>",
    "body.email or true",
]


def names(network):
    return [one.view()["name"] for one in network.world.directory.publishers.living()]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_arrives_as_it_was_sent(network, text):
    network.rule(RULE)
    network.crm({"id": "1", "kind": "deal", "email": "ann@example.com", "name": text})
    network.work()
    assert names(network) == [text]


@pytest.mark.parametrize("value", [{"$generate": "password"}, {"$ref": "pub.id"}, {"$secret": {"a": "b"}}, ["x"]])
def test_a_mapping_that_looks_like_one_of_ours_gives_nothing_away(network, value):
    network.rule(RULE)
    network.crm({"id": "1", "kind": "deal", "email": "ann@example.com", "name": value})
    network.work()
    assert names(network) == []
    with network.services.store.read() as session:
        assert session.query(OneTimeSecret).count() == 0


def test_a_condition_is_not_lengthened_by_a_value(network):
    network.rule(RULE)
    network.crm({"id": "1", "kind": "secret", "email": "ann@example.com", "name": '" or true or "'})
    network.work()
    assert names(network) == []


TELL = """
schema: 1
id: tell
mode: live
trigger: {webhook: {source: crm, dedupe: body.id}}
when: {all: [body.go = true]}
then: [{http: {method: POST, url: "ADDRESS/in", body: {id: "{{ body.id }}", given: "{{ body.given }}"}}}]
"""
LIKE_OURS = [
    {"$decimal": "abc"}, {"$decimal": "1e999999"}, {"$decimal": "5.10"}, {"$decimal": None}, {"$decimal": [1]},
    {"$ref": "nothing.id"}, {"a": [{"$ref": 7}]}, {"$generate": "password", "to": "people"}, {"$secret": {"a": "b"}},
    {"$$ref": "x", "$": 1, "$$": {"$x": 2}},
]  # fmt: skip


def test_a_mapping_that_looks_like_one_of_ours_is_sent_as_it_came_and_holds_nothing_up(
    tmp_path, sqlite_url, now, monkeypatch
):
    got, app = {}, Flask("receiver")

    @app.post("/in")
    def take():
        got[request.json["id"]] = request.json["given"]
        return "", 204

    with served(app) as address:
        yaml = YAML + f"http: {{allow: [{{url: '{address}'}}], allow_private: [127.0.0.0/8]}}\n"
        network = Network(tmp_path / "home", sqlite_url, now, monkeypatch, yaml=yaml)
        network.rule(TELL.replace("ADDRESS", address))
        network.rule(onboarding_rule("greet", email="{{ body.email }}"), "greet.yaml")
        for number, given in enumerate(LIKE_OURS):
            network.crm({"id": str(number), "go": True, "email": f"ann{number}@a.example", "given": given})
        network.work()
        assert {one.state for one in network.all(Effect)} == {"applied"}
        network.close()
    assert got == {str(number): given for number, given in enumerate(LIKE_OURS)}
