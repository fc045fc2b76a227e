"""Who is screened out or in by cheap bounds gets the answer of the full calculation, for whatever lines are asked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from examples import times
from hypothesis import given
from hypothesis import strategies as st

from rules.evaluation.confidence_sequences import DayVariance, Sums, beginnings, lumped, mixed, of_the_scope, only
from rules.evaluation.evaluate import evaluate
from rules.evaluation.own_past import against_past, with_others
from rules.evaluation.screening import Screen

STARTS = beginnings(datetime(2026, 3, 4, 12, 7, tzinfo=UTC))
NEEDED = 20.0


def fully(sums, line, direction, *, own_past):
    """Without any bound: all beginnings of all subjects."""
    every = np.arange(sums.hits.shape[1])
    doubles, lines = only(sums, every), np.broadcast_to(line, len(every))
    usable = (lines > 0) & ((lines < 1) | (not sums.whole))
    inner = np.where(usable, lines, 0.5)
    found = np.where(usable, mixed(doubles, inner, direction), 0.0)
    if own_past:
        own = np.array(
            [against_past(only(sums, every[at : at + 1]), inner[at : at + 1], direction, NEEDED)[0] for at in every]
        )
        found = np.where(usable, np.maximum(found, own), 0.0)
    return found


def month(random, rate, *, subjects, whole, collapse):
    """Sums since each beginning of subjects of all sizes, some of which fall to a part of their rate one day ago."""
    width = np.diff([0.0, *np.cumsum([one.weight for one in STARTS])])[:, None] * 720
    clicks = random.poisson(width * np.exp(random.uniform(0, 6, subjects)))
    rates = rate * np.exp(random.normal(0, 1, subjects)) * np.where(np.cumsum(width, axis=0) < 24, collapse, 1.0)
    hits = random.binomial(clicks, np.minimum(rates, 1.0))
    clicks, hits = (part.cumsum(axis=0).astype(float) for part in (clicks, hits))
    if not whole:
        clicks *= random.uniform(0.8, 1.0, subjects)  # effective clicks are not whole numbers
        hits[:, 0], clicks[:, 1] = -1.0, 0.0  # a row that was taken back; a conversion without its click
    return Sums(hits, clicks, lumped(STARTS, [True] * len(STARTS)), whole)


@times(1.2)
@given(
    seed=st.integers(0, 2**32 - 1),
    rate=st.floats(0.001, 0.6),
    direction=st.sampled_from(["below", "above"]),
    whole=st.booleans(),
    own_past=st.booleans(),
    collapse=st.sampled_from([0.0, 0.2, 1.0, 3.0]),
    swinging=st.booleans(),
)
def test_screened_answers_are_those_of_the_full_calculation(seed, rate, direction, whole, own_past, collapse, swinging):
    random = np.random.default_rng(seed)
    sums = month(random, rate, subjects=40, whole=whole, collapse=collapse)
    if swinging:  # days differ by more than chance, and all subjects share a part of that
        sums = with_others(replace(sums, differs=DayVariance(0.01, random.exponential(100.0, 40))))
    screen = Screen(sums, direction, NEEDED, own_past)
    for line in rate * np.exp(random.normal(0, 1, 12)):  # each answer sharpens the bounds for the next line
        full = fully(sums, np.array([line]), direction, own_past=own_past)
        assert screen.taken(np.array([line])).tolist() == (full >= NEEDED).tolist()
    lines = rate * np.exp(random.normal(0, 1, 40))  # a line of its own for each, some of which are none
    lines[:3] = 0.0, -0.1, 1.5
    full = fully(sums, lines, direction, own_past=own_past)
    assert screen.taken(lines).tolist() == (full >= NEEDED).tolist()


@times(0.6)
@given(seed=st.integers(0, 2**32 - 1), direction=st.sampled_from(["below", "above"]), whole=st.booleans())
def test_evidence_that_is_ranked_over_the_scope_is_exact_where_it_suffices(seed, direction, whole):
    random = np.random.default_rng(seed)
    sums = month(random, 0.02, subjects=30, whole=whole, collapse=1.0)
    line = np.array([0.02 * float(np.exp(random.normal(0, 1)))])
    found, full = (
        Screen(sums, direction, NEEDED, own_past=False).values(line),
        fully(sums, line, direction, own_past=False),
    )
    assert np.where(full >= NEEDED, found, 0.0).tolist() == np.where(full >= NEEDED, full, 0.0).tolist()
    assert of_the_scope(found, 0.95).tolist() == of_the_scope(full, 0.95).tolist()


def test_sums_that_fit_are_kept_as_half_doubles_without_a_difference():
    random = np.random.default_rng(4)
    sums = month(random, 0.01, subjects=200, whole=True, collapse=0.2)
    halves = Sums(sums.hits.astype(np.float32), sums.trials.astype(np.float32), sums.weights, whole=True)
    for direction in ("below", "above"):
        for line in (0.004, 0.01, 0.02):
            one, other = (Screen(some, direction, NEEDED, own_past=True) for some in (sums, halves))
            assert one.taken(np.array([line])).tolist() == other.taken(np.array([line])).tolist()


class Shared:
    """Facts that several rules ask, and how often they are asked for a sum."""

    def __init__(self, facts):
        self.facts, self.asked, self.answers = facts, 0, {}

    def __getattr__(self, name):
        return getattr(self.facts, name)

    def measure(self, *question):
        self.asked += 1
        return self.facts.measure(*question)

    def once(self, question, _pers, answer):
        if question not in self.answers:
            self.answers[question] = answer()
        return self.answers[question]


def test_rules_of_the_same_moment_sum_up_the_beginnings_once(rule, offers, now):
    facts = Shared(offers().add("1", clicks=[(hours, 400) for hours in range(1, 720)], conversions=[(700, 3)]))
    found = evaluate(rule('["cr < 0.40% @95% a month"]'), facts, now)
    first = facts.asked
    other = evaluate(rule('["cr < 0.20% @95% a month"]'), facts, now)
    assert found.explain(0).answer.word == other.explain(0).answer.word == "yes"
    assert facts.asked - first < first / 4
    alone = evaluate(rule('["cr < 0.20% @95% a month"]'), facts.facts, now)
    assert other.explain(0).trace == alone.explain(0).trace


@pytest.mark.parametrize(
    "when", ["cr < 0.40% @95% a month", "cr down 50% vs 7d @95% a month", "cr < 0.40% @95% of pauses"]
)
def test_an_old_feed_lets_no_evidence_decide(rule, offers, now, when):
    facts = offers().add("1", clicks=[(hours, 400) for hours in range(1, 720)], conversions=[(300, 90), (100, 90)])
    facts.read_at = now - timedelta(hours=2)
    found = evaluate(rule(f'["{when}"]', data="{window: 24h, fresh: 45m, need: {clicks: 1}}"), facts, now)
    assert found.explain(0).answer.word == "no_decision"
    assert "2 h" in found.explain(0).reason
