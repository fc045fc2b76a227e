"""A person says yes, or nobody says anything."""

from datetime import timedelta
from decimal import Decimal

import pytest

from rules.model.plan import Outcome
from rules.model.revision import Approve, Mode
from rules.planning.approval import expiry, may_answer, only, recheck
from rules.planning.undo import Applied, Terms, undo
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
    target,
)
from tests.planning.builders import state as world

ASKS = rule(mode=Mode.APPROVE)
LATER = NOW + HOUR


def test_what_is_still_true_is_carried_out():
    plan, difference = recheck(look(ASKS, "1 2"), look(ASKS, "1 2", now=LATER))
    assert (plan.outcome, paused_by(plan), difference.dropped) == (Outcome.READY, ["1", "2"], ())


def test_what_recovered_drops_out_and_the_person_is_told():
    plan, difference = recheck(look(ASKS, "1 2"), look(ASKS, {"1": YES, "2": NO}))
    assert (paused_by(plan), [effect.target.id for effect in difference.dropped]) == (["1"], ["2"])
    assert "no longer says yes" in difference.reasons[0].message


def test_what_cannot_be_decided_any_more_drops_out():
    assert recheck(look(ASKS, "1"), look(ASKS, {"1": NO_DECISION}))[0].outcome is Outcome.NOTHING


def test_what_is_new_since_is_not_smuggled_in():
    plan, difference = recheck(look(ASKS, "1"), look(ASKS, "1 2"))
    assert (paused_by(plan), [effect.target.id for effect in difference.left_out]) == (["1"], ["2"])


def test_a_hold_counts_from_the_yes():
    plan, _ = recheck(look(ASKS, "1"), look(ASKS, "1", now=LATER))
    assert plan.effects[0].hold_until == LATER + 12 * HOUR


def test_a_guard_that_speaks_by_now_is_the_reason():
    _, difference = recheck(look(ASKS, "1"), look(ASKS, "1", offer("1", changed_by_person=NOW)))
    assert difference.reasons[0].guard == "muted"


def test_a_halt_drops_everything():
    plan, difference = recheck(look(ASKS, "1 2"), look(ASKS, "1 2", halt="maintenance"))
    assert (plan.effects, {stop.guard for stop in difference.reasons}) == ((), {"halt"})


def test_another_wish_than_the_one_shown_is_not_carried_out():
    def set_to(payout):
        return look(rule(mode=Mode.APPROVE, then=(step("update", values={"payout": payout}),)), "1")

    plan, difference = recheck(set_to("3"), set_to("1"))
    assert (plan.effects, "something else" in difference.reasons[0].message) == ((), True)


def test_a_message_may_carry_newer_numbers():
    def telling(text):
        then = (step("pause"), step("notify", "traffic", id="2", values={"text": text}))
        return look(rule(mode=Mode.APPROVE, then=then), "1")

    plan, _ = recheck(telling("0.31%"), telling("0.29%"))
    assert plan.effects[1].wanted["text"] == "0.29%"


def test_a_step_whose_earlier_step_dropped_out_goes_with_it():
    then = (step("pause"), step("notify", "traffic", id="2"))
    asks = rule(mode=Mode.APPROVE, then=then)
    assert recheck(look(asks, "1"), look(asks, "1", paused("1", hold("1"))))[0].effects == ()


def test_a_rule_can_do_without_the_recheck():
    plan, _ = recheck(look(ASKS, "1"), look(ASKS, {"1": NO}), Approve(recheck=False))
    assert paused_by(plan) == ["1"]


def test_a_halt_counts_even_without_a_recheck():
    plan, _ = recheck(look(ASKS, "1"), look(ASKS, "1", halt="maintenance"), Approve(recheck=False))
    assert plan.effects == ()


def test_a_person_may_say_yes_to_a_part():
    assert paused_by(only(look(ASKS, "1 2 3"), {target("2")})) == ["2"]


def test_what_goes_with_the_chosen_part_stays_with_it():
    then = (step("pause"), step("notify", "traffic", id="2"))
    part = only(look(rule(mode=Mode.APPROVE, then=then), "1 2"), {target("2")})
    assert [(effect.verb, effect.subject.ids[0]) for effect in part.effects] == [("pause", "2"), ("notify", "2")]


def test_an_approved_undo_ends_its_holds():
    done = look(rule(), "1").effects
    terms = Terms(rule="low-cr", approved=True)
    from_ledger = [Applied(effect=effect, at=NOW) for effect in done]
    new = undo(from_ledger, world(paused("1", hold("1", since=NOW), seen_at=LATER)), LATER, terms)
    plan, _ = recheck(new, new)
    assert [ended.how for ended in plan.ended] == ["undo"]


@pytest.mark.parametrize("otherwise", ["drop", "proceed", "escalate"])
def test_after_its_time_a_plan_takes_the_way_that_the_rule_names(otherwise):
    approve = Approve(within=4 * HOUR, otherwise=otherwise)
    assert expiry(approve, NOW, NOW + 4 * HOUR) == otherwise
    assert expiry(approve, NOW, NOW + 4 * HOUR - timedelta(seconds=1)) == "wait"


def test_an_escalated_plan_waits_once_more_and_is_dropped_then():
    approve = Approve(within=4 * HOUR, otherwise="escalate")
    assert expiry(approve, NOW, NOW + 5 * HOUR, escalated=True) == "wait"
    assert expiry(approve, NOW, NOW + 8 * HOUR, escalated=True) == "drop"


def test_only_those_named_may_answer():
    approve = Approve(by=("ops", "anna"))
    assert may_answer(approve, "bob", {"ops"}, is_operator=False)
    assert may_answer(approve, "anna", (), is_operator=False)
    assert not may_answer(approve, "bob", {"traffic"}, is_operator=True)


def test_where_nobody_is_named_any_operator_may_answer():
    assert may_answer(Approve(), "bob", (), is_operator=True)
    assert not may_answer(Approve(), "bob", (), is_operator=False)


def test_the_waiting_plan_is_ranked_by_money():
    known = (offer("1", revenue_24h=Decimal(1)), offer("2", revenue_24h=Decimal(8)))
    assert paused_by(look(ASKS, "1 2", *known)) == ["2", "1"]
