"""`for: 2 checks` and `for: 30m`: an answer must have shortfall, and a restart of the service loses nothing."""

from datetime import timedelta

import pytest

from rules.model.revision import For
from rules.model.state import Streak
from rules.planning.streaks import advance, shortfall, streaks
from tests.planning.builders import (
    HOUR,
    NO,
    NO_DECISION,
    NOW,
    YES,
    look,
    paused_by,
    rule,
    state,
    subject,
    verdicts,
    why,
)

TWICE = rule(lasting=For(checks=2))
HALF_AN_HOUR = rule(lasting=For(duration=timedelta(minutes=30)))


def test_the_first_of_two_checks_is_not_enough():
    found = look(TWICE, "1")
    assert (found.effects, why(found, "1")) == ((), ["for"])


def test_the_second_check_with_new_data_is():
    assert paused_by(look(TWICE, "1", streaks={subject("1"): Streak(evaluations=1, since=NOW - HOUR)})) == ["1"]


def test_looking_again_at_the_same_numbers_is_no_second_check():
    same = Streak(evaluations=1, since=NOW - HOUR, new_data=False)
    assert look(TWICE, "1", streaks={subject("1"): same}).effects == ()


def test_a_duration_counts_from_the_first_yes():
    known = {subject("1"): Streak(evaluations=1, since=NOW - timedelta(minutes=30))}
    assert paused_by(look(HALF_AN_HOUR, "1", streaks=known)) == ["1"]
    assert look(HALF_AN_HOUR, "1", streaks=known, now=NOW - timedelta(seconds=1)).effects == ()


def test_a_no_ends_the_streak():
    assert advance(Streak(evaluations=5, since=NOW), NO, NOW) is None


def test_no_decision_neither_counts_nor_breaks_a_count():
    after = advance(Streak(evaluations=1, since=NOW - HOUR), NO_DECISION, NOW)
    assert after is not None
    assert after.evaluations == 1


def test_after_no_decision_a_duration_starts_anew():
    after = advance(Streak(evaluations=1, since=NOW - HOUR), NO_DECISION, NOW)
    again = advance(after, YES, NOW)
    assert shortfall(HALF_AN_HOUR.lasting, again, NOW) is not None


def test_only_subjects_with_a_streak_are_remembered():
    before = {subject(one): Streak(evaluations=1, since=NOW - HOUR) for one in ("1", "2", "3")}
    evaluation = verdicts(TWICE, {"1": YES, "2": NO, "3": NO_DECISION, "4": NO_DECISION})
    after = streaks(evaluation, state(streaks=before))
    assert {one.ids[0]: streak.evaluations for one, streak in after.items()} == {"1": 2, "3": 1}


@pytest.mark.parametrize("looks", [1, 7])
def test_a_rule_without_for_acts_at_once(looks):
    assert shortfall(None, Streak(evaluations=looks), NOW) is None
