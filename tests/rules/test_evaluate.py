from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from rules.evaluation.evaluate import evaluate
from rules.model.verdicts import Answer

YES, NO, NO_DECISION = Answer.YES, Answer.NO, Answer.NO_DECISION


def decided(rule, facts, now):
    return [Answer(int(one)) for one in evaluate(rule, facts, now).answers]


# --- evidence ---


@pytest.mark.parametrize(
    ("clicks", "conversions", "answer"),
    [(500, 0, NO), (673, 0, NO), (674, 0, YES), (500, 1, NO), (2400, 2, YES), (2400, 9, NO), (10_000, 39, NO)],
)
def test_a_low_rate_must_be_proven(rule, offers, now, clicks, conversions, answer):
    facts = offers().add(1, clicks=clicks, conversions=conversions)
    assert decided(rule("[cr < 0.40% @95%]"), facts, now) == [answer]


def test_a_high_rate_must_be_proven_too(rule, offers, now):
    facts = offers().add(1, conversions=10, rejected=6).add(2, conversions=200, rejected=110)
    assert decided(rule("[rejection_rate > 40% @95%]"), facts, now) == [NO, YES]


def test_a_ratio_of_counts_written_out_can_be_proven(rule, offers, now):
    facts = offers().add(1, approved=5, pending=5, clicks=20_000)
    assert decided(rule("[(approved + pending) / clicks < 0.2% @99%]"), facts, now) == [YES]


def test_ten_of_ten_are_not_below_all(rule, offers, now):
    for sample in range(1, 60):
        facts = offers().add(1, clicks=sample, conversions=sample).add(2, clicks=sample, conversions=0)
        assert decided(rule("[cr < 100% @95%]"), facts, now) == [NO, YES]
        assert decided(rule("[cr > 0% @95%]"), facts, now) == [YES, NO]


def test_more_conversions_than_clicks_prove_nothing_low(rule, offers, now):
    assert decided(rule("[cr < 50% @95%]"), offers().add(1, clicks=10, conversions=30), now) == [NO]


# --- missing, old, few, undefined ---


def test_no_clicks_are_no_rate(rule, offers, now):
    facts = offers().add(1, clicks=0, conversions=0)
    assert decided(rule("[cr < 1%]"), facts, now) == [NO_DECISION]
    assert decided(rule("[not (cr < 1%)]"), facts, now) == [NO_DECISION]


def test_a_stretch_that_no_feed_covers_is_not_zero(rule, offers, now):
    facts = offers(horizon=timedelta(hours=5)).add(1, clicks=0)
    assert decided(rule("[clicks = 0]"), facts, now) == [NO_DECISION]


def test_old_data_decides_nothing(rule, offers, now):
    fresh = rule("[clicks = 0]", data="{fresh: 45m}")
    facts = offers().add(1, clicks=0)
    facts.read_at = now - timedelta(minutes=45)
    assert decided(fresh, facts, now) == [YES]
    facts.read_at = now - timedelta(minutes=46)
    assert decided(fresh, facts, now) == [NO_DECISION]


def test_a_feed_that_was_never_read_decides_nothing(rule, offers, now):
    facts = offers().add(1, clicks=0)
    facts.read_at = None
    assert decided(rule("[clicks = 0]", data="{fresh: 45m}"), facts, now) == [NO_DECISION]


def test_old_data_still_tells_about_the_past(rule, offers, now):
    facts = offers().add(1, clicks=[(170, 9)])
    facts.read_at = now - timedelta(hours=3)
    assert decided(rule("[clicks over 24h ago 7d = 9]", data="{fresh: 45m}"), facts, now) == [YES]


def test_too_small_a_sample_decides_nothing(rule, offers, now):
    needy = rule("[cr < 1%]", data="{need: {clicks: 500}}")
    facts = offers().add(1, clicks=499, conversions=0).add(2, clicks=500, conversions=0)
    assert decided(needy, facts, now) == [NO_DECISION, YES]


