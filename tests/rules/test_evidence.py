"""`@95% a month`: evidence that may be looked at all day, against a slow calculation with exact fractions."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.evaluation import confidence_sequences
from rules.evaluation.confidence_sequences import ABOVE, BELOW, Sums, beginnings, lumped, mixed, of_the_scope, strength
from rules.evaluation.evaluate import evaluate

NOW = datetime(2026, 3, 4, 12, 7, tzinfo=UTC)
counts = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9000)), min_size=1, max_size=8)


def sums(pairs, *, whole=False):
    weights = np.full(len(pairs), 1 / len(pairs))
    hits, trials = np.array([pair[0] for pair in pairs], float), np.array([pair[1] for pair in pairs], float)
    return Sums(hits[:, None], trials[:, None], weights, whole)


def slowly(pairs, line, direction, *, whole):
    """One beginning after the other, with exact odds."""
    total = 0.0
    for hits, trials in pairs:
        for share, part in BELOW if direction == "below" else ABOVE:
            if whole:
                p, s = Fraction(line), Fraction(share)
                other, hits_ = s * p / (1 - p + s * p), min(hits, trials)
                score = hits_ * log(other / p) + (trials - hits_) * log((1 - other) / (1 - p))
            else:
                score = hits * log(share) + (1 - share) * line * trials
            total += part * exp(min(score, 500)) / len(pairs)
    return total


@given(pairs=counts, line=st.floats(0.0005, 0.5), direction=st.sampled_from(["below", "above"]), whole=st.booleans())
def test_the_evidence_equals_a_second_slow_calculation(pairs, line, direction, whole):
    found = mixed(sums(pairs, whole=whole), np.array([line]), direction)[0]
    assert found == pytest.approx(slowly(pairs, line, direction, whole=whole), rel=1e-9)


@given(pairs=counts, line=st.floats(0.0005, 0.5), direction=st.sampled_from(["below", "above"]), whole=st.booleans())
def test_what_is_left_out_as_hopeless_would_not_have_sufficed(pairs, line, direction, whole):
    quick = strength(sums(pairs, whole=whole), np.array([line]), direction, 20.0)[0]
    if quick == 0:
        assert slowly(pairs, line, direction, whole=whole) < 20


@given(now=st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)))  # noqa: DTZ001 - made aware below
def test_beginnings_lie_on_a_fixed_grid_of_thirty_days_and_weigh_one(now):
    moment = now.replace(tzinfo=UTC)
    starts = beginnings(moment)
    assert all(one.at < moment and one.at.minute == one.at.second == 0 for one in starts)
    assert [one.at for one in starts] == sorted({one.at for one in starts}, reverse=True)
    assert sum(one.weight for one in starts) <= 1 + 1e-9
    assert starts[-1].at >= moment - confidence_sequences.MONTH - timedelta(hours=1)
    assert lumped(starts, [True] * len(starts)).sum() == pytest.approx(1)


@pytest.mark.parametrize("a_day", [100, 700, 2_000, 8_000])
def test_at_most_one_of_twenty_honest_offers_is_ever_paused_in_thirty_days(a_day):
    """400 offers exactly at the threshold, looked at every hour of a month after a month of history."""
    random = np.random.default_rng(a_day)
    hours, offers, line = 1440, 400, 0.004
    hits = np.vstack([np.zeros(offers), random.poisson(line * a_day / 24, (hours, offers))]).cumsum(axis=0)
    caught = np.zeros(offers, dtype=bool)
    for hour in range(720, hours + 1):
        starts = beginnings(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour))
        at = np.array([round((one.at - datetime(2026, 1, 1, tzinfo=UTC)) / timedelta(hours=1)) for one in starts])
        trials = np.broadcast_to(((hour - at) * a_day / 24)[:, None], (len(at), offers))
        found = Sums(hits[hour] - hits[at], trials, lumped(starts, [True] * len(at)), whole=False)
        caught |= strength(found, np.array([line]), "below", 20.0) >= 20.0
    assert caught.mean() <= 0.05


def test_values_of_the_scope_are_taken_by_rank():
    found = np.array([5.0, 90.0, 45.0, 0.0])
    assert of_the_scope(found, 0.95).tolist() == [False, True, True, False]
    assert not of_the_scope(np.array([19.0, 1.0]), 0.95).any()


@pytest.fixture
def judged(rule, offers, now):
    """The verdict about one offer with this past."""
    return lambda when, **amounts: evaluate(rule(when), offers().add("1", **amounts), now).explain(0)


def test_a_collapse_of_a_day_is_proven_after_weeks_of_good_traffic(judged):
    clicks = [(hours, 400) for hours in range(1, 720)]
    hits = [(hours, 4 if hours > 24 else 0) for hours in range(1, 720)]
    found = judged('["cr < 0.40% @95% a month"]', clicks=clicks, conversions=hits)
    assert found.answer.word == "yes"
    assert "since" in found.reason
    assert "evidence" in found.reason


def test_too_little_evidence_says_how_much_more_is_needed(judged):
    found = judged('["cr < 0.40% @95% a month"]', clicks=[(30, 600)], conversions=[(30, 0)])
    assert found.answer.word == "no"
    assert "more clicks" in found.trace.parts[0].parts[0].flip


def test_a_fall_against_its_own_past_needs_evidence_about_the_past_too(judged):
    steady = [(hours, 400) for hours in range(1, 240)]
    good = [(hours, 8 if hours > 22 else 0) for hours in range(1, 240)]
    assert judged('["cr down 50% vs 7d @95% a month"]', clicks=steady, conversions=good).answer.word == "yes"
    little = [(hours, 3) for hours in range(1, 240)]
    few = [(100, 2), (110, 2)]
    assert judged('["cr down 50% vs 7d @95% a month"]', clicks=little, conversions=few).answer.word == "no"


def test_a_rate_of_rejections_is_judged_above_a_line(judged):
    amounts = {
        "conversions": [(hours, 5) for hours in range(1, 100)],
        "rejected": [(hours, 3) for hours in range(1, 100)],
    }
    assert judged('["rejection_rate > 30% @95% a month"]', **amounts).answer.word == "yes"
    assert judged('["rejection_rate > 55% @95% of pauses"]', **amounts).answer.word == "no"
