"""What waits for a person: how it looks by now, who may answer, and what a yes does."""

from datetime import timedelta

import pytest
from rule_texts import pause_rule

from bridge.operations import NothingSelected, Refused
from bridge.operations.approval_review import review, reviews
from bridge.operations.approvals import Person, approve
from bridge.operations.selection import EVERYTHING, only
from bridge.operations.undo import undo
from bridge.store import halts
from bridge.store.holds import Hold, Mute
from bridge.store.ledger import Effect, StoredPlan
from rules.model.state import target_of

RULE = pause_rule("approve", more="approve: {within: 1h, otherwise: proceed}")
ANN = Person(name="ann")


@pytest.fixture
def waiting(network):
    """A plan to pause 1002 and 1003 waits."""
    world = network.world
    network.good = world.offer("Good", clicks=1000, conversions=50, active=True)
    network.bad = [world.offer(f"Bad {number}", clicks=1000, conversions=1, active=True) for number in (1, 2)]
    network.rule(RULE)
    network.work()
    return network


def recover(network, offer):
    more(network, offer, 500, 100)


def more(network, offer, clicks, conversions):
    homes = list(network.world.directory.publishers.living())
    network.world.traffic(offer, homes, clicks, conversions, start=network.now - timedelta(minutes=30), end=network.now)
    network.pass_time(minutes=2)
    network.work()


def say_yes(network, plan=1, selection=EVERYTHING):
    return approve(network.services, plan, person=ANN, now=network.now, selection=selection)


def test_a_plan_shows_what_dropped_out_since(waiting):
    recover(waiting, waiting.bad[0])
    found = review(waiting.services, 1, now=waiting.now)
    assert [effect.gone is None for effect in found.effects] == [False, True]
    assert "no longer says yes" in found.effects[0].gone
    assert found.changed == "1 of 2 dropped out"


def test_what_is_new_since_waits_in_a_plan_of_its_own(waiting):
    more(waiting, waiting.good, 30_000, 0)
    found = reviews(waiting.services, now=waiting.now)
    assert [[effect.does for effect in one.effects] for one in found] == [
        ["pause offer 1002", "pause offer 1003"],
        ["pause offer 1001"],
    ]


def test_looking_at_a_plan_changes_nothing(waiting):
    [found] = reviews(waiting.services, now=waiting.now)
    assert found.changed == "nothing"
    assert waiting.all(StoredPlan)[0].state == "waiting"


def test_what_was_not_chosen_does_not_cool_down(waiting):
    waiting.rule(RULE.replace("guards: {", "guards: {cooldown: 6h, ", 1))
    say_yes(waiting, selection=only([target_of("offer", "1002")]))
    waiting.work()
    waiting.pass_time(minutes=20)
    waiting.work()
    asked = [[effect.does for effect in one.effects] for one in reviews(waiting.services, now=waiting.now)]
    assert (waiting.paused, asked) == (["Bad 1"], [["pause offer 1003"]])


def test_effects_that_were_not_chosen_say_so(waiting):
    say_yes(waiting, selection=only([target_of("offer", "1002")]))
    waiting.work()
    assert waiting.paused == ["Bad 1"]
    assert "not among what was approved" in waiting.all(Effect)[1].error


def test_a_choice_of_nothing_approves_nothing(waiting):
    with pytest.raises(NothingSelected, match="nothing is selected"):
        say_yes(waiting, selection=only([]))
    assert waiting.all(StoredPlan)[0].state == "waiting"


def test_a_target_that_is_not_in_the_plan_is_refused_and_the_plan_waits_on(waiting):
    with pytest.raises(NothingSelected, match=r"plan 1: offer 7 is not part of it.*; part of it: offer 1002, offer"):
        say_yes(waiting, selection=only([target_of("offer", "7"), target_of("offer", "1002")]))
    assert waiting.all(StoredPlan)[0].state == "waiting"


def test_a_yes_while_everything_is_halted_is_kept_for_later(waiting):
    with waiting.services.store.write() as session:
        halts.halt(session, by="bob", why="outage", now=waiting.now)
    with pytest.raises(Refused, match=r"halted \(outage\)"):
        say_yes(waiting)
    assert waiting.all(StoredPlan)[0].state == "waiting"


def test_silence_is_no_yes_for_a_rule_that_went_back_into_shadow(waiting):
    waiting.rule(RULE.replace("mode: approve", "mode: shadow"))
    waiting.pass_time(hours=1, minutes=1)
    waiting.work()
    first = waiting.all(StoredPlan)[0]
    assert (first.state, first.note) == ("dropped", "its rule is shadow by now")


def test_what_went_ahead_by_silence_says_so(waiting):
    for minutes in (50, 11):
        waiting.pass_time(minutes=minutes)
        waiting.work()
    first = waiting.all(StoredPlan)[0]
    assert (first.decision, first.decided_by) == ("proceeded", "clock")


def test_an_undo_that_waited_ends_the_holds_at_the_yes_and_the_rule_is_muted(waiting):
    say_yes(waiting)
    waiting.work()
    waiting.rule(RULE.replace("targets: 50", "targets: 1"))
    undo(waiting.services, 1, who="ann", now=waiting.now)
    [asked] = [plan for plan in waiting.all(StoredPlan) if plan.state == "waiting"]
    say_yes(waiting, asked.id)
    waiting.work()
    assert waiting.paused == []
    assert {hold.state for hold in waiting.all(Hold)} == {"released"}
    with waiting.services.store.read() as session:
        assert session.query(Mute).count() == 2
