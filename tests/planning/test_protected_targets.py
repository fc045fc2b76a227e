"""Targets that a rule leaves alone although it says yes, and the sentence that says why."""

from datetime import timedelta
from decimal import Decimal

import pytest

from rules.model.plan import Outcome
from rules.model.revision import Guards, Release, Scope
from rules.model.state import Probation
from tests.planning.builders import HOUR, NOW, look, offer, paused_by, rule, step, text, why


def test_a_protected_offer_is_never_touched():
    found = look(rule(), "1 1001", protected={"offer": frozenset({"1001"})})
    assert (paused_by(found), why(found, "1001")) == (["1"], ["protected"])


def test_protection_speaks_of_one_kind_only():
    assert paused_by(look(rule(), "7", protected={"publisher": frozenset({"7"})})) == ["7"]


def test_protection_holds_whichever_of_its_two_ids_is_written():
    known = offer("42", aliases=frozenset({"01HOFFER"}))
    assert why(look(rule(), "42", known, protected={"offer": frozenset({"01HOFFER"})}), "42") == ["protected"]


def test_a_publisher_can_be_protected_by_its_key():
    then = (step("ensure", "publisher", key={"email": text("vip@a.example")}),)
    found = look(rule(then=then), "1", protected={"publisher": frozenset({"vip@a.example"})})
    assert (found.effects, [stop.guard for stop in found.stops]) == ((), ["protected"])


def test_an_exception_holds_whichever_of_its_two_ids_is_written():
    scope = Scope(per=("offer",), exclude={"offer.id": ("01HOFFER",)})
    assert why(look(rule(scope=scope), "42", offer("42", aliases=frozenset({"01HOFFER"}))), "42") == ["except"]


def test_an_excepted_offer_is_left_alone_even_when_the_scope_missed_it():
    scope = Scope(per=("offer",), exclude={"offer.id": (7, 8)})
    found = look(rule(scope=scope), "7 9")
    assert (paused_by(found), why(found, "7")) == (["9"], ["except"])


def test_an_offer_that_left_the_scope_meanwhile_is_left_alone():
    scope = Scope(per=("offer",), where={"offer.visibility": ("public",)})
    found = look(rule(scope=scope), "1 2", offer("1", values={"visibility": "private"}))
    assert (paused_by(found), why(found, "1")) == (["2"], ["where"])


def test_a_scope_of_active_offers_does_not_speak_against_an_offer_that_we_paused():
    scope = Scope(per=("offer",), where={"offer.active": (True,)})
    activating = rule(scope=scope, then=(step("activate"),))
    assert paused_by(look(activating, "1", offer("1", active=False))) == ["1"]


@pytest.mark.parametrize("muted_by", ["low-cr", "*"])
def test_a_muted_offer_is_left_alone_until_the_mute_ends(muted_by):
    known = offer("1", muted_until={muted_by: NOW + HOUR})
    assert why(look(rule(), "1", known), "1") == ["muted"]
    assert paused_by(look(rule(), "1", known, now=NOW + HOUR)) == ["1"]


def test_a_mute_of_another_rule_is_none_of_ours():
    assert paused_by(look(rule(), "1", offer("1", muted_until={"other": NOW + HOUR}))) == ["1"]


def test_an_offer_that_a_person_changed_is_left_alone_for_a_day():
    known = offer("1", changed_by_person=NOW - HOUR)
    assert why(look(rule(), "1", known), "1") == ["muted"]
    assert paused_by(look(rule(), "1", known, now=NOW + 23 * HOUR)) == ["1"]


def test_a_rule_can_respect_people_for_a_shorter_time():
    revision = rule(guards=Guards(respect_people=timedelta(minutes=30)))
    assert paused_by(look(revision, "1", offer("1", changed_by_person=NOW - HOUR))) == ["1"]


def test_an_offer_cools_down_after_the_last_effect_of_the_rule():
    revision = rule(guards=Guards(cooldown=6 * HOUR))
    known = offer("1", last_effect=NOW - 5 * HOUR)
    assert why(look(revision, "1", known), "1") == ["cooldown"]
    assert paused_by(look(revision, "1", known, now=NOW + HOUR)) == ["1"]


def test_an_offer_that_came_back_is_not_judged_before_its_probation_sample_is_there():
    revision = rule(release=Release(probation={"clicks": Decimal(500)}))
    known = offer("1", probation=Probation(since=NOW - HOUR, seen={"clicks": Decimal(499)}))
    assert why(look(revision, "1", known), "1") == ["probation"]


def test_a_probation_without_any_data_is_not_over():
    revision = rule(release=Release(probation={"clicks": Decimal(500)}))
    assert why(look(revision, "1", offer("1", probation=Probation(since=NOW - HOUR))), "1") == ["probation"]


def test_an_offer_is_judged_again_once_its_probation_sample_is_there():
    revision = rule(release=Release(probation={"clicks": Decimal(500)}))
    known = offer("1", probation=Probation(since=NOW - HOUR, seen={"clicks": Decimal(500)}))
    assert paused_by(look(revision, "1", known)) == ["1"]


def test_an_offer_that_waits_for_an_approval_is_not_asked_for_twice():
    found = look(rule(), "1", waiting=frozenset({offer("1").target}))
    assert (found.outcome, why(found, "1")) == (Outcome.NOTHING, ["waiting"])


def test_a_plan_whose_every_wish_a_guard_stopped_says_so():
    assert look(rule(), "1", protected={"offer": frozenset({"1"})}).outcome is Outcome.STOPPED


def test_a_halt_stops_everything_and_says_who_wanted_it():
    found = look(rule(), "1 2", halt="tracking is being moved")
    assert (found.outcome, found.effects, why(found)) == (Outcome.STOPPED, (), ["halt"])
    assert "tracking is being moved" in found.stops[0].message


def test_a_rule_stands_still_after_too_many_errors_in_a_row():
    assert why(look(rule(), "1", errors=5)) == ["breaker"]
    assert paused_by(look(rule(), "1", errors=4)) == ["1"]
