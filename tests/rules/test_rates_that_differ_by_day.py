"""Rates that differ from day to day by more than chance are no proof: the hits of such subjects count for less."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from rules.evaluation.confidence_sequences import Sums, beginnings, day_variance, lumped
from rules.evaluation.screening import Screen

START = datetime(2026, 9, 1, tzinfo=UTC)
LINE, DAYS = 0.004, 30


def looks(*, subjects, a_day, noise, every=12, seed=3):
    """Sums of a month of looks, after a month of history, at offers whose rate is the line on average."""
    random = np.random.default_rng(seed)
    rates = LINE * (
        random.gamma(1 / noise**2, noise**2, (2 * DAYS, subjects)) if noise else np.ones((2 * DAYS, subjects))
    )
    clicks = random.poisson(a_day / 24, (2 * DAYS * 24, subjects))
    hits = random.binomial(clicks, np.repeat(rates, 24, axis=0))
    clicks, hits = (np.vstack([np.zeros(subjects), part]).cumsum(axis=0) for part in (clicks, hits))
    for hour in range(DAYS * 24, 2 * DAYS * 24 + 1, every):
        starts = beginnings(START + timedelta(hours=hour))
        at = np.array([round((one.at - START) / timedelta(hours=1)) for one in starts])
        yield (
            starts,
            Sums(hits[hour] - hits[at], clicks[hour] - clicks[at], lumped(starts, [True] * len(at)), whole=False),
        )


def beyond(sums, starts):
    """How much more than by chance the hits of a day vary."""
    found = day_variance(sums, starts)
    return np.zeros(sums.hits.shape[1]) if found is None else found.beyond_chance


def test_what_chance_explains_counts_whole():
    found = np.concatenate(
        [beyond(sums, starts) for starts, sums in looks(subjects=100, a_day=4000, noise=0, every=72)]
    )
    assert (found >= 0).all()
    assert found.mean() < 0.03


@pytest.mark.parametrize(("noise", "times"), [(0.1, 1.32), (0.2, 2.28)])
def test_a_spread_beyond_chance_is_measured(noise, times):
    found = [1 + beyond(sums, starts).mean() for starts, sums in looks(subjects=150, a_day=8000, noise=noise, every=72)]
    assert np.mean(found) == pytest.approx(times, rel=0.15)  # 32 conversions a day: 1 + noise^2 * 32


def test_one_that_collapses_makes_no_spread_of_the_others():
    [(starts, sums), *_] = looks(subjects=100, a_day=4000, noise=0, every=1000)
    hits = sums.hits.copy()
    fallen = np.array([(one.at - starts[-1].at).days > 24 for one in starts])
    hits[fallen, :5] = 0.0
    assert beyond(Sums(hits, sums.trials, sums.weights, whole=False), starts).max() < 0.1


def test_few_subjects_or_little_data_say_nothing_about_days():
    for many, a_day in ((10, 8000), (100, 50)):
        [(starts, sums), *_] = looks(subjects=many, a_day=a_day, noise=0.3, every=1000)
        assert day_variance(sums, starts) is None


def test_honest_offers_whose_rate_differs_by_a_tenth_from_day_to_day_keep_their_promise():
    caught = np.zeros(200, bool)
    for starts, sums in looks(subjects=200, a_day=8000, noise=0.1, every=4):
        caught |= Screen(replace(sums, differs=day_variance(sums, starts)), "below", 20.0, own_past=True).taken(
            np.array([LINE])
        )
    assert caught.mean() <= 0.06
