from decimal import Decimal

import pytest

from rules.evaluation.evaluate import evaluate
from rules.evaluation.events import EventFacts, subject_of, walk
from rules.evaluation.templates import value_of
from rules.loading.load import load
from rules.model.errors import Unfilled
from rules.model.facts import Subject
from rules.model.verdicts import Answer

DEAL = {
    "deal_id": 17,
    "deal": {"type": "publisher"},
    "company": "Blue Fox",
    "country": None,
    "amount": Decimal("12.50"),
    "tags": ["a", "b"],
    "contact": {"email": "ann@bluefox.example", "first-name": "Ann"},
}


@pytest.fixture
def deal():
    return EventFacts(DEAL, {"id": "evt_1", "type": "deal.signed", "source": "crm"})


def answer(rule, facts, now):
    return Answer(int(evaluate(rule, facts, now).answers[0]))


def test_an_event_is_its_own_subject(deal, hook, now):
    assert subject_of(hook("['event.type = \"x\"']").scope, deal, now) == Subject(("event",), ("evt_1",))


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ('body.deal.type = "publisher"', Answer.YES),
        ('body.contact["first-name"] = "Ann"', Answer.YES),
        ('body.tags[1] = "b"', Answer.YES),
        ("body.amount > 12.4", Answer.YES),
        ("body.country = null", Answer.YES),
        ('body.country = "DE"', Answer.NO_DECISION),
        ("body.nothing.at.all > 5", Answer.NO_DECISION),
        ('event.type = "deal.signed" and event.source = "crm"', Answer.YES),
        ('contains(body.tags, "c")', Answer.NO),
        ('body.deal_id in ["17", "18"]', Answer.YES),
        ("true", Answer.YES),
    ],
)
def test_conditions_look_into_the_body(deal, hook, now, when, expected):
    assert answer(hook(f"['{when}']"), deal, now) is expected


def test_a_rule_without_when_takes_every_event(deal, environment, now):
    text = "schema: 1\nid: a\ntrigger: {webhook: {source: crm}}\nthen: [{notify: traffic}]\n"
    assert answer(load(text, name="f", environment=environment).revisions[0], deal, now) is Answer.YES


ABOUT = """schema: 1
id: about
trigger: {webhook: {source: postback, dedupe: body.tx}}
scope: {per: [offer], from: {offer: body.offer}}
data: {window: 1h}
when: [body.status = "rejected", rejected >= 10]
then: [{notify: traffic, with: {text: "{{ offer.id }}: {{ rejected }}", raw: "{{ body }}"}}]
"""


def test_an_event_can_be_about_an_offer_and_its_numbers(environment, offers, now):
    rule = load(ABOUT, name="f", environment=environment).revisions[0]
    event = EventFacts({"offer": 42, "status": "rejected", "tx": "t1"}, {"id": "e"})
    assert subject_of(rule.scope, event, now) == Subject(("offer",), ("42",))
    beneath = offers().add(42, rejected=[(0.5, 12)])
    both = EventFacts(event.body, event.event, beneath)
    assert answer(rule, both, now) is Answer.YES


def test_an_event_that_does_not_name_its_offer_says_so(environment, now):
    rule = load(ABOUT, name="f", environment=environment).revisions[0]
    with pytest.raises(Unfilled, match=r"body\.offer is missing"):
        subject_of(rule.scope, EventFacts({}, {"id": "e"}), now)


def test_the_dedupe_key_is_a_value_of_the_body(environment, deal, now):
    rule = load(ABOUT, name="f", environment=environment).revisions[0]
    assert value_of(rule.trigger.dedupe, EventFacts({"tx": "t1"}, {}), 0, now) == "t1"


def filled(hook, deal, now, text):
    rule = hook("[true]", then=f"[{{notify: traffic, with: {{text: '{text}'}}}}]")
    return evaluate(rule, deal, now).fill(0, rule.then[0].values["text"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ body.deal_id }}", 17),
        ("{{ body.amount }}", 12.5),
        ("{{ body.tags }}", ["a", "b"]),
        ("{{ body.contact }}", {"email": "ann@bluefox.example", "first-name": "Ann"}),
        ("{{ body.deal_id > 5 }}", True),
        ("deal {{ body.deal_id }} of {{ upper(body.company) }}: {{ body.amount * 2 }}", "deal 17 of BLUE FOX: 25"),
        ('{{ default(body.country, "DE") }}', "DE"),
    ],
)
def test_a_template_is_filled_and_keeps_the_values_own_type(hook, deal, now, text, expected):
    assert filled(hook, deal, now, text) == expected


def test_a_value_is_never_evaluated_a_second_time(hook, now):
    facts = EventFacts({"name": "{{ body.secret }}", "secret": "s"}, {"id": "e"})
    assert filled(hook, facts, now, "{{ body.name }}") == "{{ body.secret }}"


def test_a_template_with_a_missing_value_is_not_filled(hook, deal, now):
    with pytest.raises(Unfilled, match=r"body\.country is missing"):
        filled(hook, deal, now, "from {{ body.country }}")


def test_a_list_does_not_fit_into_a_text(hook, deal, now):
    with pytest.raises(Unfilled, match="cannot be part of a text"):
        filled(hook, deal, now, "tags {{ body.tags }}")


def test_a_value_of_an_earlier_step_stays_a_reference(hook, deal, now):
    rule = hook(
        "[true]",
        then='[{id: pub, ensure: publisher, key: {email: x}}, {notify: traffic, with: {n: "{{ pub.id }}"}}]',
    )
    assert evaluate(rule, deal, now).fill(0, rule.then[1].values["n"]) == {"$ref": "pub.id"}


def test_walking_into_something_that_is_no_container_finds_nothing():
    assert walk({"a": "text"}, "a.b") is None
    assert walk({"a": [1]}, "a.7") is None
    assert walk({"a": 1}, ".".join("a" * 100)) is None
