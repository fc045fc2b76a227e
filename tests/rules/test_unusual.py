"""`clicks unusual @99% vs 28d same hours`: how often it is wrong about normal data, and what it finds."""

from datetime import timedelta

import numpy as np
import pytest

from benchmarks.unusual import KINDS, false_alarms
from rules.evaluation.evaluate import evaluate
from rules.loading.load import load
from rules.loading.self_tests import run_tests

WEEK = [1.0, 1.0, 1.05, 1.1, 1.0, 0.6, 0.5]  # by days before the same weekday


def history(rng, mean, *, days=35):
    """Clicks of the newest hour of each day before, by a weekly pattern."""
    return [(24 * day + 0.5, int(rng.poisson(mean * WEEK[day % 7]))) for day in range(1, days)]


def judged(rule, offers, now, when, current, past, **more):
    facts = offers().add(1, clicks=[(0.5, current), *past], **more)
    return evaluate(rule([when], data="{window: 1h}"), facts, now)


@pytest.mark.parametrize("kind", KINDS)
def test_at_99_percent_at_most_ten_of_a_thousand_looks_at_normal_data_say_yes(kind):
    found = false_alarms(kind, items=60, days=60)
    assert found["false_per_1000"] <= 12
    assert found["first_mondays"] <= 12


@pytest.mark.parametrize("kind", ["uneven", "very uneven"])
def test_on_no_day_of_the_week_more_than_on_others(kind):
    """Where days differ by a share of themselves, strong days differ more than weak ones: 13 of 1,000 said yes."""
    assert false_alarms(kind, items=4000, days=28)["worst_weekday"] <= 10


@pytest.mark.parametrize(("current", "side"), [(40, "low"), (600, "high")])
def test_a_collapse_and_a_burst_are_found_with_their_numbers(rule, offers, now, current, side):
    past = history(np.random.default_rng(7), 300)
    found = judged(rule, offers, now, "clicks unusual @99% vs 28d same hours", current, past)
    assert found.answers.tolist() == [1]
    trace = found.explain(0).trace.parts[0].parts[0]
    assert trace.threshold[0] < 300 < trace.threshold[1]
    assert f"clicks {current} is unusual" in trace.words
    direction = {"low": "down", "high": "up"}
    for word in ("up", "down"):
        one = judged(rule, offers, now, f"clicks unusual {word} @99% vs 28d same hours", current, past)
        assert one.answers.tolist() == [int(direction[side] == word)]


def test_the_weekend_does_not_make_a_monday_unusual(rule, offers, now):
    past = [(24 * day + 0.5, 900 if day % 7 == 0 else 20) for day in range(1, 35)]
    assert judged(rule, offers, now, "clicks unusual @99% vs 28d same hours", 900, past).answers.tolist() == [0]
    assert judged(rule, offers, now, "clicks unusual @99% vs 28d same hours", 20, past).answers.tolist() == [1]


def test_one_wild_day_in_the_past_changes_little(rule, offers, now):
    past = history(np.random.default_rng(3), 300)
    wild = [(age, 90_000 if 160 < age < 170 else amount) for age, amount in past]
    for one in (past, wild):
        assert judged(rule, offers, now, "clicks unusual down @99% vs 28d same hours", 60, one).answers.tolist() == [1]


def test_a_share_is_judged_by_what_it_is_made_from(rule, offers, now):
    clicks = [(24 * day + 0.5, 1000) for day in range(1, 35)]
    sales = [(24 * day + 0.5, 20) for day in range(1, 35)]
    few, many = ((0.5, 30), (0.5, 0)), ((0.5, 3000), (0.5, 2))
    for (click, sale), wanted in ((few, 0), (many, 1)):
        facts = offers().add(1, clicks=[click, *clicks], conversions=[sale, *sales])
        found = evaluate(rule(["cr unusual @99% vs 28d same hours"], data="{window: 1h}"), facts, now)
        assert found.answers.tolist() == [wanted]


def test_without_four_weeks_there_is_no_decision(rule, offers, now):
    facts = offers(horizon=timedelta(days=20)).add(1, clicks=[(0.5, 5)])
    found = evaluate(rule(["clicks unusual @99% vs 28d same hours"], data="{window: 1h}"), facts, now)
    assert found.answers.tolist() == [-1]
    assert "only 2 weeks are known; 4 are needed" in found.explain(0).reason


def test_what_is_the_same_every_day_is_usual(rule, offers, now):
    zeros = [(24 * day + 0.5, 0) for day in range(1, 35)]
    same = [(24 * day + 0.5, 50) for day in range(1, 35)]
    for when in ("clicks unusual @99% vs 28d same hours", "payout unusual @99% vs 28d same hours"):
        for current, past in ((0, zeros), (50, same)):
            found = judged(rule, offers, now, when, current, past, payout=[(0.5, current), *past])
            assert found.answers.tolist() == [0]


def test_a_rule_and_its_own_tests_agree(environment):
    text = """schema: 1
id: a
trigger: {every: 1h}
scope: {per: [offer]}
when: [clicks unusual up @99% vs 28d same hours]
then: [{notify: traffic}]
tests:
  - {given: {clicks: 900, clicks_28d: 300}, expect: yes}
  - {given: {clicks: 310, clicks_28d: 300}, expect: no}
  - {given: {clicks: 310}, expect: no_decision}
"""
    loaded = load(text, name="x.yaml", environment=environment)
    assert not loaded.errors, [str(problem) for problem in loaded.errors]
    assert all(one.passed for one in run_tests(loaded.revisions[0]))
