"""A rule says yes; what becomes of it when nothing stands against it."""

from datetime import timedelta

from rules.model.plan import Outcome
from rules.model.revision import HoldFor, Mode
from tests.planning.builders import (
    HOUR,
    NO,
    NO_DECISION,
    NOW,
    YES,
    hold,
    look,
    offer,
    paused,
    paused_by,
    rule,
    step,
    why,
)


def test_a_yes_pauses_the_offer_urgently_and_remembers_what_was():
    (effect,) = look(rule(), "42").effects
    assert (effect.verb, str(effect.target), effect.wanted, effect.prior) == (
        "pause",
        "offer 42",
        {"active": False},
        {"active": True},
    )
    assert effect.urgent


def test_the_effect_carries_the_reason_of_its_verdict():
    assert look(rule(), "42").effects[0].reason == "because of offer=42"


def test_a_live_plan_is_ready():
    assert look(rule(), "42").outcome is Outcome.READY


def test_a_shadow_plan_is_recorded_only():
    found = look(rule(mode=Mode.SHADOW), "42")
    assert (found.outcome, paused_by(found)) == (Outcome.SHADOW, ["42"])


def test_a_rule_in_approve_mode_waits_for_a_person():
    found = look(rule(mode=Mode.APPROVE), "42")
    assert (found.outcome, found.waiting_since) == (Outcome.WAITING, NOW)


def test_a_disabled_rule_wants_nothing():
    assert look(rule(mode=Mode.DISABLED), "42").outcome is Outcome.NOTHING


def test_neither_no_nor_no_decision_becomes_an_effect():
    found = look(rule(), {"1": NO, "2": NO_DECISION, "3": YES})
    assert paused_by(found) == ["3"]


def test_nothing_wanted_is_nothing():
    assert look(rule(), {"1": NO}).outcome is Outcome.NOTHING


def test_the_plan_is_ranked_by_the_money_that_hangs_on_each_offer():
    found = look(rule(), "1 2 3", offer("1", revenue_24h=5), offer("2", revenue_24h=50), offer("3", revenue_24h=None))
    assert paused_by(found) == ["2", "1", "3"]


def test_a_hold_of_twelve_hours_ends_twelve_hours_from_now():
    assert look(rule(), "42").effects[0].hold_until == NOW + 12 * HOUR


def test_a_pause_without_a_hold_lasts_until_a_person_lets_go():
    (effect,) = look(rule(then=(step(),)), "42").effects
    assert (effect.hold, effect.hold_until) == (HoldFor("manual"), None)


def test_a_second_hold_in_a_row_doubles():
    (effect,) = look(rule(), "42", offer("42", holds_before=1)).effects
    assert (effect.hold_count, effect.hold_until) == (2, NOW + 24 * HOUR)


def test_a_fourth_hold_in_a_row_is_for_a_person_to_end():
    (effect,) = look(rule(), "42", offer("42", holds_before=3)).effects
    assert effect.hold_until is None


def test_an_offer_that_is_paused_already_is_left_as_it_is():
    found = look(rule(), "42", paused("42"))
    assert (found.outcome, why(found, "42")) == (Outcome.NOTHING, ["already"])


def test_an_offer_that_we_hold_is_not_paused_again():
    assert why(look(rule(), "42", paused("42", hold("42"))), "42") == ["held"]


def test_a_pause_that_is_under_way_is_not_wanted_twice():
    assert why(look(rule(), "42", offer("42", pending={"active": False})), "42") == ["pending"]


def test_an_offer_that_another_rule_holds_is_held_by_both():
    found = look(rule(), "42", paused("42", hold("42", by="payout-ceiling")))
    (joined,) = found.joins
    assert (found.effects, joined.rule, joined.until) == ((), "low-cr", NOW + 12 * HOUR)


def test_joining_a_hold_remembers_that_the_offer_was_active_before_all_of_us():
    found = look(rule(), "42", paused("42", hold("42", by="other", active_before=True)))
    assert found.joins[0].active_before


def test_an_offer_that_a_person_paused_is_not_joined():
    assert look(rule(), "42", paused("42")).joins == ()


def test_a_rule_can_activate_an_offer():
    (effect,) = look(rule(then=(step("activate"),)), "42", paused("42")).effects
    assert (effect.wanted, effect.urgent, effect.hold) == ({"active": True}, False, None)


def test_a_rule_does_not_activate_what_another_rule_holds():
    assert why(look(rule(then=(step("activate"),)), "42", paused("42", hold("42", by="other"))), "42") == ["hold"]


def test_an_offer_nobody_has_seen_yet_is_paused_without_a_prior_value():
    found = look(rule(), "42", offer("42", active=None))
    assert found.effects[0].prior is None


def test_an_offer_that_is_gone_is_not_touched():
    assert why(look(rule(), "42", offer("42", exists=False)), "42") == ["gone"]


def test_a_hold_until_midnight_ends_at_midnight_of_the_rule():
    revision = rule(then=(step(hold=HoldFor("midnight")),))
    assert look(revision, "42").effects[0].hold_until == NOW + timedelta(hours=14)
