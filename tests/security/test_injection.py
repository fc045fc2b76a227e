"""What comes with an event is a value, whatever it looks like: no template, no expression, no reference, no order."""

import pytest

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
