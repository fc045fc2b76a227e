"""Several plans made one after the other, before the first of them is carried out."""

from rules.model.plan import Outcome
from rules.model.revision import AtMost, Guards, KeepActive, Mode
from rules.model.state import ScopeTotals
from rules.planning.plan import plan
from rules.planning.projected_state import after
from tests.planning.builders import HOUR, NOW, YES, hold, offer, paused, rule, state, verdicts, why


def one_after_the_other(revision, ids, world):
    """One plan for each id, each seeing what those before it want."""
    plans = []
    for one in ids.split():
        plans.append(plan(revision, verdicts(revision, {one: YES}), world, NOW))
        world = after(revision, world, plans[-1], NOW)
    return plans


def world(**fields):
    return state(*(offer(one) for one in "123"), **fields)


def test_the_same_pause_is_wanted_once():
    first, second = one_after_the_other(rule(), "1 1", world())
    assert (len(first.effects), why(second, "1")) == (1, ["pending"])


def test_the_last_active_one_is_kept_over_a_batch():
    keeping = rule(guards=Guards(keep_active=(KeepActive("offer", 1, "advertiser"),)))
    plans = one_after_the_other(keeping, "1 2 3", world(active={("offer", "advertiser", "7"): 3}))
    assert [len(one.effects) for one in plans] == [1, 1, 0]


def test_a_day_is_not_longer_for_a_batch():
    plans = one_after_the_other(rule(guards=Guards(per_day=2)), "1 2 3", world())
    assert [one.outcome for one in plans] == [Outcome.READY, Outcome.READY, Outcome.WAITING]


def test_what_waits_for_a_person_waits_once():
    revision = rule(guards=Guards(at_most=AtMost(targets=0)))
    first, second = one_after_the_other(revision, "1 1", world(scope=ScopeTotals(subjects=9)))
    assert (first.outcome, why(second, "1")) == (Outcome.WAITING, ["waiting"])


def test_a_shadow_rule_cools_down_as_a_live_one_would():
    shadow = rule(mode=Mode.SHADOW, guards=Guards(cooldown=HOUR))
    first, second = one_after_the_other(shadow, "1 1", world())
    assert (first.outcome, why(second, "1")) == (Outcome.SHADOW, ["cooldown"])


def test_a_target_goes_back_once():
    known = state(offer("1"), offer("2"), paused("3", hold("3", until=NOW)))
    first, second = one_after_the_other(rule(), "1 2", known)
    assert ([one.target.id for one in first.releases], second.releases) == (["3"], ())


def test_a_person_is_noticed_once():
    known = state(offer("1"), paused("3", hold("3"), active=True, changed_by_person=NOW))
    first, second = one_after_the_other(rule(), "1 3", known)
    assert ([one.how for one in first.ended], why(second, "3")) == (["override"], ["muted"])


def test_a_plan_that_stopped_leaves_everything_as_it_was():
    stopping = rule(guards=Guards(at_most=AtMost(targets=0), if_over="stop"))
    known = world()
    found = plan(stopping, verdicts(stopping, {"1": YES}), known, NOW)
    assert after(stopping, known, found, NOW) == known
