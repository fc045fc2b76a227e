"""A backtest reads what a live rule has read, postbacks too: the same verdicts, one for one."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pytest

from bridge.reports import past_facts, postbacks
from bridge.reports.chunk_cache import ChunkCache
from bridge.reports.current_facts import facts_for
from bridge.reports.polling import FeedPlan, Page
from bridge.sources.postback import PostbackFacts
from bridge.store.feeds import FeedKey, Kind
from rules.backtest.backtest import backtest
from rules.evaluation.evaluate import evaluate
from rules.model.verdicts import Answer
from tests.reports.metric_rules import rule

TEXT = """
schema: 1
id: low
mode: shadow
trigger: {every: 15m}
scope: {per: [offer]}
data: {window: 3h, need: {clicks: 20}, fresh: 50m}
when: ["WHEN"]
then: [{pause: offer, hold: 2h}]
"""
QUARTER, HOURS = timedelta(minutes=15), 8
WHENS = ("conversions < 12", "cr < 3%", "cr < 9% @95%", "cr < 9% @95% a month")
CHANCE_WHENS = (
    "conversions < 9",
    "cr < 6% @95% a month",
    "cr < 9% @95% of pauses",
    "cr down 20% vs 2h",
    "cr down 10% vs peers @95% a month",
    "worst 1 by cr",
)
LIMIT = "lose_at_most: {amount: 3 USD, worth: 1 USD}\n"


@dataclass
class Tracker:
    """Clicks twice a minute for two offers, of which every tenth and every fortieth converts twenty minutes later."""

    begun: datetime

    def happened(self, kind, end):
        for number in range(HOURS * 120):
            at = self.begun + timedelta(seconds=30 * number)
            offer = number % 2 + 1
            if kind is Kind.CLICKS and at < end:
                yield number, offer, at, at
            late = at + timedelta(minutes=20)
            if kind is Kind.CONVERSIONS and late < end and number % (20 if offer == 1 else 80) < 2:
                yield number, offer, at, late

    def page(self, key, start, end, _after):
        told = [one for one in self.happened(key.kind, end) if one[3] >= start]
        rows = [
            {
                "real_tx_id": f"{number:026d}",
                "request_time": f"{clicked:%Y-%m-%d %H:%M:%S}",
                "conversion_time": f"{at:%Y-%m-%d %H:%M:%S}",
                "offer_id": str(offer),
                "status": "Approved",
                "payout": "1.10",
            }
            for number, offer, clicked, at in reversed(told)
        ]
        return Page(rows, None)


@dataclass
class ChanceTracker(Tracker):
    """The same by chance: each of three offers converts at a rate, and after a time, of its own."""

    seed: int = 0

    def __post_init__(self):
        random = np.random.default_rng(self.seed)
        rates, lags = random.uniform(0.02, 0.2, 3), random.uniform(5, 90, 3)
        self.rows = []
        for _ in range(HOURS * 120):
            offer = int(random.integers(3))
            late = float(random.exponential(lags[offer])) if random.random() < rates[offer] else None
            self.rows.append((offer + 1, late))

    def happened(self, kind, end):
        for number, (offer, late) in enumerate(self.rows):
            at = self.begun + timedelta(seconds=30 * number)
            if kind is Kind.CLICKS and at < end:
                yield number, offer, at, at
            if kind is Kind.CONVERSIONS and late is not None:
                done = (at + timedelta(minutes=late)).replace(microsecond=0)
                if done < end:
                    yield number, offer, at, done

    def page(self, key, start, end, after):
        found = super().page(key, start, end, after)
        return Page(sorted(found.rows, key=lambda row: row["conversion_time"], reverse=True), None)


def postback(one):
    number, offer, clicked, at = one
    return PostbackFacts(
        kind="conversion", transaction_id=f"{number:026d}", status="approved", offer=str(offer), sub_ids={},
        click_time=clicked, conversion_time=at,
    )  # fmt: skip


RULES = [rule(TEXT.replace("WHEN", when)) for when in WHENS]


def looked(facts, revision, at):
    """What a rule sees and says, by subject."""
    found = evaluate(revision, facts, at)
    answers = found.answers.tolist()
    if found.over_loss_limit is not None:
        answers = [(answer, bool(late)) for answer, late in zip(answers, found.over_loss_limit, strict=True)]
    amounts = facts.measure("conversions", ("offer",), at - 8 * QUARTER, at).values.tolist()
    return dict(zip(facts.subjects, zip(answers, amounts, strict=True), strict=True))


@pytest.fixture
def lived(store, reading, now):
    return live(store, reading, now, Tracker(now), RULES)


def live(store, reading, now, tracker, rules):
    """Every quarter of an hour postbacks come, of which some are lost; reports are read every other quarter only."""
    cache, seen, last = ChunkCache(), {}, now
    reader = reading(tracker)
    reader.plans = [FeedPlan(key=FeedKey(kind=kind), every=2 * QUARTER) for kind in (Kind.CLICKS, Kind.CONVERSIONS)]
    for quarter in range(1, HOURS * 4):
        at = now + quarter * QUARTER
        if quarter % 2:
            reader.read(at - timedelta(minutes=3))
        fresh = [one for one in tracker.happened(Kind.CONVERSIONS, at) if one[3] >= last and one[0] % 7]
        with store.write() as session:
            postbacks.record(session, cache, FeedKey(kind=Kind.POSTBACKS), [postback(one) for one in fresh], at)
        last = at
        data = reader.data(at)
        with store.read() as session:
            seen[at] = [looked(facts_for(session, data, one, at), one, at) for one in rules]
    return seen


@pytest.mark.slow
def test_live_and_backtest_agree_verdict_for_verdict(store, lived):
    moments = list(lived)[3:]
    for number, revision in enumerate(RULES):
        with store.read() as session:
            past = past_facts.load(session, revision, moments[0], moments[-1])
            for at in moments:
                assert looked(past.at(at), revision, at) == lived[at][number], (WHENS[number], at)
            report = backtest(revision, past, moments[0], moments[-1], removes=False)
        live = Counter(Answer(answer).word for at in moments for answer, _ in lived[at][number].values())
        assert {word: count for word, count in report.answers.items() if count} == dict(live)
        assert live["yes"]
        assert live["no"]


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("seed", [2])
def test_they_agree_about_histories_by_chance_in_shadow_and_live(store, reading, now, seed):
    """Every verdict of every look; what would pause first is the same whether paused traffic is taken away or not."""
    limited = TEXT.replace("then:", f"{LIMIT}then:")
    texts = [(limited if when == CHANCE_WHENS[1] else TEXT).replace("WHEN", when) for when in CHANCE_WHENS]
    rules = [rule(text) for text in texts]
    lived = live(store, reading, now, ChanceTracker(now, seed=seed), rules)
    moments = list(lived)[3::2]
    for number, revision in enumerate(rules):
        with store.read() as session:
            past = past_facts.load(session, revision, moments[0], moments[-1])
            for at in moments:
                assert looked(past.at(at), revision, at) == lived[at][number], (CHANCE_WHENS[number], at)
            span = {"step": 2 * QUARTER}
            shadow = backtest(revision, past, moments[0], moments[-1], removes=False, **span)
            acting = backtest(revision, past, moments[0], moments[-1], **span)
        found = [each for at in moments for each, _ in lived[at][number].values()]
        told = Counter(Answer(each[0] if isinstance(each, tuple) else each).word for each in found)
        assert {word: count for word, count in shadow.answers.items() if count} == dict(told)
        first = [min((fire.at for fire in one.fires), default=None) for one in (shadow, acting)]
        assert first[0] == first[1]
