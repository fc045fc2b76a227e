"""Why a rule did, or did not, act: now, at a time gone by, for what it leaves out, and for events."""

from datetime import timedelta

import pytest
from rule_texts import pause_rule

from bridge.operations import NotThere, OperationError
from bridge.operations.explain import explain, parse_subject

RULE = pause_rule(scope=", except: {offer.id: [1003]}", guards="{at_most: {targets: 50, share: 50%}}")
ON_EVENT = """
schema: 1
id: fraud
mode: live
trigger: {webhook: {source: crm}}
scope: {per: [offer], from: {offer: "{{ body.offer }}"}}
when: {all: [body.fraud > 10]}
then:
  - pause: offer
"""


@pytest.fixture
def offers(network):
    """1001 and 1004 convert, 1002 does not, 1003 does not either and is excepted, 1005 is inactive."""
    world = network.world
    for name, conversions in (("Good", 50), ("Bad", 1), ("Spared", 1), ("Fine", 60)):
        world.offer(name, clicks=1000, conversions=conversions, active=True)
    world.offer("Off", active=False)
    return network


def ask(network, subject, rule="low-cr", **more):
    return explain(network.services, rule, parse_subject(subject), now=network.now, **more)


def test_the_whole_scope_counts_for_the_limits_of_a_rule(offers):
    offers.rule(RULE.replace("mode: live", "mode: shadow"))
    offers.work()
    found = ask(offers, "offer=1002")
    assert found.would_do == ("pause offer 1002",)
    assert found.stopped_by == ("the rule is in shadow: what it wants is recorded, not done",)


def test_after_the_pause_it_is_said_who_paused_it_and_when_it_comes_back(offers):
    offers.rule(RULE)
    offers.work()
    found = ask(offers, "offer=1002")
    assert found.would_do == ()
    assert found.stopped_by == ()
    assert "Already paused by this rule since 2026-03-02 12:00 UTC (run 1), until" in found.text


def test_what_was_done_is_told_for_a_time_gone_by(offers):
    offers.rule(RULE)
    offers.work()
    then = offers.now
    offers.pass_time(hours=3)
    offers.work()
    found = ask(offers, "offer=1002", at=then + timedelta(minutes=1))
    assert found.verdict.answer.word == "yes"
    assert found.stopped_by == ()
    assert found.evaluations[0].did == ("pause offer 1002: applied",)


def test_a_miss_is_told_as_well_as_a_hit(offers):
    offers.rule(RULE)
    offers.work()
    [look] = ask(offers, "offer=1001").evaluations
    assert (look.answer, look.did) == ("no", ())
    assert "Last checks:\n  2026-03-02 12:00 UTC, run 1: no" in ask(offers, "offer=1001").text


@pytest.mark.parametrize(
    ("subject", "why"),
    [
        ("offer=1005", "offer.active is false; `where` wants true"),
        ("offer=1003", "`except` leaves out offer.id 1003"),
    ],
)
def test_what_is_not_in_scope_says_why(offers, subject, why):
    offers.rule(RULE)
    offers.work()
    found = ask(offers, subject)
    assert why in found.outside
    assert why in found.text
    assert "It would change with" not in found.text


def test_the_revision_that_was_live_then_is_used_even_before_its_first_run(offers):
    offers.rule(RULE)
    before = offers.now
    offers.pass_time(minutes=5)
    offers.rule(RULE.replace("< 1%", "< 2%"))
    offers.work()
    assert "cr < 1%" in ask(offers, "offer=1002", at=before + timedelta(minutes=1)).text
    assert "cr < 2%" in ask(offers, "offer=1002").text


def test_integr8s_own_text_id_names_the_same_offer(offers):
    offers.rule(RULE)
    offers.work()
    offer = next(one for one in offers.world.directory.offers.living() if one.view()["name"] == "Bad")
    assert ask(offers, f"offer={offer.key}").verdict.subject == parse_subject("offer=1002")


def test_a_subject_of_another_kind_says_what_to_write(offers):
    offers.rule(RULE)
    with pytest.raises(OperationError, match="write --subject offer="):
        ask(offers, "publisher=7")


# --- events ----------------------------------------------------------------------------------------


def test_a_rule_that_events_point_at_offers_is_explained_by_its_newest_event(offers):
    offers.rule(ON_EVENT)
    for number, fraud in ((1, 99), (2, 3)):
        offers.crm({"id": str(number), "offer": "1001", "fraud": fraud})
        offers.work()
        offers.pass_time(minutes=5)
    found = ask(offers, "offer=1001", "fraud")
    assert found.verdict.answer.word == "no"
    assert len(found.evaluations) == 1


def test_one_event_is_explained_with_what_it_led_to(offers):
    offers.rule(ON_EVENT)
    event = offers.crm({"id": "1", "offer": "1001", "fraud": 99}).get_json()["event_id"]
    offers.work()
    found = ask(offers, f"event={event}", "fraud")
    assert found.evaluations[0].did == ("pause offer 1001: applied",)


def test_an_event_that_names_nobody_says_so(offers):
    offers.rule(ON_EVENT)
    event = offers.crm({"id": "1", "fraud": 99}).get_json()["event_id"]
    offers.work()
    with pytest.raises(OperationError, match="names no offer"):
        ask(offers, f"event={event}", "fraud")


def test_an_offer_that_no_event_was_about_says_so(offers):
    offers.rule(ON_EVENT)
    with pytest.raises(NotThere, match="is about offer=1001"):
        ask(offers, "offer=1001", "fraud")


def test_an_event_of_another_source_is_refused(offers):
    offers.rule(RULE)
    event = offers.crm({"id": "1", "fraud": 99}).get_json()["event_id"]
    with pytest.raises(OperationError, match="has no trigger for crm"):
        ask(offers, f"event={event}")


def test_an_offer_that_integr8_does_not_have_cannot_be_explained(offers):
    offers.rule(RULE)
    offers.work()
    with pytest.raises(NotThere, match="there is no offer 4711"):
        ask(offers, "offer=4711")
