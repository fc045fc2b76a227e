"""Ratios count conversions by their click, and young clicks by the share of conversions that has arrived."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.reports import arrival_curves
from bridge.reports.arrival_curves import DAY, EDGES, HORIZON, Arrivals, Listing, learn
from bridge.reports.click_cohorts import Cohorts
from bridge.reports.live_observations import edge
from bridge.reports.past_facts import Past
from bridge.reports.report_rows import read
from bridge.reports.windows import BY_CLICK, Edges, Windows
from bridge.store.feeds import Kind
from rules.evaluation.evaluate import evaluate
from rules.loading.load import Environment, load
from rules.model.facts import Subject

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def clicks(times, offer="1"):
    rows = [{"transaction_id": f"c{n}", "click_time": f"{at:%Y-%m-%d %H:%M:%S}", "offer_id": offer} for n, at in times]
    return read(Kind.CLICKS, rows, START).batch


def conversions(times, offer="1"):
    """(number, click, conversion), each seen a minute after it happened."""
    batches = []
    for number, clicked, at in times:
        row = {
            "transaction_id": f"v{number}",
            "conversion_time": f"{at:%Y-%m-%d %H:%M:%S}",
            "click_time": clicked if isinstance(clicked, str) else f"{clicked:%Y-%m-%d %H:%M:%S}",
            "offer_id": offer,
        }
        batches.append(read(Kind.CONVERSIONS, [row], at + timedelta(minutes=1)).batch)
    return batches


def two_percent_after_eight_hours(hours=12, history=240):
    """200 clicks an hour of which 4 convert eight hours later, for `history` hours."""
    times = [START + HOUR * h + timedelta(seconds=18 * n) for h in range(history) for n in range(200)]
    windows = Windows(delays=True)
    windows.load(Kind.CLICKS, [clicks(list(enumerate(times)))])
    late = [(n, at, at + 8 * HOUR) for n, at in enumerate(times) if n % 50 == 0]
    windows.load(Kind.CONVERSIONS, conversions(late))
    return Past(windows, (Subject(("offer",), ("1",)),), since=START - timedelta(days=60))


RULE = """schema: 1
id: low
trigger: {{every: 15m}}
scope: {{per: [offer]}}
data: {{window: 24h, settle: {settle}, need: {{clicks: 100}}}}
when: [cr < 1%]
then: [{{pause: offer}}]
"""


@pytest.mark.parametrize("settle", ["0h", "1h", "8h"])
def test_a_rate_whose_conversions_come_eight_hours_later_is_right_with_and_without_settle(settle):
    past = two_percent_after_eight_hours()
    [rule] = load(RULE.format(settle=settle), name="t", environment=Environment()).revisions
    now = START + timedelta(days=9, hours=12)
    trace = evaluate(rule, past.at(now), now).explain(0).trace.parts[0].parts[0]
    assert trace.value == pytest.approx(0.02, rel=0.06)
    assert trace.sample["effective_clicks"] <= trace.sample["clicks"]


def test_young_clicks_count_little_and_old_ones_whole():
    past = two_percent_after_eight_hours()
    now = START + timedelta(days=9, hours=12)
    cohorts = past.at(now).cohorts
    young = cohorts.due(("offer",), now - HOUR, now).values[0]
    old = cohorts.due(("offer",), now - 24 * HOUR, now - 23 * HOUR).values[0]
    assert young < 2
    assert old == pytest.approx(200, abs=1)


@pytest.mark.parametrize("nothing", ["0001-01-01T00:00:00Z", "0001-01-01 00:00:00", "1970-01-01T00:00:00Z", "0", ""])
def test_a_click_time_that_means_nothing_counts_as_missing(nothing):
    [batch] = conversions([(1, nothing, START)])
    assert batch.delay.tolist() == [-1]


def test_without_click_times_conversions_count_when_they_happen_and_it_says_so():
    windows = Windows(delays=True)
    windows.load(Kind.CLICKS, [clicks([(n, START + n * HOUR / 10) for n in range(1000)])])
    windows.load(Kind.CONVERSIONS, conversions([(n, "", START + n * HOUR) for n in range(100)]))
    past = Past(windows, (Subject(("offer",), ("1",)),), since=START - timedelta(days=60))
    now = START + 100 * HOUR
    cohorts = past.at(now).cohorts
    assert cohorts.due(("offer",), now - 10 * HOUR, now).values[0] == 100
    assert cohorts.by_click("conversions", ("offer",), now - 10 * HOUR, now).values[0] == 10
    assert not cohorts.arrival(past.subjects[0]).known


def arrived(offer, click, delay, *, lag=60, advertiser=1):
    """Conversions that were there so many seconds after they happened; `delay` is from the click until then."""
    ones = np.ones(len(offer), np.int64)
    lags = np.broadcast_to(np.asarray(lag, np.int64), len(offer))
    return Arrivals(offer, click, delay, ones, np.full(len(offer), advertiser, np.int32), lags)


def test_the_curve_respects_that_young_clicks_show_fast_conversions_only():
    """Delays of 10 hours on average, clicks of two days only: the plain share would say that all are fast."""
    random = np.random.default_rng(5)
    now = 1000 * DAY
    click = now - random.integers(0, 2 * DAY, 60_000)
    delay = random.exponential(10 * 3600, 60_000).astype(np.int64)
    seen = click + delay <= now
    ones = np.ones(int(seen.sum()))
    found = learn(arrived(ones.astype(np.int32), click[seen], delay[seen]), now)
    at = EDGES <= 36 * 3600
    truth = (1 - np.exp(-EDGES[at] / 36_000)) / (1 - np.exp(-4.8))  # of what comes within two days
    assert found.shares[0][at] == pytest.approx(truth, abs=0.03)


def test_a_small_offer_borrows_from_the_others():
    now = 1000 * DAY
    big, small = np.full(500, 1, np.int32), np.full(3, 2, np.int32)
    click = np.full(503, now - 10 * DAY)
    delay = np.concatenate([np.full(500, 3600 * 3), np.full(3, 60)])
    found = learn(arrived(np.concatenate([big, small]), click, delay), now)
    at_two_hours = found.shares[found.row_of([1, 2]), 9]
    assert at_two_hours[0] < 0.01 < at_two_hours[1] < 0.3


FOUR_HOURS = 4 * 3600


def test_an_offer_that_is_listed_in_batches_is_told_from_late_rows_and_its_curve_says_when_conversions_happen():
    """Offer 1 is listed every four hours and offer 3 of the same advertiser is small; 2 has a late row now and then."""
    random, now, size = np.random.default_rng(5), 1000 * DAY, 4_000
    click = now - random.integers(0, 14 * DAY, 3 * size)
    happened = click + 3_000
    offer = np.repeat([1, 2, 3], size).astype(np.int32)
    batch = (happened // FOUR_HOURS + 1) * FOUR_HOURS + 300 - happened
    late = np.where(np.arange(3 * size) % 50 == 0, 7_200, 60)
    lag = np.where(offer == 2, late, batch)
    few = (offer != 3) | (np.arange(3 * size) % 80 == 0)  # four a day
    rows = few & (happened + lag <= now)
    delay = happened - click + np.maximum(lag - arrival_curves.PUNCTUAL, 0)
    owners = np.where(offer == 2, 8, 7).astype(np.int32)
    ones = np.ones(len(click), np.int64)
    found = learn(Arrivals(*(one[rows] for one in (offer, click, delay, ones, owners, lag))), now)
    assert sorted(found.batches) == [1, 3]
    assert found.batches[3].advertiser == 7
    assert 3.8 * 3600 < found.batches[1].lag <= FOUR_HOURS + 300
    before, after = (int(np.flatnonzero(minutes * 60 == EDGES)[0]) for minutes in (45, 60))
    assert found.shares[found.rows[1], [before, after]] == pytest.approx([0.0, 1.0], abs=0.03)


def test_an_offer_listed_in_batches_is_weighed_up_to_its_last_list():
    """A conversion each ten minutes, an hour after its click; the next list comes at noon."""
    times = [START + timedelta(minutes=n) for n in range(12 * 24 * 60)]
    windows = Windows(delays=True)
    windows.load(Kind.CLICKS, [clicks(list(enumerate(times)))])
    for number, at in enumerate(times[::10]):
        [batch] = conversions([(number, at, at + HOUR)])
        listed = (batch.event // FOUR_HOURS + 1) * FOUR_HOURS + 300
        windows.load(Kind.CONVERSIONS, [replace(batch, seen=listed)])
    past = Past(windows, (Subject(("offer",), ("1",)),), since=START - timedelta(days=60))
    for hours in (8.2, 9, 10, 11, 11.9):
        now = START + timedelta(days=10, hours=hours)
        cohorts = past.at(now).cohorts
        assert cohorts.arrival(past.subjects[0]).listed == START + timedelta(days=10, hours=7, minutes=45)
        due, came = (
            found.values[0]
            for found in (
                cohorts.due(("offer",), now - 12 * HOUR, now),
                cohorts.by_click("conversions", ("offer",), now - 12 * HOUR, now),
            )
        )
        assert came == pytest.approx(due / 10, abs=2.5)


sparse = st.lists(
    st.tuples(st.integers(0, 200_000), st.integers(-1, 100_000), st.sampled_from(["1", "2", "3"])), max_size=60
)


@settings(max_examples=40)
@given(found=sparse, begin=st.integers(0, 250_000), length=st.integers(1, 250_000), reach=st.integers(100_000, 300_000))
def test_both_sides_equal_a_second_slow_count(found, begin, length, reach):
    """Clicks at `at`; with a delay of 0 or more each has a conversion, too. Offer 3 is listed in batches."""
    windows, base = Windows(delays=True), int(START.timestamp())
    moment = {offer: [START + timedelta(seconds=at) for at, _, one in found if one == offer] for offer in "123"}
    windows.load(Kind.CLICKS, [clicks(list(enumerate(times)), offer) for offer, times in moment.items()])
    told = [
        (n, START + timedelta(seconds=at), START + timedelta(seconds=at + delay), offer)
        for n, (at, delay, offer) in enumerate(found)
        if delay >= 0
    ]
    windows.load(Kind.CONVERSIONS, [b for n, at, end, offer in told for b in conversions([(n, at, end)], offer)])
    windows.number(Kind.CLICKS, ("offer",))
    curves = _some_curves(windows)
    known = base + 10**7
    sums = Cohorts(windows, windows.totals, known, base + reach, curves)
    due = sums.due(("offer",), base + begin, base + begin + length)
    came = windows.totals(BY_CLICK, "conversions", ("offer",), Edges(base + begin, base + begin + length, known))
    whole = sums.due((), base + begin, base + begin + length)
    for offer in "123":
        [code] = windows.subjects.find(("offer",), [(offer,)])
        inside = [at for at, _, one in found if one == offer and begin <= at < begin + length]
        if code < 0:
            continue
        late = [at for at, delay, one in found if one == offer and delay >= 0 and begin <= at < begin + length]
        assert came[code] == len(late) if code < len(came) else not late
        upto = int(sums.listed_up_to().get(int(code), base + reach)) - base
        slow = _slow_due(inside, curves, code, upto, begin, begin + length)
        assert (due[code] if code < len(due) else 0) == pytest.approx(slow)
    assert whole.sum() == pytest.approx(due.sum())


def _some_curves(windows):
    code = max(int(windows.subjects.find(("offer",), [("2",)])[0]), 0)
    shares = np.vstack([np.linspace(0, 1, len(EDGES)), np.sqrt(np.linspace(0, 1, len(EDGES)))])
    means = np.vstack([EDGES[:-1] + 60, (EDGES[:-1] + EDGES[1:]) / 2]).astype(float)
    batched = int(windows.subjects.find(("offer",), [("3",)])[0])
    batches = {batched: Listing(0, 20_000)} if batched >= 0 else {}
    return arrival_curves.Curves(0, shares, means, {code: 1}, {}, 0, frozenset(), batches)


def _slow_due(inside, curves, code, reach, begin, end):
    """One click after the other: the mean share over the bin in which it lies, cut at the window's edges."""
    total = 0.0
    row = curves.rows.get(code, 0)
    for at in inside:
        age = reach - at
        if age > HORIZON:
            total += 1
        elif age > 0:
            position = int(np.searchsorted(EDGES, age, side="left")) - 1
            youngest = max(reach - end, EDGES[position])
            oldest = min(reach - begin, EDGES[position + 1])
            older = min(max((oldest - curves.means[row, position]) / (oldest - youngest), 0), 1)
            before, after = curves.shares[row, position], curves.shares[row, position + 1]
            total += before + (after - before) * older
    return total


def test_network_metrics_have_sums():
    past = two_percent_after_eight_hours(history=10)
    now = START + 10 * HOUR
    assert past.at(now).measure("clicks", (), now - HOUR, now).values[0] == 200
    assert past.at(now).cohorts.due((), now - HOUR, now).values[0] == 200
    assert edge(now) == int(now.timestamp())


@pytest.mark.parametrize("per", [("offer",), ("offer", "publisher"), ("advertiser",)])
def test_beginnings_that_share_what_is_summed_get_the_digits_of_those_that_do_not(per):
    past = two_percent_after_eight_hours()
    now = START + timedelta(days=9, hours=12, minutes=7)
    shared = past.at(now).cohorts.cohorts
    starts = [now - HOUR * hours for hours in (1, 0.2, 3, 30, 29, 72, 100, 166, 200, 238, 2, 500)]
    for end in (now, now - HOUR, now + HOUR):
        for start in starts:
            alone = past.at(now).cohorts.cohorts.due(per, edge(start), edge(end))
            assert shared.due(per, edge(start), edge(end)).tolist() == alone.tolist()
