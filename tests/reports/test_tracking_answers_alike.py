"""Whether tracking is broken follows from what was known at a moment, and not from when a process was asked before.

Clicks and conversions come in late, some are taken back, and a process that asks often meets them one by one.
"""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from observation_world import HOUR, T0, World, facts
from sqlalchemy import delete

from bridge.reports import retention
from bridge.reports.chunk_cache import moment
from bridge.reports.current_facts import LiveFacts
from bridge.reports.fact_batch import Labels
from bridge.reports.past_facts import Past
from bridge.reports.report_rows import read
from bridge.reports.retention import Keep
from bridge.reports.windows import Windows
from bridge.store import feeds
from bridge.store.feeds import Feed, Kind
from bridge.store.observations import Chunk
from rules.model.facts import Subject

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS, OFFERS = 12, ("1", "2", "3")
DEAD = START + timedelta(days=10, hours=1)  # from then on no conversion comes


def at(moment):
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def windows(seed, late_share):
    """Twelve days of an advertiser's traffic; rows are listed at once, or up to eight hours late, or taken back."""
    dice, made = random.Random(seed), Windows(delays=True)
    for kind, per_hour, weight in ((Kind.CLICKS, 2, 150), (Kind.CONVERSIONS, 5, 1)):
        for offer in OFFERS:
            rows, moments = [], []
            for number in range(DAYS * 24 * per_hour):
                moment = START + timedelta(seconds=dice.uniform(0, DAYS * 86_400))
                if kind is Kind.CONVERSIONS and moment >= DEAD:
                    continue
                clicked = moment - timedelta(minutes=dice.uniform(2, 50)) if kind is Kind.CONVERSIONS else moment
                row = {"transaction_id": f"{kind}{offer}.{number}", "offer_id": offer, "advertiser_id": "a"}
                row |= {"click_time": at(clicked)}
                row |= {"conversion_time": at(moment)} if kind is Kind.CONVERSIONS else {}
                rows.append(row)
                moments.append(moment)
            batch = read(kind, rows, START).batch
            late = np.array([dice.uniform(900, 8 * 3600) if dice.random() < late_share else 60 for _ in rows])
            found = replace(
                batch, seen=(batch.event + late).astype(np.int64), weight=np.full(len(batch), weight, np.int32)
            )
            made.load(kind, [found])
            back = np.flatnonzero([dice.random() < late_share / 4 for _ in rows])
            gone = found.take(back)
            made.load(kind, [replace(gone, seen=gone.seen + 7_000, weight=-gone.weight)])
    return made


def past(of):
    return Past(of, tuple(Subject(("offer",), (offer,)) for offer in OFFERS), since=START)


@settings(max_examples=6)
@given(
    seed=st.integers(0, 2**20), late=st.sampled_from([0.05, 0.3, 0.6]), steps=st.lists(st.integers(5, 400), max_size=40)
)
@example(seed=1, late=0.3, steps=[15] * 40)
def test_who_was_asked_before_says_what_one_says_who_was_not(seed, late, steps):
    told = windows(seed, late)
    lived, moment = past(told), DEAD - timedelta(hours=1)
    for minutes in steps:
        moment += timedelta(minutes=minutes)
        if moment >= START + timedelta(days=DAYS):
            break
        assert lived.at(moment).cohorts.breaks() == past(told).at(moment).cohorts.breaks(), moment


STEPS = ("look", "look", "look", "keep", "restart", "merge", "reach back")


