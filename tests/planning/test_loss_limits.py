"""What `lose_at_most` does about items that the evidence does not decide in time."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from rules.model.plan import Outcome
from rules.model.revision import AtMost, Guards, HoldFor, KeepActive, LoseAtMost, Mode, Release
from rules.model.state import Probation
from rules.planning.approval import recheck
from rules.planning.plan import plan
from rules.planning.plan import targets as planned_for
from rules.planning.projected_state import after
from tests.planning.builders import (
    HOUR,
    NO,
    NOW,
    YES,
    hold,
    offer,
    paused,
    paused_by,
    rule,
    state,
    target,
    verdicts,
    why,
)

ASK = LoseAtMost(amount=Decimal(50), currency="USD")


def looked(revision, *, proven="", late="", lost=None, known=None, rechecked=False, **more):
    """One look at which `proven` are a yes and `late` lost too much; `lost` are those that did so since a return."""
    answers = {**dict.fromkeys(proven.split(), YES), **dict.fromkeys(late.split(), NO)}
    found = verdicts(revision, answers)
    names = [one.ids[0] for one in found.subjects]
    again = late.split() if lost is None else lost.split()
    found = replace(
        found,
        over_loss_limit=np.array([name in late.split() for name in names]),
        lost_since=lambda row, _moment: names[row] in again,
    )
    here = state(*(known if known is not None else map(offer, names)), **more)
    return plan(revision, found, here, NOW, answered=rechecked)


def test_a_person_is_asked_about_what_nothing_proves():
    made = looked(rule(lose_at_most=ASK), late="1 2")
    assert made.outcome is Outcome.WAITING
    assert paused_by(made) == ["1", "2"]
    assert made.stops[-1].message == "2 items may have lost more than 50 USD before the evidence decides"


def test_what_is_proven_goes_first_and_waits_for_nobody():
    made = looked(rule(lose_at_most=ASK), proven="1", late="2")
    assert (made.outcome, paused_by(made)) == (Outcome.READY, ["1"])
    assert why(made, "2") == ["lose_at_most"]


def test_a_rule_without_a_limit_does_nothing_about_it():
    made = looked(replace(rule(), lose_at_most=None), proven="1")
    assert paused_by(made) == ["1"]


def test_who_was_asked_about_is_not_asked_about_again():
    made = looked(rule(lose_at_most=ASK), late="1", asked=frozenset({target("1")}))
    assert (made.outcome, why(made, "1")) == (Outcome.NOTHING, ["waiting"])


def test_a_question_keeps_no_proof_back():
    made = looked(rule(lose_at_most=ASK), proven="1", asked=frozenset({target("1")}))
    assert (made.outcome, paused_by(made)) == (Outcome.READY, ["1"])


def test_questions_use_up_no_limit_and_spare_nobody_who_is_proven():
    guards = Guards(at_most=AtMost(targets=1), keep_active=(KeepActive("offer", 1, None),))
    known = [offer("1", revenue_24h=Decimal(1)), offer("2", revenue_24h=Decimal(9))]
    active = {("offer", None, None): 2}
    made = looked(rule(lose_at_most=ASK, guards=guards), proven="2", late="1", known=known, active=active)
    assert (made.outcome, paused_by(made)) == (Outcome.READY, ["2"])
    assert why(made, "1") == ["keep_active"]


def test_after_a_no_the_loss_counts_anew():
    answered = {target("1"): NOW - HOUR, target("2"): NOW - HOUR}
    made = looked(rule(lose_at_most=ASK), late="1 2", lost="2", answered=answered)
    assert paused_by(made) == ["2"]
    assert why(made, "1") == ["lose_at_most"]


def test_a_yes_is_checked_against_what_is_asked_and_what_is_proven():
    revision = rule(lose_at_most=ASK)
    old = looked(revision, late="1 2 3")
    new = looked(revision, proven="1", late="2 4", rechecked=True)
    kept, difference = recheck(old, new, revision.approve)
    assert (kept.outcome, paused_by(kept)) == (Outcome.READY, ["1", "2"])
    assert [effect.target.id for effect in difference.dropped] == ["3"]


@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.APPROVE])
def test_a_rule_that_does_not_act_alone_keeps_both_in_one_plan(mode):
    made = looked(rule(lose_at_most=ASK, mode=mode), proven="1", late="2")
    assert paused_by(made) == ["1", "2"]
    assert made.outcome is (Outcome.SHADOW if mode is Mode.SHADOW else Outcome.WAITING)


def test_a_rule_that_is_disabled_or_halted_asks_nothing():
    assert looked(rule(lose_at_most=ASK, mode=Mode.DISABLED), late="1").effects == ()
    halted = looked(rule(lose_at_most=ASK), late="1", halt="stop")
    assert (halted.outcome, halted.effects) == (Outcome.STOPPED, ())


def test_a_pause_comes_back_on_probation_and_the_loss_counts_anew():
    limit = LoseAtMost(amount=Decimal(50), then="pause", hold=HoldFor("duration", 3 * HOUR))
    revision = rule(lose_at_most=limit, release=Release(probation={"clicks": Decimal(500)}))
    made = looked(revision, proven="1", late="2")
    assert {one.target.id: one.hold_until for one in made.effects} == {"1": NOW + 12 * HOUR, "2": NOW + 3 * HOUR}
    returned = Probation(since=NOW - HOUR, seen={"clicks": Decimal(700)})
    again = looked(revision, late="2", lost="", known=[offer("2", probation=returned)])
    assert (again.effects, why(again, "2")) == ((), ["lose_at_most"])
    early = looked(revision, late="2", known=[offer("2", probation=replace(returned, seen={"clicks": Decimal(7)}))])
    assert why(early, "2") == ["probation"]


def test_a_cap_holds_until_midnight_and_begins_anew_each_day():
    limit = LoseAtMost(amount=Decimal(50), then="cap", clicks_per_day=200)
    revision = rule(
        lose_at_most=limit, release=Release(probation={"clicks": Decimal(500)}), guards=Guards(cooldown=24 * HOUR)
    )
    watched = offer("2", probation=Probation(since=NOW - HOUR), last_effect=NOW - 9 * HOUR, holds_before=5)
    [effect] = looked(revision, late="2", lost="", known=[watched]).effects
    assert effect.hold_until == (NOW + timedelta(days=1)).replace(hour=0)


def test_nothing_is_asked_about_what_is_paused_already():
    known = [paused("1", hold("1", by="other"))]
    made = looked(rule(lose_at_most=ASK), late="1", known=known)
    assert (made.outcome, made.joins, why(made, "1")) == (Outcome.NOTHING, (), ["already"])


def test_the_state_after_a_question_knows_it():
    revision = rule(lose_at_most=ASK)
    made = looked(revision, late="1")
    left = after(revision, state(offer("1")), made, NOW)
    assert (left.asked, left.waiting) == ({target("1")}, frozenset())


def test_whoever_fills_the_state_hears_of_undecided_targets():
    found = replace(verdicts(rule(lose_at_most=ASK), {"1": NO}), over_loss_limit=np.array([True]))
    assert planned_for(rule(lose_at_most=ASK), found) == {target("1")}
