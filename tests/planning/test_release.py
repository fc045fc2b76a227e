"""A hold ends: by time, by the early condition, by hand; and what may go back."""

from datetime import timedelta
from decimal import Decimal

import pytest

from rules.model.plan import Outcome
from rules.model.revision import Mode, Release
from rules.planning.release import Terms, by_hand, sweep
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
    state,
    why,
)


def due(identifier="1", by="low-cr", **fields):
    return hold(identifier, by, until=NOW, **fields)


def returned(found):
    return [str(effect.target) for effect in found.releases]


def how(found):
    return [(ended.how, ended.returns) for ended in found.ended]


def test_when_its_time_is_up_the_offer_goes_back():
    found = look(rule(), {"1": NO}, paused("1", due()))
    (back,) = found.releases
    assert (back.verb, back.wanted, back.prior) == ("activate", {"active": True}, {"active": False})
    assert how(found) == [("time", True)]


def test_before_its_time_the_offer_stays():
    found = look(rule(), {"1": NO}, paused("1", hold("1")))
    assert (found.releases, found.ended) == ((), ())


def test_a_hold_until_someone_lets_go_never_ends_by_itself():
    assert look(rule(), {"1": NO}, paused("1", hold("1", until=None)), now=NOW + 9999 * HOUR).ended == ()


def test_the_early_condition_ends_a_hold_when_new_data_came_in():
    found = look(rule(), {"1": NO}, paused("1", hold("1", new_data=True)), early={"1": YES})
    assert (returned(found), how(found)) == (["offer 1"], [("early", True)])


def test_a_paused_offer_without_data_has_not_recovered():
    found = look(rule(), {"1": NO}, paused("1", hold("1", new_data=False)), early={"1": YES})
    assert found.releases == ()


@pytest.mark.parametrize("answer", [NO, NO_DECISION])
def test_only_a_yes_of_the_early_condition_lets_go(answer):
    assert look(rule(), {"1": NO}, paused("1", hold("1", new_data=True)), early={"1": answer}).releases == ()


def test_an_offer_that_comes_back_with_a_probation_is_watched():
    revision = rule(release=Release(probation={"clicks": Decimal(500)}))
    assert look(revision, {"1": NO}, paused("1", due())).ended[0].probation


def test_what_goes_back_just_now_is_not_paused_in_the_same_breath():
    found = look(rule(), "1", paused("1", due()))
    assert (returned(found), found.effects) == (["offer 1"], ())


def test_another_holder_keeps_the_offer_paused():
    found = look(rule(), {"1": NO}, paused("1", due(), hold("1", by="payout-ceiling")))
    assert (found.releases, how(found)) == ((), [("time", False)])
    assert "payout-ceiling" in found.ended[0].message


def test_another_holder_whose_time_is_up_too_keeps_nothing():
    assert returned(look(rule(), {"1": NO}, paused("1", due(), due(by="payout-ceiling")))) == ["offer 1"]


def test_what_was_not_active_before_us_stays_as_it_is():
    assert how(look(rule(), {"1": NO}, paused("1", due(active_before=False)))) == [("time", False)]


def test_what_is_active_already_needs_no_return():
    found = look(rule(), {"1": NO}, offer("1", holds=(due(since=NOW - HOUR),), seen_at=NOW - 2 * HOUR))
    assert (found.releases, how(found)) == ((), [("time", False)])


def test_a_pause_of_another_rule_that_is_under_way_keeps_the_offer():
    known = offer("1", active=None, holds=(due(),), pending={"active": False})
    assert how(look(rule(), {"1": NO}, known)) == [("time", False)]


def test_an_offer_that_is_gone_ends_its_hold():
    assert how(look(rule(), {"1": NO}, paused("1", due(), exists=False))) == [("gone", False)]


def test_an_offer_that_became_protected_is_not_touched():
    found = look(rule(), {"1": NO}, paused("1", due()), protected={"offer": frozenset({"1"})})
    assert (found.releases, found.ended, why(found, "1")) == ((), (), ["protected"])


