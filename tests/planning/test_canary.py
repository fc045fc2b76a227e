"""Act on the first few, look at the money, then do the rest or take it back."""

from datetime import timedelta
from decimal import Decimal

from rules.model.plan import Outcome
from rules.model.revision import Canary, Guards, Mode
from rules.model.state import CanaryState
from tests.planning.builders import HOUR, NOW, hold, look, offer, paused, paused_by, rule, target, why

CAREFUL = rule(guards=Guards(canary=Canary(targets=2, wait=HOUR, revenue_drop=Decimal("0.2"))))


def watched(**fields):
    given = {"since": NOW - HOUR, "targets": (target("1"),), "revenue": Decimal(90), "revenue_before": Decimal(100)}
    return CanaryState(**{**given, **fields})


def test_the_cheapest_few_go_first():
    known = [offer(str(n), revenue_24h=Decimal(n)) for n in range(1, 6)]
    found = look(CAREFUL, "1 2 3 4 5", *known)
    assert (sorted(paused_by(found)), found.canary) == (["1", "2"], "started")
    assert why(found, "5") == ["canary"]


def test_a_plan_as_small_as_the_canary_needs_none():
    found = look(CAREFUL, "1 2")
    assert (len(found.effects), found.canary) == (2, None)


def test_the_rest_waits_while_the_first_few_are_watched():
    found = look(CAREFUL, "2 3", canary=watched(since=NOW - timedelta(minutes=59)))
    assert (found.effects, found.canary) == ((), "waiting")


def test_the_rest_is_done_when_revenue_held():
    found = look(CAREFUL, "2 3 4", canary=watched(revenue=Decimal(80)))
    assert (len(found.effects), found.canary, found.outcome) == (3, "passed", Outcome.READY)


def test_the_first_few_are_taken_back_when_revenue_fell():
    found = look(CAREFUL, "2 3 4", paused("1", hold("1")), canary=watched(revenue=Decimal(79)))
    assert (found.canary, found.effects) == ("failed", ())
    assert [str(release.target) for release in found.releases] == ["offer 1"]


def test_what_was_taken_back_is_left_alone_for_a_while():
    found = look(CAREFUL, "2", paused("1", hold("1")), canary=watched(revenue=Decimal(10)))
    assert found.ended[0].mute_until == NOW + 24 * HOUR


def test_a_canary_is_judged_even_when_nobody_says_yes_any_more():
    found = look(CAREFUL, {}, paused("1", hold("1")), canary=watched(revenue=Decimal(10)))
    assert found.canary == "failed"


def test_a_person_who_changed_a_canary_offer_is_respected():
    known = paused("1", hold("1"), changed_by_person=NOW - HOUR)
    found = look(CAREFUL, "2", known, canary=watched(revenue=Decimal(10)))
    assert (found.releases, [ended.how for ended in found.ended]) == ((), ["override"])


def test_unknown_revenue_is_no_reason_to_go_on():
    found = look(CAREFUL, "2 3 4", canary=watched(revenue=None))
    assert (found.effects, found.canary) == ((), "waiting")


def test_without_revenue_a_week_earlier_nothing_can_fall():
    found = look(CAREFUL, "2 3 4", canary=watched(revenue=Decimal(0), revenue_before=Decimal(0)))
    assert found.canary == "passed"


def test_after_a_failed_canary_the_rule_waits_for_a_person():
    failed = watched(failed_at=NOW - HOUR)
    assert look(CAREFUL, "2 3 4", canary=failed).effects == ()
    assert look(CAREFUL, "2 3 4", canary=failed, now=NOW + 24 * HOUR).canary == "started"


def test_a_plan_that_a_person_approves_needs_no_canary():
    revision = rule(mode=Mode.APPROVE, guards=CAREFUL.guards)
    assert len(look(revision, "1 2 3 4").effects) == 4
