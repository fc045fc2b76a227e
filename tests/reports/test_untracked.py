"""Where not a single conversion is known, nobody knows yet whether one would arrive: that is no bad offer."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from bridge.reports.broken_tracking import broken
from bridge.reports.entity_lookup import Directory
from bridge.reports.fact_batch import DTYPES, Batch, Labels
from bridge.reports.past_facts import Past
from bridge.reports.untracked import LOOK_BACK, SILENT
from bridge.reports.windows import Windows
from bridge.store.feeds import Kind
from rules.backtest.backtest import backtest
from rules.evaluation.evaluate import evaluate
from rules.loading.load import Environment, load
from rules.model.facts import WHOLE_INTEGRATION, Subject

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
CR = "cr < 0.40% @95% a month"
RULE = """schema: 1
id: low
mode: live
trigger: {{every: 6h}}
scope: {{per: [{per}]}}
data: {{window: 7d, need: {{clicks: 500}}}}
when: ["{when}"]
then: [{{pause: {per}, hold: 1d}}]
"""


@dataclass(frozen=True)
class Traffic:
    """Clicks of an offer, 1,200 a day unless said, each quarter of an hour; conversions come an hour later."""

    offer: str
    advertiser: str
    each: int = 0  # clicks for one conversion; 0: never one
    publisher: str = "p"
    clicks: int = 1_200
    begins: float = 0.0  # day
    sells_from: float = 0.0  # day
    sells_until: float = 99.0


def batch(rows, **columns):
    size = len(rows)
    made = {name: np.zeros(size, kind) for name, kind in DTYPES.items()}
    made["weight"] = np.ones(size, np.int32)
    made |= columns
    labels = {name: Labels.of([getattr(one, name) for one in rows]) for name in ("offer", "advertiser", "publisher")}
    return Batch(**made, labels=labels)


def world(*every, days=34, per="offer"):
    windows, base = Windows(delays=True), int(START.timestamp())
    for one in every:
        at = base + np.arange(int(one.begins * 96), days * 96) * 900
        weight = np.full(len(at), one.clicks // 96, np.int32)
        windows.load(Kind.CLICKS, [batch([one] * len(at), event=at, seen=at + 60, weight=weight)])
        if one.each:
            count = int(weight.sum()) // one.each
            told = at[0] + (np.arange(count) * one.each / weight.sum() * (at[-1] - at[0])).astype(np.int64)
            sold = (told >= base + one.sells_from * 86_400) & (told < base + one.sells_until * 86_400)
            told = told[sold]
            delay = np.full(len(told), 3600, np.int32)
            windows.load(Kind.CONVERSIONS, [batch([one] * len(told), event=told + 3600, seen=told + 3700, delay=delay)])
    found = sorted({getattr(one, per) for one in every})
    past = Past(windows, tuple(Subject((per,), (name,)) for name in found), since=START)
    past.directory = Directory()
    return past


def rule(when=CR, per="offer"):
    return load(RULE.format(when=when, per=per), name="t", environment=Environment()).revisions[0]


def paused(past, day, **said):
    now = START + day * DAY
    found = evaluate(rule(**said), past.at(now), now)
    return [str(one.ids[0]) for one, answer in zip(past.subjects, found.answers, strict=True) if answer == 1]


def reason(past, day, row=0, **said):
    now = START + day * DAY
    return evaluate(rule(**said), past.at(now), now).explain(row).reason


def missing(past, day):
    return past.at(START + day * DAY).cohorts.breaks()


NOTHING = (Traffic("1", "a"), Traffic("2", "a"), Traffic("3", "b"))
OTHERS = (Traffic("1", "a", each=100), Traffic("2", "b", each=150))


@pytest.mark.parametrize("when", [CR, "cr < 0.40% @95%", "cr < 0.40%", "conversions < 5"])
def test_of_an_integration_without_a_conversion_nothing_is_paused_however_long_it_lasts(when):
    past = world(*NOTHING)
    assert [paused(past, day, when=when) for day in (3, 10, 21, 33)] == [[], [], [], []]
    [found] = missing(past, 21).values()
    assert (found.advertiser, found.spares) == (WHOLE_INTEGRATION, True)


def test_the_explanation_says_what_to_do():
    said = reason(world(*NOTHING), 10)
    assert said.startswith("held back: no conversion of the whole integration has arrived since 02 Mar 2026 00:00 UTC")
    assert "34,560 clicks" in said
    assert "API key may read conversions" in said


def test_a_rule_that_counts_no_conversions_is_not_held_back():
    assert paused(world(*NOTHING), 10, when="clicks > 100") == ["1", "2", "3"]


def test_the_first_sale_of_an_advertiser_among_others_clears_nothing():
    """Its first offer has sold nothing for days, and then another one of it sells."""
    past = world(*OTHERS, Traffic("3", "c", begins=10), Traffic("4", "c", each=20, begins=14))
    assert "3" in paused(past, 18)


def test_an_offer_that_collapsed_is_found_although_its_advertiser_sold_nothing_for_days():
    """The others of its advertiser sell once in two days: by that nothing was due."""
    past = world(
        *OTHERS,
        Traffic("3", "c", each=50, sells_until=15),
        Traffic("4", "c", each=100, clicks=96, sells_until=15),
        Traffic("4", "c", each=100, clicks=96, sells_from=17),
    )
    assert "3" in paused(past, 21)


def test_a_bad_offer_among_others_of_its_advertiser_is_found_as_before():
    past = world(*OTHERS, Traffic("3", "a", begins=10))
    assert paused(past, 15) == ["3"]
    assert not missing(past, 15)


def test_an_advertiser_with_its_first_offers_is_judged_and_told_of():
    past = world(*OTHERS, Traffic("3", "c", begins=10))
    assert not missing(past, 10.5)
    assert paused(past, 11, when="conversions < 1") == ["3"]
    assert paused(past, 13) == ["3"]
    assert not missing(past, 13)["c"].spares
    assert "check its postback with a test conversion" in str(missing(past, 13)["c"])


def test_a_silence_of_the_whole_integration_outlasts_the_rates_by_which_a_break_is_found():
    """It sold for ten days, and then nothing arrives for three weeks."""
    past = world(*(Traffic(str(n), f"a{n % 3}", each=100, sells_until=10) for n in range(6)), days=36)
    for day in (11, 14, 17, 18, 20, 25, 30, 35):
        assert (day, paused(past, day)) == (day, [])
        assert set(missing(past, day)) == {WHOLE_INTEGRATION}


def test_a_break_of_everything_is_one_incident_and_holds_for_small_advertisers_too():
    """Of ten advertisers each had too little for a proof of its own."""
    due = np.full((10, 24), 0.3)
    names, owners = ["", *map(str, range(10))], np.arange(10, dtype=np.int32) + 1
    [found] = broken(names, owners, np.zeros((10, 24)), due, 0).values()
    assert found.advertiser == WHOLE_INTEGRATION
    assert "tracking of the whole integration looks broken: 0 of 72" in str(found)
    came = due.copy()
    came[0] = 0.0
    assert not broken(names, owners, came, due, 0)


def test_a_break_of_one_large_advertiser_is_not_one_of_everything():
    due = np.vstack([np.full((2, 24), 10.0), np.full((4, 24), 0.5)])
    came = due.copy()
    came[:2] = 0.0
    assert set(broken(["", "large", "small"], np.array([1, 1, 2, 2, 2, 2], np.int32), came, due, 0)) == {"large"}


def test_a_backtest_says_what_was_held_back_and_why():
    report = backtest(rule(), world(*NOTHING), START + 8 * DAY, START + 12 * DAY)
    assert report.pauses == ()
    assert report.stops["tracking"] == 3 * 17
    assert "51 verdicts would have been yes and were held back" in report.warnings[0]
    assert "the whole integration" in report.warnings[0]


def test_the_times_fit_together():
    """A silence begins while a break can still be found by its rates, and what a live process holds is enough."""
    assert SILENT <= 7 * 86_400
    assert LOOK_BACK > 2 * SILENT


def test_without_evidence_the_sentence_tells_of_all_that_is_known():
    """From its newest beginning there is no click at all, and each older one speaks for the offer."""
    past = world(Traffic("1", "a", each=100), Traffic("2", "a", each=100, begins=20), Traffic("3", "b", each=150))
    said = reason(past, 21, row=1)
    assert said.startswith("conversion rate 1.09% since 02 Mar 2026 00:00 UTC (12 of 1,104)")
    assert "is not proven to be below 0.40%" in said


def test_a_ratio_of_nothing_is_no_unknown_number():
    said = reason(world(*OTHERS), 12, when="ctr < 1% @95% a month")
    assert said.startswith("there is nothing yet to measure the click-through rate by since 02 Mar 2026 00:00 UTC")
    assert said.endswith("so it is not proven to be below 1.00%")
