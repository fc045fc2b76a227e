"""Over a limit nothing is done: the whole plan waits, ranked by money, or stops."""

from decimal import Decimal

from rules.model.plan import Outcome
from rules.model.revision import AtMost, Canary, Guards, KeepActive, Mode
from rules.model.state import ScopeTotals
from tests.planning.builders import HOUR, look, offer, paused, paused_by, rule, step, target, why


def limited(**limits):
    return rule(guards=Guards(at_most=AtMost(**limits)))


def test_a_plan_over_the_number_of_targets_waits_as_a_whole():
    found = look(limited(targets=2), "1 2 3")
    assert (found.outcome, len(found.effects), why(found)) == (Outcome.WAITING, 3, ["at_most.targets"])


def test_a_plan_at_the_limit_goes_ahead():
    assert look(limited(targets=3), "1 2 3").outcome is Outcome.READY


def test_a_plan_over_the_limit_can_stop_instead_of_waiting():
    revision = rule(guards=Guards(at_most=AtMost(targets=2), if_over="stop"))
    found = look(revision, "1 2 3")
    assert (found.outcome, found.effects) == (Outcome.STOPPED, ())
    assert why(found, "3") == ["at_most.targets"]


def test_a_shadow_plan_over_the_limit_says_that_it_would_have_waited():
    found = look(rule(mode=Mode.SHADOW, guards=Guards(at_most=AtMost(targets=1))), "1 2")
    assert (found.outcome, why(found)) == (Outcome.SHADOW, ["at_most.targets"])


def test_targets_that_wait_for_a_person_count_towards_the_limit():
    waiting = frozenset({target("8"), target("9")})
    assert look(limited(targets=2), "1", waiting=waiting).outcome is Outcome.WAITING


def test_the_share_is_of_the_subjects_in_scope():
    share = Decimal("0.05")
    assert look(limited(share=share), "1", scope=ScopeTotals(subjects=20)).outcome is Outcome.READY
    assert look(limited(share=share), "1", scope=ScopeTotals(subjects=19)).outcome is Outcome.WAITING


def test_the_share_of_revenue_is_what_hangs_on_the_targets():
    known = offer("1", revenue_24h=Decimal(16))
    found = look(limited(revenue_24h=Decimal("0.15")), "1", known, scope=ScopeTotals(revenue_24h=Decimal(100)))
    assert (found.outcome, why(found)) == (Outcome.WAITING, ["at_most.revenue_24h"])


def test_an_unknown_revenue_counts_as_over_the_limit():
    known = offer("1", revenue_24h=None)
    revision = limited(revenue_24h=Decimal("0.15"))
    assert look(revision, "1", known, scope=ScopeTotals(revenue_24h=Decimal(100))).outcome is Outcome.WAITING
    assert look(revision, "1", scope=ScopeTotals()).outcome is Outcome.WAITING


def test_nothing_of_nothing_is_within_every_share_of_revenue():
    known = offer("1", revenue_24h=Decimal(0))
    found = look(limited(revenue_24h=Decimal("0.15")), "1", known, scope=ScopeTotals(revenue_24h=Decimal(0)))
    assert found.outcome is Outcome.READY


def test_a_plan_that_does_not_fit_into_the_day_any_more_waits_as_a_whole():
    revision = rule(guards=Guards(per_day=30))
    assert look(revision, "1 2", effects_today=28).outcome is Outcome.READY
    assert look(revision, "1 2", effects_today=29).outcome is Outcome.WAITING


def test_what_waits_counts_towards_the_share_too():
    found = look(limited(share=Decimal("0.1")), "1", scope=ScopeTotals(subjects=20), waiting=frozenset({target("8")}))
    assert found.outcome is Outcome.READY
    waiting = frozenset({target("8"), target("9")})
    found = look(limited(share=Decimal("0.1")), "1", scope=ScopeTotals(subjects=20), waiting=waiting)
    assert found.outcome is Outcome.WAITING


def test_a_call_is_a_change_that_limits_count():
    then = (step("call", "offers.bulk_delete"),)
    revision = rule(then=then, guards=Guards(at_most=AtMost(targets=1)))
    assert look(revision, "1 2").outcome is Outcome.WAITING


def test_notices_are_no_targets():
    revision = rule(then=(step("pause"), step("notify", "traffic", id="2")), guards=Guards(at_most=AtMost(targets=1)))
    assert look(revision, "1").outcome is Outcome.READY


# --- never the last one ----------------------------------------------------------------------------

KEEP_ONE = Guards(keep_active=(KeepActive("offer", 1, "advertiser"),))


def test_the_last_active_offer_of_an_advertiser_is_kept():
    found = look(rule(guards=KEEP_ONE), "1", active={("offer", "advertiser", "7"): 1})
    assert (found.effects, why(found, "1")) == ((), ["keep_active"])


def test_of_two_last_offers_the_more_valuable_one_is_kept():
    known = (offer("1", revenue_24h=Decimal(90)), offer("2", revenue_24h=Decimal(4)))
    found = look(rule(guards=KEEP_ONE), "1 2", *known, active={("offer", "advertiser", "7"): 2})
    assert paused_by(found) == ["2"]


def test_switching_off_by_an_update_is_a_pause_too():
    revision = rule(then=(step("update", values={"active": False}),), guards=KEEP_ONE)
    found = look(revision, "1", active={("offer", "advertiser", "7"): 1})
    assert why(found, "1") == ["keep_active"]


def test_each_advertiser_keeps_its_own():
    known = (offer("1"), offer("2", groups={"advertiser": "8"}))
    active = {("offer", "advertiser", "7"): 2, ("offer", "advertiser", "8"): 1}
    assert paused_by(look(rule(guards=KEEP_ONE), "1 2", *known, active=active)) == ["1"]


def test_an_offer_whose_advertiser_nobody_knows_is_kept():
    found = look(rule(guards=KEEP_ONE), "1", offer("1", groups={}), active={("offer", "advertiser", "7"): 5})
    assert why(found, "1") == ["keep_active"]


def test_a_number_can_be_kept_over_the_whole_account():
    guards = Guards(keep_active=(KeepActive("offer", 2),))
    assert len(look(rule(guards=guards), "1 2 3", active={("offer", None, None): 4}).effects) == 2


def test_a_notice_about_an_offer_that_is_kept_is_not_sent():
    then = (step("pause"), step("notify", "traffic", id="2"))
    found = look(rule(then=then, guards=KEEP_ONE), "1", active={("offer", "advertiser", "7"): 1})
    assert found.effects == ()


def test_an_offer_that_is_paused_already_takes_nothing_from_its_group():
    found = look(rule(guards=KEEP_ONE), "1 2", paused("1"), active={("offer", "advertiser", "7"): 2})
    assert paused_by(found) == ["2"]


def test_limits_are_asked_before_the_canary():
    guards = Guards(at_most=AtMost(targets=2), canary=Canary(targets=1, wait=HOUR))
    found = look(rule(guards=guards), "1 2 3")
    assert (found.outcome, len(found.effects)) == (Outcome.WAITING, 3)
