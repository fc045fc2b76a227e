"""Taking a run back."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from rules.model.plan import Outcome
from rules.model.revision import AtMost, Guards, KeepActive
from rules.planning.undo import Applied, Terms, touched, undo
from tests.planning.builders import HOUR, NOW, hold, look, offer, paused, rule, state, step, target

THEN = NOW - HOUR
TERMS = Terms(rule="low-cr", revision=rule())


def carried_out(found, at=THEN, **fields):
    return [Applied(effect=effect, at=at, **fields) for effect in found.effects]


def pauses(ids):
    return carried_out(look(rule(), ids))


def held(identifier, **fields):
    return paused(identifier, hold(identifier, since=THEN), seen_at=NOW, **fields)


def wants(found):
    return [(effect.verb, str(effect.target), effect.wanted) for effect in found.effects]


def test_a_pause_is_taken_back():
    found = undo(pauses("1"), state(held("1")), NOW, TERMS)
    assert (found.outcome, wants(found)) == (Outcome.READY, [("activate", "offer 1", {"active": True})])


def test_the_hold_ends_and_the_rule_is_muted_or_it_would_do_it_again():
    (ended,) = undo(pauses("1"), state(held("1")), NOW, TERMS).ended
    assert (ended.how, ended.returns, ended.mute_until) == ("undo", True, NOW + 24 * HOUR)


def test_a_part_of_a_run_can_be_taken_back():
    found = undo(pauses("1 2"), state(held("1"), held("2")), NOW, replace(TERMS, only=frozenset({target("2")})))
    assert [str(effect.target) for effect in found.effects] == ["offer 2"]


def test_what_a_person_changed_since_is_left_alone():
    found = undo(pauses("1"), state(held("1", changed_by_person=NOW)), NOW, TERMS)
    assert (found.effects, found.stops[0].guard) == ((), "changed")


def test_what_went_back_already_is_left_alone():
    found = undo(pauses("1"), state(offer("1", seen_at=NOW)), NOW, TERMS)
    assert (found.effects, found.stops[0].guard) == ((), "already")


def test_what_a_later_run_paused_again_is_left_alone():
    known = paused("1", hold("1", since=NOW - timedelta(minutes=5)), seen_at=NOW)
    assert undo(pauses("1"), state(known), NOW, TERMS).stops[0].guard == "changed"


def test_a_value_that_was_changed_since_is_left_alone():
    done = carried_out(
        look(rule(then=(step("update", values={"payout": "3"}),)), "1", offer("1", values={"payout": "5"}))
    )
    known = offer("1", values={"payout": "4"}, seen_at=NOW)
    assert undo(done, state(known), NOW, TERMS).stops[0].guard == "changed"


def test_a_value_goes_back_to_what_it_was():
    done = carried_out(
        look(rule(then=(step("update", values={"payout": "3"}),)), "1", offer("1", values={"payout": "5"}))
    )
    found = undo(done, state(offer("1", values={"payout": 3}, seen_at=NOW)), NOW, TERMS)
    assert (wants(found), found.mutes[0].target) == ([("update", "offer 1", {"payout": "5"})], target("1"))


def test_what_the_call_itself_read_counts_more_than_what_the_plan_knew():
    done = carried_out(
        look(rule(then=(step("update", values={"payout": "3"}),)), "1", offer("1", values={"payout": "5"})),
        before={"payout": "6"},
    )
    assert undo(done, state(), NOW, TERMS).effects[0].wanted == {"payout": "6"}


def test_a_mirror_that_is_older_than_the_change_proves_nothing():
    found = undo(pauses("1"), state(offer("1", seen_at=THEN - HOUR, holds=(hold("1", since=THEN),))), NOW, TERMS)
    assert wants(found) == [("activate", "offer 1", {"active": True})]


def test_a_value_that_nobody_knew_before_is_not_invented():
    done = carried_out(look(rule(), "1", offer("1", active=None)))
    assert undo(done, state(held("1")), NOW, TERMS).stops[0].guard == "no_prior"


def test_several_changes_of_one_target_are_taken_back_as_one():
    first = carried_out(
        look(rule(then=(step("update", values={"payout": "4"}),)), "1", offer("1", values={"payout": "5"}))
    )
    then = rule(then=(step("update", id="2", values={"payout": "3"}),))
    second = carried_out(look(then, "1", offer("1", values={"payout": "4"})), at=THEN + timedelta(minutes=1))
    found = undo([*first, *second], state(offer("1", values={"payout": "3"}, seen_at=NOW)), NOW, TERMS)
    assert [effect.wanted for effect in found.effects] == [{"payout": "5"}]


def test_another_holder_keeps_the_offer_paused():
    known = paused("1", hold("1", since=THEN), hold("1", by="other"), seen_at=NOW)
    found = undo(pauses("1"), state(known), NOW, TERMS)
    assert (found.effects, [ended.returns for ended in found.ended]) == ((), [False])


def test_an_undo_can_itself_be_undone():
    back = undo(pauses("1"), state(held("1")), NOW, TERMS)
    again = undo(carried_out(back, at=NOW), state(offer("1", seen_at=NOW + HOUR)), NOW + HOUR, TERMS)
    assert wants(again) == [("pause", "offer 1", {"active": False})]
    assert again.effects[0].hold is not None


def test_what_was_created_is_archived_in_the_reverse_order():
    publisher = look(rule(then=(step("ensure", "publisher", id="pub", values={"name": "x"}),)), "1").effects[0]
    login = look(rule(then=(step("ensure", "user", id="login", values={"role": "admin"}),)), "1").effects[0]
    done = [Applied(effect=publisher, at=THEN, created="p1"), Applied(effect=login, at=THEN, created="u1")]
    found = undo(done, state(), NOW, TERMS)
    assert {str(one.target): one.after for one in found.effects} == {"user u1": (), "publisher p1": ("undo-login",)}
    assert {one.verb for one in found.effects} == {"archive"}


@pytest.mark.parametrize("verb", ["archive", "notify", "http"])
def test_what_cannot_be_taken_back_says_so(verb):
    done = carried_out(look(rule(then=(step(verb, "offer"),)), "1"))
    found = undo(done, state(), NOW, TERMS)
    assert (found.outcome, found.stops[0].guard) == (Outcome.STOPPED, "one_way")


def test_a_protected_target_is_not_touched_by_an_undo_either():
    found = undo(pauses("1"), state(held("1"), protected={"offer": frozenset({"1"})}), NOW, TERMS)
    assert (found.effects, found.stops[0].guard) == ((), "protected")


def test_a_halt_stops_an_undo():
    assert undo(pauses("1"), state(held("1"), halt="maintenance"), NOW, TERMS).outcome is Outcome.STOPPED


def test_an_undo_over_the_limit_waits_for_a_person_and_ends_no_hold_before():
    careful = replace(TERMS, revision=rule(guards=Guards(at_most=AtMost(targets=1))))
    found = undo(pauses("1 2"), state(held("1"), held("2")), NOW, careful)
    assert (found.outcome, found.ended) == (Outcome.WAITING, ())


def test_an_approved_undo_is_not_asked_for_its_size_again():
    careful = replace(TERMS, revision=rule(guards=Guards(at_most=AtMost(targets=1))), approved=True)
    assert undo(pauses("1 2"), state(held("1"), held("2")), NOW, careful).outcome is Outcome.READY


def test_taking_an_activation_back_keeps_the_last_one_active():
    keeping = rule(then=(step("activate"),), guards=Guards(keep_active=(KeepActive("offer", 1, "advertiser"),)))
    done = carried_out(look(keeping, "1", offer("1", active=False)))
    known = state(offer("1", seen_at=NOW), active={("offer", "advertiser", "7"): 1})
    found = undo(done, known, NOW, replace(TERMS, revision=keeping))
    assert (found.effects, found.stops[0].guard) == ((), "keep_active")


def test_a_run_of_a_rule_that_is_gone_can_be_taken_back():
    assert undo(pauses("1"), state(held("1")), NOW, Terms(rule="low-cr")).outcome is Outcome.READY


def test_the_most_valuable_goes_back_first():
    known = state(held("1", revenue_24h=Decimal(1)), held("2", revenue_24h=Decimal(9)))
    assert [effect.target.id for effect in undo(pauses("1 2"), known, NOW, TERMS).effects] == ["2", "1"]


def test_whoever_fills_the_state_can_ask_which_targets_matter():
    assert touched(pauses("1 2")) == {target("1"), target("2")}