def test_the_sample_does_not_matter_to_what_is_not_measured(rule, offers, now):
    needy = rule("[cr < 1%, offer.active = true]", data="{need: {clicks: 500}}")
    facts = offers().add(1, clicks=9, conversions=0, fields={"offer.active": False})
    assert decided(needy, facts, now) == [NO]


def test_release_waits_for_a_sample_as_well(rule, offers, now):
    found = rule("[cr < 1%]", data="{need: {clicks: 500}}", more="release: {early: [cr >= 2%]}")
    facts = offers().add(1, clicks=20, conversions=2).add(2, clicks=500, conversions=20)
    assert evaluate(found, facts, now).early.tolist() == [NO_DECISION, YES]


# --- three-valued logic ---

TABLE = [
    ("offer.active and clicks > 5", True, 9, YES),
    ("offer.active and clicks > 5", True, None, NO_DECISION),
    ("offer.active and clicks > 5", False, None, NO),
    ("offer.active or clicks > 5", True, None, YES),
    ("offer.active or clicks > 5", False, None, NO_DECISION),
    ("not (offer.active and clicks > 5)", True, None, NO_DECISION),
    ("not (offer.active or clicks > 5)", True, None, NO),
    ("not (offer.active and clicks > 5)", False, None, YES),
    ("not not (clicks > 5)", None, None, NO_DECISION),
]


@pytest.mark.parametrize(("when", "active", "clicks", "answer"), TABLE)
def test_what_is_unknown_stays_unknown(rule, offers, now, when, active, clicks, answer):
    facts = offers().add(1, clicks=clicks, fields={"offer.active": active})
    assert decided(rule(f"['{when}']"), facts, now) == [answer]


def test_none_of_something_unknown_is_unknown(rule, offers, now):
    facts = offers().add(1, clicks=None).add(2, clicks=9).add(3, clicks=1)
    assert decided(rule("{none: [clicks > 5]}"), facts, now) == [NO_DECISION, NO, YES]


def test_an_exception_that_cannot_be_decided_holds_the_rule_back(rule, offers, now):
    found = rule("[clicks > 5]", more="unless: [conversions > 3]")
    facts = offers().add(1, clicks=9, conversions=None).add(2, clicks=9, conversions=4).add(3, clicks=9, conversions=0)
    assert decided(found, facts, now) == [NO_DECISION, NO, YES]


def test_a_no_needs_no_look_at_the_exception(rule, offers, now):
    found = rule("[clicks > 5]", more="unless: [conversions > 3]")
    facts = offers().add(1, clicks=1, conversions=1)
    evaluate(found, facts, now)
    assert {name for name, *_ in facts.asked} == {"clicks"}


def test_any_of_several_exceptions_is_enough(rule, offers, now):
    found = rule("[clicks > 5]", more="unless: [conversions > 3, impressions > 3]")
    facts = offers().add(1, clicks=9, conversions=0, impressions=9)
    assert decided(found, facts, now) == [NO]


# --- time ranges ---


def test_a_change_compares_with_the_stretch_before(rule, offers, now):
    facts = offers().add(1, clicks=[(1, 1000), (30, 10_000)], conversions=[(1, 5), (30, 120)])
    assert decided(rule("[cr down 50% vs 7d]"), facts, now) == [YES]
    assert decided(rule("[cr down 60% vs 7d]"), facts, now) == [NO]


def test_amounts_are_brought_to_the_same_length_of_time(rule, offers, now):
    facts = offers().add(1, clicks=[(1, 100), (30, 700)])
    assert decided(rule("[clicks up 1% vs 7d]"), facts, now) == [NO]
    assert decided(rule("[clicks down 1% vs 7d]"), facts, now) == [NO]


def test_a_percentage_of_nothing_is_no_decision(rule, offers, now):
    assert decided(rule("[clicks up 50% vs 7d]"), offers().add(1, clicks=5), now) == [NO_DECISION]


def test_the_same_hours_are_compared_with_each_other(rule, offers, now):
    busy = [(24 * day + 1, 100) for day in range(1, 8)] + [(24 * day + 9, 5000) for day in range(1, 8)]
    facts = offers().add(1, clicks=[(1, 300), *busy])
    assert decided(rule("[clicks up 200% vs 7d same hours]", data="{window: 2h}"), facts, now) == [YES]


