"""Two ratios of rare hits are compared: the uncertainty of both is in the evidence."""

import math

import numpy as np
import pytest

from rules.evaluation.confidence_sequences import Sums
from rules.evaluation.two_samples import Other, log_ratio, strength


def one_window(hits, trials, *, whole=False):
    """Sums since a single beginning that stands for the whole month."""
    return Sums(np.array([hits], float), np.array([trials], float), np.ones(1), whole=whole)


@pytest.mark.parametrize("share", [0.05, 0.4, 2.5])
def test_evidence_means_one_where_nothing_has_changed(share):
    """Given 30 hits together, those since the beginning are binomial: the likelihood ratio has mean 1."""
    every, trials, of = 30, 400.0, 1600.0
    hits = np.arange(every + 1.0)
    part = trials / of
    chance = np.array([math.comb(every, k) * part**k * (1 - part) ** (every - k) for k in range(every + 1)])
    found = np.exp(log_ratio(hits, np.full(31, trials), np.full(31, every), np.full(31, of), share))
    assert math.isclose(float((chance * found).sum()), 1.0, rel_tol=1e-9)


def test_half_of_the_ratio_is_no_fall_of_more_than_half():
    other = Other(np.array([400.0]), np.array([10_000.0]), 0.5)
    assert strength(one_window([100], [5_000]), other, "below", 0.01)[0] < 1
    assert strength(one_window([10], [5_000]), other, "below", 20.0)[0] > 1_000
    assert other.line().tolist() == [0.02]


def test_the_same_ratios_say_less_where_the_other_one_is_hardly_known():
    sums = one_window([0, 0], [1_000, 1_000])
    found = strength(sums, Other(np.array([2.0, 2_000.0]), np.array([100.0, 100_000.0]), 0.5), "below", 1.0)
    assert found[1] > 20 > found[0]


def test_a_rise_is_judged_upwards():
    other = Other(np.array([100.0]), np.array([10_000.0]), 1.5)
    assert strength(one_window([100], [2_500]), other, "above", 20.0)[0] > 20
    assert strength(one_window([30], [2_500]), other, "above", 20.0)[0] < 20


def test_nothing_to_compare_with_is_no_evidence():
    other = Other(np.zeros(2), np.array([0.0, 500.0]), 0.5)
    assert strength(one_window([0, 0], [900, 900]), other, "below", 1.0).tolist() == [0.0, 0.0]
    assert other.line().tolist() == [0.0, 0.0]


def test_subjects_that_are_screened_out_could_not_have_had_enough():
    random = np.random.default_rng(3)
    hits, trials = random.poisson(6, (5, 300)).cumsum(axis=0), random.poisson(400, (5, 300)).cumsum(axis=0)
    sums = Sums(hits.astype(float), trials.astype(float), np.full(5, 0.02), whole=False)
    other = Other(random.poisson(90, 300) + 1.0, np.full(300, 2_500.0), 0.8)
    full = strength(sums, other, "below", 1e-12)
    for needed in (0.5, 2.0, 20.0):
        found = strength(sums, other, "below", needed)
        assert ((found >= needed) == (full >= needed)).all()
