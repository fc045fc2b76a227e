"""Conversions that stay away at once for all offers of an advertiser are broken tracking, not bad traffic."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from benchmarks.tracking import incidents, traffic
from bridge.reports.arrival_curves import listing_lags
from bridge.reports.broken_tracking import best_time_range, broken
from bridge.reports.entity_lookup import Directory
from bridge.reports.past_facts import Past
from bridge.reports.report_rows import read
from bridge.reports.windows import Windows
from bridge.store.feeds import Kind
from rules.evaluation.evaluate import evaluate
from rules.loading.load import Environment, load
from rules.model.facts import Subject

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAYS = 12
GAP = START + timedelta(days=10, hours=2)


def at(moment):
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def past(lost, *, filled=None, offers=("1", "2", "3"), rate=7, listed_every=0):
    """`rate` conversions an hour for each offer, half an hour after their clicks; those `lost` are seen at `filled`.

    With `listed_every` they are listed all together every so many seconds.
    """
    windows = Windows(delays=True)
    for offer in offers:
        names = {"offer_id": offer, "advertiser_id": "a"}
        hours = [START + HOUR * n for n in range(DAYS * 24)]
        told = [{"transaction_id": f"c{offer}{n}", "click_time": at(hour), **names} for n, hour in enumerate(hours)]
        batch = read(Kind.CLICKS, told, START).batch
        windows.load(Kind.CLICKS, [replace(batch, weight=np.full(len(batch), 700, np.int32))])
        for n, hour in enumerate(hours):
            rows = [
                {"transaction_id": f"v{offer}{n}.{k}", "click_time": at(hour), **names}
                | {"conversion_time": at(hour + timedelta(minutes=3 + 54 * k / rate))}
                for k in range(rate)
            ]
            found = read(Kind.CONVERSIONS, rows, hour).batch
            gone = np.array([lost(offer, datetime.fromtimestamp(one, UTC), k) for k, one in enumerate(found.event)])
            late = int((filled or START + timedelta(days=90)).timestamp())
            listed = (found.event // listed_every + 1) * listed_every if listed_every else found.event
            windows.load(Kind.CONVERSIONS, [replace(found, seen=np.where(gone, late, listed + 60))])
    subjects = tuple(Subject(("offer",), (offer,)) for offer in offers)
    made = Past(windows, subjects, since=START)
    made.directory = Directory()
    return made


def all_gone(_offer, moment, _k):
    return GAP <= moment < GAP + 5 * HOUR


def found(world, moment):
    return world.at(moment).cohorts.breaks()


def test_a_dead_postback_is_noticed_within_half_an_hour_at_twenty_conversions_an_hour():
    world = past(all_gone)
    assert not found(world, GAP)
    [gap] = found(world, GAP + timedelta(minutes=40)).values()
    assert gap.seen == 0
    assert "looks broken: 0 of" in str(gap)


def test_half_of_the_postbacks_lost_is_noticed_too():
    world = past(lambda _offer, moment, k: moment >= GAP and k % 2 == 0)
    assert found(world, GAP + 8 * HOUR)


def test_it_is_over_when_the_hole_is_filled_in():
    world = past(all_gone, filled=GAP + 9 * HOUR)
    assert found(world, GAP + 8 * HOUR)
    assert not found(world, GAP + 9.5 * HOUR)


def test_one_offer_that_stops_converting_is_no_broken_tracking():
    world = past(lambda offer, moment, _k: offer == "1" and moment >= GAP)
    assert not found(world, GAP + 8 * HOUR)


def test_an_advertiser_whose_conversions_are_listed_in_batches_has_no_broken_tracking():
    world = past(lambda _offer, moment, _k: moment >= GAP + 2 * HOUR, listed_every=4 * 3600)
    assert not any(found(world, GAP + minutes * timedelta(minutes=1)) for minutes in (-125, -5, 60, 115))
    assert found(world, GAP + 11 * HOUR)


def test_what_is_listed_late_is_told_from_single_late_rows_and_from_a_hole_that_was_filled_in():
    """Advertiser 1 lists at once, with one late row of fifty and a day that was filled in; 2 lists every four hours."""
    events = np.arange(7 * 86_400, 14 * 86_400, 600)
    at_once = np.where(np.arange(len(events)) % 50 == 7, 7_200, 300)
    at_once = np.where(events // 86_400 == 9, 90_000, at_once)
    batches = (events // 14_400 + 1) * 14_400 - events
    owners = np.repeat(np.array([1, 2], np.int32), len(events))
    lags = listing_lags(owners, np.tile(events, 2), np.concatenate([at_once, batches]))
    assert lags[1] == 300
    assert 13_000 < lags[2] <= 14_400


@pytest.mark.parametrize(("shares", "told"), [((0.25, 0.85, 0.85), False), ((0.45, 0.5, 0.5), True)])
def test_one_large_offer_that_collapses_on_a_weak_weekend_is_no_broken_tracking(shares, told):
    """Three days of one offer with 100 conversions a day that were due, and two with 20."""
    due = np.repeat(np.array([[100.0], [20.0], [20.0]]) / 96, 3 * 96, axis=1)
    came = due * np.array(shares)[:, None]
    assert bool(broken(["", "a"], np.array([1, 1, 1], np.int32), came, due, 0)) is told


@pytest.mark.parametrize(("lacking", "told"), [(0.5, False), (0.38, True)])
def test_others_that_are_a_little_weak_do_not_make_a_break_of_a_collapse(lacking, told):
    """Half a day of one offer with 100 conversions a day that stops, and two with 20, in the hours that suit best."""
    due = np.repeat(np.array([[100.0], [20.0], [20.0]]) / 96, 3 * 96, axis=1)
    came = due.copy()
    came[0, -48:] = 0.0
    came[1:, -48:] *= lacking
    assert bool(broken(["", "a"], np.array([1, 1, 1], np.int32), came, due, 0)) is told


def test_an_offer_that_collapsed_before_is_expected_to_bring_less():
    """It brings a quarter of what the week before says, for two days; the others have a weak hour, and no break."""
    due = np.repeat(np.array([[60.0], [12.0], [12.0]]) / 96, 3 * 96, axis=1)
    came = due.copy()
    came[0, 96:] *= 0.25
    came[:, -20:] = 0.0
    owners = np.ones(3, np.int32)
    assert not broken(["", "a"], owners, came, due, 0)
    came[0, 96:-20] = due[0, 96:-20]
    assert broken(["", "a"], owners, came, due, 0)


@pytest.mark.parametrize(("advertisers", "allowed", "told"), [(1, 1.0, True), (20, 1.0, False), (20, 20.0, True)])
def test_of_many_advertisers_each_needs_more_so_that_all_together_have_no_more_false_incidents(
    advertisers, allowed, told
):
    """Ten conversions were due and none came: proof for one advertiser, and chance once a month among twenty."""
    due = np.full((2 * advertisers, 96), 2.5)
    came = due.copy()
    came[:2, -2:] = 0.0
    names, owners = ["", *map(str, range(advertisers))], np.arange(2 * advertisers, dtype=np.int32) // 2 + 1
    found = broken(names, owners, came, due, 0, false_incidents=allowed)
    assert list(found) == (["0"] if told else [])


def test_the_newest_minutes_count_as_well():
    """In 28 minutes ten were due; what is known is five minutes old, and the newest full quarter says too little."""
    assert found(past(all_gone), GAP + timedelta(minutes=33))


def test_a_report_that_stays_behind_the_postbacks_is_no_broken_tracking():
    """Postbacks tell of conversions up to now, and the report was read three hours ago for the last time."""
    world, now = past(lambda _offer, moment, _k: moment >= GAP), GAP + 3 * HOUR
    sums = world.at(now).cohorts.cohorts
    assert world.tracking.breaks(sums, int(START.timestamp()))
    behind = replace(sums, report=int(GAP.timestamp()))
    assert not world.tracking.breaks(behind, int(START.timestamp()))


def test_chance_causes_hardly_an_incident_in_a_month():
    """Ten advertisers with ten conversions an hour each, whose rates differ from day to day."""
    assert len(incidents(*traffic(10, advertisers=10, days=10), every=8)) <= 1


RULE = """schema: 1
id: low
trigger: {every: 15m}
scope: {per: [offer]}
data: {window: 6h, need: {clicks: 100}, fresh: 1h}
when: [WHEN]
then: [{pause: offer}]
"""


@pytest.mark.parametrize(("when", "answer"), [("cr < 0.70%", "no"), ("clicks > 10", "yes")])
def test_no_rule_takes_traffic_away_for_conversions_that_are_missing(when, answer):
    world, now = past(all_gone), GAP + 5 * HOUR
    [rule] = load(RULE.replace("WHEN", when), name="t", environment=Environment()).revisions
    verdict = evaluate(rule, world.at(now), now).explain(0)
    assert verdict.answer.word == answer
    assert ("held back: tracking of advertiser" in verdict.reason) == (answer == "no")


def test_the_sentence_has_its_times_in_the_zone_of_the_rule():
    world, now = past(all_gone), GAP + 5 * HOUR
    text = RULE.replace("WHEN", "cr < 0.70%").replace("fresh: 1h", "fresh: 1h, tz: Asia/Kolkata")
    [rule] = load(text, name="t", environment=Environment()).revisions
    reason = evaluate(rule, world.at(now), now).explain(0).reason
    assert f"from {GAP + 5.5 * HOUR:%d %b %Y %H:%M} to" in reason
    assert reason.endswith("IST")


def test_the_best_stretch_is_the_one_with_the_largest_sum():
    best, low, high = best_time_range(np.array([[1.0, -3.0, 2.0, 2.0, -1.0, 3.0, -9.0]]))
    assert (best[0], low[0], high[0]) == (6.0, 2, 6)


def test_single_late_rows_make_no_subject_one_that_is_listed_in_batches():
    """Half of the rows tell batches from rows that come late everywhere."""
    events = np.arange(7 * 40) * (86_400 // 40)
    late = np.where(np.arange(len(events)) % 20 == 0, 5 * 3600, 300)
    batches = (events // 14_400 + 1) * 14_400 + 300 - events
    owners = np.repeat([1, 2], len(events)).astype(np.int32)
    rows = owners, np.tile(events, 2), np.concatenate([late, batches])
    assert listing_lags(*rows)[1] > 3600 < listing_lags(*rows)[2]
    half = listing_lags(*rows, share=0.5)
    assert half[1] == 300
    assert half[2] > 3600
