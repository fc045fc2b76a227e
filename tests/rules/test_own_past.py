"""A collapse after good weeks is found by the subject's own past, and what all subjects share is no collapse."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from rules.evaluation.confidence_sequences import DayVariance, Sums, beginnings, lumped
from rules.evaluation.own_past import against_past, with_others

START = datetime(2026, 1, 1, tzinfo=UTC)
LINE, DAYS, SUBJECTS, NEEDED = 0.004, 30, 40, 20.0


def sums(rates, *, a_day=4000, seed=7):
    """Sums since each beginning, after so many hours with these rates of each subject."""
    random = np.random.default_rng(seed)
    clicks = random.poisson(a_day / 24, rates.shape)
    hits = random.binomial(clicks, rates)
    now = START + timedelta(hours=len(rates))
    starts = [one for one in beginnings(now) if one.at >= START]
    at = [round((one.at - START) / timedelta(hours=1)) for one in starts]
    clicks, hits = (np.vstack([np.zeros(rates.shape[1]), part]).cumsum(axis=0) for part in (clicks, hits))
    return Sums(hits[-1] - hits[at], clicks[-1] - clicks[at], lumped(starts, [True] * len(at)), whole=False)


def since(hours, *, who, to, before=2 * LINE, a_day=4000, subjects=SUBJECTS):
    """All subjects at `before`, and some of them at `to` since so many hours."""
    rates = np.full((DAYS * 24, subjects), before)
    rates[-hours:, who] = to
    return sums(rates, a_day=a_day)


def convicted(found):
    return against_past(found, np.array([LINE]), "below", NEEDED) >= NEEDED


def test_most_collapses_to_a_quarter_are_proven_a_day_later():
    found = convicted(since(24, who=slice(0, 20), to=LINE / 2))
    assert found[:20].mean() >= 0.7
    assert not found[20:].any()


def test_a_fall_of_a_small_item_counts_whole_for_longer_because_its_proof_takes_longer():
    """It counted for less from 18 hours on whatever the volume: 0.29 of these were proven."""
    assert convicted(since(40, who=slice(None), to=LINE / 2, a_day=1500, subjects=200)).mean() >= 0.4


def test_days_that_differ_hide_no_fall_that_is_larger_than_days_differ():
    """The conversions since the fall were divided by how much more than chance they vary: 0.34 of these were proven."""
    found = since(14, who=slice(None), to=LINE / 2, a_day=8000, subjects=200)
    differs = DayVariance(share=0.02, a_day=found.hits[-1] / DAYS)
    assert convicted(replace(found, differs=differs)).mean() >= 0.45


def test_a_fall_that_all_subjects_share_is_no_collapse_of_any():
    """As on a holiday; by itself each of them would look like a collapse."""
    everybody = since(24, who=slice(None), to=LINE / 2)
    assert convicted(everybody).mean() >= 0.5
    assert not convicted(with_others(everybody)).any()


def test_one_that_collapses_beside_steady_others_is_found_as_before():
    one = since(24, who=slice(0, 1), to=LINE / 2)
    assert convicted(one)[0]
    assert convicted(with_others(one))[0]


@pytest.mark.parametrize("subjects", [1, 19])
def test_too_few_subjects_share_nothing(subjects):
    few = sums(np.full((DAYS * 24, subjects), 2 * LINE))
    assert with_others(few).together is None


def test_a_past_that_is_hardly_better_than_the_threshold_says_nothing():
    assert not convicted(since(24, who=slice(None), to=LINE / 2, before=LINE)).any()