class Reports:
    """What an advertiser's reports say of twelve days, as it comes to be written, a part of it late or out of turn."""

    def __init__(self, world, dice, end):
        self.world, self.dice, self.waiting, self.now = world, dice, [], end - 4 * 3600
        self.told, begin = {}, end - 288 * 3600
        for kind, per_hour, weight, late_share in ((Kind.CLICKS, 20, 15, 0.3), (Kind.CONVERSIONS, 15, 1, 0.01)):
            numbers = np.random.default_rng(dice.getrandbits(32))
            size = 288 * per_hour
            event = np.sort(numbers.integers(begin, end, size))
            if kind is Kind.CONVERSIONS:
                event = event[event < end - 5 * 3600]
            size = len(event)
            late = np.where(numbers.random(size) < late_share, numbers.integers(900, 6 * 3600, size), 60)
            empty = facts(dice, kind, end, size)
            zeros, one = np.zeros(size, np.int64), Labels(np.ones(size, np.int32), ("", "x"))
            offers = Labels(numbers.integers(1, 4, size).astype(np.int32), ("", "1", "2", "3"))
            self.told[kind] = replace(
                empty, event=event, seen=event + late, weight=np.full(size, weight, np.int32), payout=zeros,
                revenue=zeros, labels={"advertiser": one, "offer": offers},
                delay=np.full(size, 1200 if kind is Kind.CONVERSIONS else -1, np.int32),
            )  # fmt: skip
        self.written = dict.fromkeys(self.told, 0)
        self.write()

    def write(self):
        """All that was seen since the last time; sometimes a minute after a process has looked."""
        for kind, batch in self.told.items():
            new = np.flatnonzero((batch.seen > self.written[kind]) & (batch.seen <= self.now))
            self.written[kind] = self.now
            if len(new):
                self.waiting.append((kind, batch.take(new)))
        keep = self.dice.random() < 0.5
        for kind, batch in [] if keep else self.waiting:
            self.world.write(kind, batch, self.now)
        with self.world.store.write() as session:
            for kind in self.told:
                feed = feeds.ensure(session, self.world.keys[kind])
                feeds.cover(session, feed, since=moment(T0 - 400 * HOUR), as_of=moment(self.now), at=moment(self.now))
        self.waiting = self.waiting if keep else []


def said(process, session, now):
    process.refresh(session, moment(now))
    facts_then = LiveFacts(session, process, [], moment(now))
    cohorts = facts_then.cohorts
    curves = process.curves(moment(now))
    listed = process.tracking.listed_after(cohorts.cohorts, ("advertiser",))
    shares = None if curves is None else (curves.shares[0].tolist(), curves.means[0].tolist(), curves.pooled)
    breaks = dict(cohorts.breaks())
    written = process.tracking.written()
    due = {low: float(found.sum()) for low, found in written.due.items()} if written else {}
    return breaks, shares, sorted(listed[listed > 0].tolist()), due


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), steps=st.lists(st.sampled_from(STEPS), max_size=9), breaks=st.just(0))
@example(seed=3, steps=["look"] * 3 + ["keep", "restart"] + ["look"] * 2 + ["merge", "look", "keep"], breaks=1)
@example(seed=4, steps=["look"] * 2 + ["reach back", "look", "look", "keep", "look", "restart", "look"], breaks=1)
def test_processes_that_live_and_that_start_say_the_same(sqlite_store, tmp_path, small_files, seed, steps, breaks):
    dice = random.Random(seed)
    with sqlite_store.write() as session:
        session.execute(delete(Chunk))
        session.execute(delete(Feed))
    world = World(sqlite_store, tmp_path, f"a{seed}.{len(steps)}")
    midnight = T0 // 86_400 * 86_400  # so that a day begins among the moments
    reports, lived, broken = Reports(world, dice, midnight + 2 * 3600), world.process(), 0
    for step in steps:
        reports.now += dice.choice([300, 900, 1800])
        reports.write()
        with sqlite_store.read() as session:
            if step == "keep":
                lived.keep_sums(moment(reports.now))
            elif step == "restart":
                lived = world.process()
            elif step == "reach back":
                lived.reach_back(session, moment(reports.now), moment(reports.now) - timedelta(days=40))
            elif step == "merge":
                retention.apply(sqlite_store, Keep(), moment(reports.now))
            found = said(lived, session, reports.now)
            assert found == said(world.process(files=False), session, reports.now)
            broken += len(found[0])
    assert broken >= breaks


def test_what_was_seen_before_midnight_and_written_after_it_is_learned_from(sqlite_store, tmp_path):
    midnight = T0 // 86_400 * 86_400
    world = World(sqlite_store, tmp_path, "straddling")
    world.write(Kind.CLICKS, facts(random.Random(1), Kind.CLICKS, midnight - 60, 17), midnight)
    world.write(Kind.CONVERSIONS, facts(random.Random(2), Kind.CONVERSIONS, midnight - 60, 900), midnight)
    lived = world.process()
    with sqlite_store.read() as session:
        before = said(lived, session, midnight + 60)
    world.write(Kind.CONVERSIONS, facts(random.Random(5), Kind.CONVERSIONS, midnight - 30, 900), midnight + 90)
    with sqlite_store.read() as session:
        after = said(lived, session, midnight + 120)
        assert after == said(world.process(), session, midnight + 120)
    assert after[1] != before[1]
