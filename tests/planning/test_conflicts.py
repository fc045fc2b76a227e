"""Several rules in one tick."""

from decimal import Decimal
from itertools import permutations

import pytest

from rules.model.plan import Outcome
from rules.model.revision import Guards, KeepActive, Mode
from rules.planning.conflicts import settle
from tests.planning.builders import NO, NOW, hold, look, offer, paused, paused_by, rule, state, step, why

PAUSE = rule(id="pauses")
ACTIVATE = rule(id="activates", priority=9, then=(step("activate"),))


def update(name, payout, priority=0, **fields):
    return rule(id=name, priority=priority, then=(step("update", values={"payout": payout}),), **fields)


def test_paused_is_the_safe_side_whatever_the_priorities():
    pause = look(PAUSE, "1", offer("1", active=None))
    activate = look(ACTIVATE, "1", offer("1", active=None))
    pausing, activating = settle([pause, activate])
    assert (paused_by(pausing), activating.effects, activating.outcome) == (["1"], (), Outcome.STOPPED)


def test_both_rules_are_told():
    plans = settle([look(PAUSE, "1", offer("1", active=None)), look(ACTIVATE, "1", offer("1", active=None))])
    assert [why(plan, "1") for plan in plans] == [["conflict"], ["conflict"]]
    assert "activates" in plans[0].stops[0].message
    assert "pauses" in plans[1].stops[0].message


def test_a_notice_about_a_change_that_lost_is_not_sent():
    then = (step("activate"), step("notify", "traffic", id="2"))
    activate = look(rule(id="activates", then=then), "1", offer("1", active=None))
    assert settle([look(PAUSE, "1", offer("1", active=None)), activate])[1].effects == ()


def test_rules_that_want_the_same_both_keep_their_effect_and_their_hold():
    one, other = settle([look(PAUSE, "1"), look(rule(id="pauses-too"), "1")])
    assert (one.effects[0].also, other.effects[0].also) == (("pauses-too",), ("pauses",))
    assert other.effects[0].hold is not None


def test_a_shadow_rule_never_stands_in_the_way():
    shadow = look(rule(id="dreams", mode=Mode.SHADOW), "1", offer("1", active=None))
    live = look(ACTIVATE, "1", offer("1", active=None))
    settled = settle([shadow, live])
    assert settled == (shadow, live)


def test_a_shadow_rule_is_told_that_it_would_have_lost():
    shadow = look(rule(id="dreams", mode=Mode.SHADOW, then=(step("activate"),)), "1", offer("1", active=None))
    settled, live = settle([shadow, look(PAUSE, "1", offer("1", active=None))])
    assert (settled.effects, why(settled, "1"), live.stops) == ((), ["conflict"], ())


def test_the_higher_priority_sets_the_value():
    low, high = settle([look(update("low", "1"), "1"), look(update("high", "2", priority=1), "1")])
    assert (low.effects, [effect.wanted for effect in high.effects]) == ((), [{"payout": "2"}])
    assert [why(low, "1"), why(high, "1")] == [["conflict"], ["conflict"]]


def test_between_equals_nobody_sets_the_value():
    assert [plan.effects for plan in settle([look(update("a", "1"), "1"), look(update("b", "2"), "1")])] == [(), ()]


def test_equal_values_are_no_conflict():
    assert all(plan.effects for plan in settle([look(update("a", "1.0"), "1"), look(update("b", "1"), "1")]))


def test_a_pause_keeps_what_another_rule_would_let_go():
    known = paused("1", hold("1", by="lets-go", until=NOW))
    letting = look(rule(id="lets-go"), {"1": NO}, known)
    joining = look(PAUSE, "1", known)
    let_go, joined = settle([letting, joining])
    assert (let_go.releases, let_go.ended[0].returns, len(joined.joins)) == ((), False, 1)


def test_when_all_holders_let_go_in_one_tick_the_offer_goes_back_once():
    both = [hold("1", by="a", new_data=True), hold("1", by="b", new_data=True)]
    plans = [look(rule(id=name), {"1": NO}, paused("1", *both), early={"1": 1}) for name in ("a", "b")]
    assert [plan.releases for plan in plans] == [(), ()]
    settled = settle(plans)
    assert [[str(back.target) for back in plan.releases] for plan in settled] == [["offer 1"], []]
    assert settled[0].ended[0].returns


def test_a_holder_who_stays_keeps_the_offer():
    both = [hold("1", by="a", new_data=True), hold("1", by="b")]
    plans = [look(rule(id=name), {"1": NO}, paused("1", *both), early={"1": 1}) for name in ("a", "b")]
    assert [plan.releases for plan in settle(plans)] == [(), ()]


# --- two rules together take the last one ----------------------------------------------------------

KEEP_ONE = Guards(keep_active=(KeepActive("offer", 1, "advertiser"),))


def last_two(first_guards, second_guards):
    known = state(
        offer("1", revenue_24h=Decimal(5)),
        offer("2", revenue_24h=Decimal(9)),
        active={("offer", "advertiser", "7"): 2},
    )
    one, other = rule(id="one", guards=first_guards), rule(id="other", guards=second_guards)
    plans = [look(one, "1", *known.targets.values(), active=known.active)]
    plans.append(look(other, "2", *known.targets.values(), active=known.active))
    return settle(plans, {"one": (one, known), "other": (other, known)})


def test_a_rule_that_keeps_one_active_sees_what_others_pause():
    one, other = last_two(KEEP_ONE, Guards())
    assert (why(one, "1"), paused_by(other)) == (["keep_active"], ["2"])


def test_of_two_rules_that_keep_one_active_only_one_gives_way():
    one, other = last_two(KEEP_ONE, KEEP_ONE)
    assert len(one.effects) + len(other.effects) == 1


# --- whatever the order ----------------------------------------------------------------------------

MANY = (
    look(PAUSE, "1 2", offer("1", active=None)),
    look(ACTIVATE, "1 3", offer("1", active=None), offer("3", active=None)),
    look(update("a", "1"), "1 2"),
    look(update("b", "2"), "2 3"),
    look(update("c", "3", priority=3), "1"),
    look(rule(id="dreams", mode=Mode.SHADOW), "3", offer("3", active=None)),
    look(rule(id="lets-go"), {"2": NO}, paused("2", hold("2", by="lets-go", until=NOW))),
)


@pytest.mark.parametrize("order", list(permutations(range(len(MANY))))[::97])
def test_the_order_of_the_rules_does_not_matter(order):
    expected = {plan.rule: plan for plan in settle(MANY)}
    assert {plan.rule: plan for plan in settle([MANY[place] for place in order])} == expected


def test_settling_again_changes_nothing():
    once = settle(MANY)
    assert settle(once) == once


def test_nothing_is_nothing():
    assert settle([]) == ()