def test_a_halt_keeps_everything_where_it_is():
    found = look(rule(), {"1": NO}, paused("1", due()), halt="maintenance")
    assert (found.releases, found.ended, found.outcome) == ((), (), Outcome.STOPPED)


@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.DISABLED, Mode.APPROVE])
def test_a_rule_that_was_taken_back_a_step_keeps_its_promise(mode):
    assert returned(look(rule(mode=mode), {"1": NO}, paused("1", due()))) == ["offer 1"]


def test_a_rule_in_shadow_makes_no_new_decision_about_a_hold():
    known = paused("1", hold("1", new_data=True))
    assert look(rule(mode=Mode.SHADOW), {"1": NO}, known, early={"1": YES}).releases == ()


def test_other_rules_holds_are_none_of_ours():
    assert look(rule(), {"1": NO}, paused("1", due(by="other"))).ended == ()


def test_holds_of_a_rule_that_is_no_longer_there_still_end():
    found = sweep("gone-rule", state(paused("1", due(by="gone-rule"))), NOW)
    assert (returned(found), found.outcome) == (["offer 1"], Outcome.READY)


# --- people ----------------------------------------------------------------------------------------


def test_a_change_by_hand_ends_the_hold_and_mutes_the_rule():
    found = look(rule(), {"1": NO}, offer("1", holds=(hold("1"),), changed_by_person=NOW - HOUR))
    assert (how(found), found.ended[0].mute_until) == ([("override", False)], NOW + 23 * HOUR)


def test_a_change_before_the_hold_began_is_an_old_story():
    known = paused("1", hold("1"), changed_by_person=NOW - 3 * HOUR)
    assert look(rule(), {"1": NO}, known).ended == ()


def test_an_offer_found_active_under_our_hold_was_switched_on_by_somebody():
    found = look(rule(), {"1": NO}, offer("1", holds=(hold("1"),), seen_at=NOW))
    assert how(found) == [("override", False)]


def test_a_reading_that_passed_the_pause_on_its_way_proves_nothing():
    since = NOW - timedelta(seconds=30)
    assert look(rule(), {"1": NO}, offer("1", holds=(hold("1", since=since),), seen_at=NOW)).ended == ()


def test_what_was_seen_before_the_hold_began_proves_nothing():
    known = offer("1", holds=(hold("1", since=NOW),), seen_at=NOW - HOUR)
    assert look(rule(), {"1": NO}, known).ended == ()


def test_an_overridden_offer_is_not_paused_again_at_once():
    found = look(rule(), "1", offer("1", holds=(hold("1"),), changed_by_person=NOW - HOUR))
    assert paused_by(found) == []


def test_an_override_is_noted_even_while_everything_is_halted():
    known = offer("1", holds=(hold("1"),), changed_by_person=NOW - HOUR)
    assert how(look(rule(), {"1": NO}, known, halt="maintenance")) == [("override", False)]


def test_a_person_lets_go_and_the_rule_is_muted():
    (found,) = by_hand([hold("1")], state(paused("1", hold("1"))), Terms(), NOW)
    assert (returned(found), how(found)) == (["offer 1"], [("hand", True)])
    assert found.ended[0].mute_until == NOW + 24 * HOUR


def test_a_person_lets_go_of_all_holders_at_once_and_the_offer_goes_back_once():
    both = [hold("1"), hold("1", by="other")]
    plans = by_hand(both, state(paused("1", *both)), Terms(), NOW)
    assert [returned(one) for one in plans] == [[], ["offer 1"]]
    assert [ended.how for one in plans for ended in one.ended] == ["hand", "hand"]


def test_letting_go_of_one_of_two_holders_leaves_the_offer_paused():
    both = [hold("1"), hold("1", by="other")]
    (found,) = by_hand(both[:1], state(paused("1", *both)), Terms(), NOW)
    assert returned(found) == []


def test_a_halt_stands_above_a_person_who_lets_go():
    (found,) = by_hand([hold("1")], state(paused("1", hold("1")), halt="maintenance"), Terms(), NOW)
    assert (returned(found), found.ended) == ([], ())
