"""How many notices become one readable message."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import jsonschema
import pytest

from bridge.outbound.event_types import catalogue
from bridge.outbound.notices import Message, compose, envelope
from rules.model import topics

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def told(text, topic="paused", rule="cr-collapse", **more):
    return Message(topic=topic, text=text, rule=rule, at=NOW, **more)


def test_one_message_tells_a_rule_once_and_its_targets_below():
    title, text = compose([told("offer 1"), told("offer 2")])
    assert title == "Integr8 Bridge: cr-collapse: paused (2)"
    assert text == "cr-collapse: paused (2)\n- offer 1\n- offer 2"


def test_errors_come_first_and_give_the_title():
    title, text = compose([told("offer 1"), told("no answer", topic="error")])
    assert title == "Integr8 Bridge: cr-collapse: failed and 1 more"
    assert text.startswith("cr-collapse: failed")


def test_equal_lines_are_told_once_with_their_number():
    _, text = compose([told("late"), told("late"), told("late")])
    assert text.endswith("- late (x3)")


def test_a_thousand_pauses_are_a_short_message():
    _, text = compose([told(f"offer {n}") for n in range(1000)])
    assert text.splitlines()[-1] == "- and 992 more"


def test_a_digest_tells_owner_by_owner():
    _, text = compose([told("b", owner="zoe"), told("a", owner="ann")], by_owner=True)
    assert text.index("== ann ==") < text.index("- a") < text.index("== zoe ==") < text.index("- b")


def test_a_name_cannot_break_out_of_its_line():
    title, text = compose([told("Evil\r\nBcc: everyone@example.com", rule="r\r\nSubject: x")])
    assert "\r" not in title + text
    assert "\n" not in title
    assert "- Evil Bcc: everyone@example.com" in text


def test_money_in_an_envelope_is_exact():
    made = envelope(told("x", data={"payout": Decimal("0.10")}))
    assert '"payout":0.10' in made


@pytest.mark.parametrize("former", [False, True])
@pytest.mark.parametrize("topic", sorted(topics.TOPICS))
def test_every_event_of_the_catalogue_is_a_schema_that_its_own_messages_fit(topic, former):
    samples = {"integer": 1, "string": "x", "moment": "2026-11-24T10:00:00+00:00", "object": {}}
    data = {name: samples[field.type] for name, field in topics.TOPICS[topic].fields.items()}
    body = json.loads(envelope(told("offer 42", topic=topic, data=data), former_names=former))
    schema = catalogue(former_names=former)[body["type"]]
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(body, schema)
    assert topics.current_data(topic, topics.former_data(topic, data)) == data


def test_former_names_are_those_that_receivers_of_the_version_before_know():
    alert = told("halted", topic="service_alert", data={"alert": "halt", "since": "2026-11-24T10:00:00+00:00"})
    body = json.loads(envelope(alert, former_names=True))
    assert (body["type"], body["data"]["trouble"], "alert" in body["data"]) == ("bridge.trouble", "halt", False)
    assert json.loads(envelope(alert))["type"] == "bridge.service_alert"


def test_an_envelope_is_what_the_catalogue_promises():
    data = {"effect": 1, "plan": 2, "verb": "pause", "target": "offer 42", "reason": "cr"}
    jsonschema.validate(json.loads(envelope(told("offer 42", data=data))), catalogue()["bridge.paused"])


def test_a_message_that_does_not_fit_its_schema_is_noticed():
    assert topics.problems("waiting", {"plan": 1}) == (
        "run is missing",
        "outcome is missing",
        "yes is missing",
    )
    assert topics.problems("paused", {"effect": "1", "x": 2})[-2:] == (
        "x is not in the schema",
        "effect is not an integer",
    )