def test_ago_looks_at_another_time(rule, offers, now):
    facts = offers().add(1, clicks=[(1, 5), (169, 50)])
    assert decided(rule("['clicks over 2h < clicks over 2h ago 7d']"), facts, now) == [YES]


def test_settle_leaves_out_the_newest_part(rule, offers, now):
    facts = offers().add(1, clicks=[(0.5, 100), (5, 7)])
    assert decided(rule("[clicks = 7]", data="{settle: 1h}"), facts, now) == [YES]


def test_settle_auto_leaves_out_what_each_offer_needs(rule, offers, now):
    facts = offers()
    facts.add(1, clicks=[(2, 100), (8, 7)], settle=timedelta(hours=5))
    facts.add(2, clicks=[(2, 100), (8, 7)], settle=timedelta(minutes=40))
    assert decided(rule("[clicks = 7]", data="{settle: auto}"), facts, now) == [YES, NO]


def test_peers_are_the_others_in_scope(rule, offers, now):
    facts = offers()
    for number in range(4):
        facts.add(number, clicks=1000, conversions=20)
    facts.add(9, clicks=1000, conversions=8)
    assert decided(rule("[cr down 50% vs peers]"), facts, now) == [NO, NO, NO, NO, YES]


def test_peers_of_a_pair_share_its_offer(rule, offers, now):
    facts = offers(per=("offer", "publisher"))
    facts.add(1, "a", clicks=10).add(1, "b", clicks=100).add(2, "a", clicks=10).add(2, "b", clicks=10)
    found = rule("[clicks down 50% vs peers]", per="offer, publisher")
    assert decided(found, facts, now) == [YES, NO, NO, NO]


def test_who_is_alone_has_no_peers(rule, offers, now):
    assert decided(rule("[clicks down 50% vs peers]"), offers().add(1, clicks=10), now) == [NO_DECISION]


def test_a_forecast_goes_on_at_the_slope_of_the_last_hour(rule, offers, now):
    facts = offers().add(1, payout=[(0.5, 180), (5, 770)]).add(2, payout=[(0.5, 100), (5, 850)])
    assert decided(rule("[forecast payout >= 1000 within 20m]", data="{window: today}"), facts, now) == [YES, NO]


def test_a_forecast_does_not_look_beyond_midnight(rule, offers, now):
    late = now.replace(hour=23, minute=50)
    facts = offers(now=late).add(1, payout=[(0.5, 60), (5, 900)])
    assert decided(rule("[forecast payout >= 1000 within 3h]", data="{window: today}"), facts, late) == [NO]


def test_a_rolling_forecast_knows_what_will_have_left_the_window(rule, offers, now):
    facts = offers().add(1, clicks=[(0.5, 10), (23.5, 1000)])
    assert decided(rule("[forecast clicks >= 500 within 1h]"), facts, now) == [NO]


def test_another_dimension_is_measured_by_that_dimension(rule, offers, now):
    facts = offers().add(1, clicks=5)
    facts.coarse[("advertiser",)] = {"conversions": [(timedelta(minutes=30), 3)]}
    facts.coarse[()] = {"clicks": [(timedelta(minutes=30), 40)]}
    assert decided(rule("[advertiser.conversions = 3 over 1h, network.clicks = 40]"), facts, now) == [YES]


# --- numbers and other kinds ---


def test_money_is_compared_to_the_cent(rule, offers, now):
    facts = offers().add(1, revenue=0.3, payout=0.1)
    assert decided(rule("[profit = 0.2, profit <= 0.2, profit >= 0.2]"), facts, now) == [YES]


def test_division_by_zero_is_no_decision(rule, offers, now):
    assert decided(rule("[payout / conversions > 5]"), offers().add(1, payout=9, conversions=0), now) == [NO_DECISION]


@pytest.mark.parametrize(
    ("held", "when", "answer"),
    [
        ("1.50", "offer.default_payout > 1", YES),
        (Decimal("1.5"), "offer.default_payout = 1.5", YES),
        (0.1, "offer.default_payout = 0.1", YES),
        ("true", "offer.default_payout = true", YES),
        ("yes", "offer.default_payout = true", NO_DECISION),
        (True, "offer.default_payout > 0", NO_DECISION),
        ("abc", "offer.default_payout > 0", NO_DECISION),
        ([1], "offer.default_payout = 1", NO_DECISION),
        (None, "offer.default_payout = null", YES),
        (5, "offer.default_payout = null", NO),
        (5, "offer.default_payout != null", YES),
        (None, "has(offer.default_payout)", NO),
        (None, "default(offer.default_payout, 3) = 3", YES),
        ("9007199254740993", "offer.default_payout = 9007199254740992", NO),
        ("2026-03-01T00:00:00Z", 'offer.default_payout = "2026-03-01T01:00:00+01:00"', YES),
        ("2026-03-03T12:00:00Z", "age(offer.default_payout) = 24h", YES),
        ("5", "offer.default_payout >= offer.default_payout", YES),
        ("2026-03-01T00:00:00Z", "offer.default_payout <= offer.default_payout", YES),
        ("abc", "offer.default_payout >= offer.default_payout", NO_DECISION),
        ("x", 'offer.default_payout in ["x", 1]', YES),
        ("1", 'offer.default_payout in ["x", 1]', YES),
        (None, 'offer.default_payout not in ["x"]', NO_DECISION),
        (["a", "b"], 'contains(offer.default_payout, "b")', YES),
        ("ab", 'contains(offer.default_payout, "b")', YES),
        ("  Ab ", 'lower(trim(offer.default_payout)) = "ab"', YES),
        ("ab", "length(offer.default_payout) = 2", YES),
        ("ab", 'starts_with(offer.default_payout, "a") and ends_with(offer.default_payout, "b")', YES),
        ("-3", "abs(number(offer.default_payout)) = max(1, 3, 2)", YES),
        ("a" * 5000, 'offer.default_payout matches "a"', NO_DECISION),
        (float("nan"), "offer.default_payout > 0", NO_DECISION),
        (float("inf"), "offer.default_payout > 0", NO_DECISION),
        ({"currency": "USD"}, "offer.default_payout > 0", NO_DECISION),
    ],
)
def test_values_are_compared_by_their_kind(rule, offers, now, held, when, answer):
    facts = offers().add(1, fields={"offer.default_payout": held})
    assert decided(rule(f"['{when}']"), facts, now) == [answer]


def test_a_number_that_is_none_is_missing(rule, offers, now):
    facts = offers().add(1, clicks=float("nan")).add(2, clicks=float("inf"))
    assert decided(rule("[clicks >= 0]"), facts, now) == [NO_DECISION, NO_DECISION]


# --- cost ---


def test_each_number_is_asked_for_once(rule, offers, now):
    found = rule("[cr < 1%, clicks > 5, cr > 0.1% over 24h, epc < 5]", data="{need: {clicks: 1}}")
    facts = offers().add(1, clicks=100, conversions=1, payout=2)
    evaluation = evaluate(found, facts, now)
    evaluation.explain(0)
    assert len(facts.asked) == len(set(facts.asked)) == 3


def test_nothing_is_measured_where_the_event_already_says_no(rule, offers, now):
    found = rule("[clicks > 5, offer.active = true]")
    facts = offers().add(1, clicks=100, fields={"offer.active": False})
    evaluate(found, facts, now)
    assert facts.asked == []


def test_no_subjects_are_no_trouble(rule, offers, now):
    evaluation = evaluate(rule("[cr down 50% vs peers, cr < 1% @95%]", data="{need: {clicks: 1}}"), offers(), now)
    assert evaluation.count() == {"yes": 0, "no": 0, "no_decision": 0}
    assert evaluation.answers.dtype == np.int8


def test_names_that_the_facts_do_not_know_are_missing(rule, offers, now):
    class Forgetful(offers):
        def measure(self, name, per, start, end):
            raise KeyError(name)

    assert decided(rule("[clicks > 5]"), Forgetful().add(1), now) == [NO_DECISION]
