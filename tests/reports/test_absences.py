"""A replay has the traffic that there would have been: what paused targets would not have had is missing."""

import random
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.reports import paused_traffic
from bridge.reports.fact_batch import Batch, Labels
from bridge.reports.paused_traffic import Absences
from bridge.reports.segment_directory import SegmentDirectory
from bridge.reports.stored_segments import Blocks
from bridge.reports.windows import BY_CLICK, Edges, Windows
from bridge.store import feeds, observations
from bridge.store.feeds import FeedKey, Kind
from tests.reports.test_observations_on_disk import T0, World, clicks

HOUR = 3_600
LENGTH = 60 * HOUR
OFFERS, PUBLISHERS = ("", "1", "2", "3"), ("", "a", "b")
numbered = iter(range(10**9))


@pytest.fixture(autouse=True)
def small(monkeypatch, small_files):
    """Many steps, and files as `small_files` has them."""
    monkeypatch.setattr(paused_traffic, "STEP_SECONDS", 7 * HOUR)


def facts(made: random.Random, kind: Kind, size: int) -> Batch:
    numbers = np.random.default_rng(made.getrandbits(32))
    event = np.sort(T0 + numbers.integers(0, LENGTH, size))
    delay = numbers.integers(-1, 20 * HOUR, size) if kind is Kind.CONVERSIONS else np.full(size, -1)
    zeros = np.zeros(size, np.int64)
    return Batch(
        event=event,
        seen=event + numbers.integers(0, 3 * HOUR, size),
        high=zeros.astype(np.uint64),
        low=numbers.integers(0, 1 << 62, size).astype(np.uint64),
        nth=np.zeros(size, np.uint8),
        status=numbers.integers(0, 4, size).astype(np.uint8),
        weight=np.ones(size, np.int32),
        payout=numbers.integers(0, 10**6, size),
        revenue=zeros,
        delay=delay.astype(np.int32),
        labels={
            "offer": Labels(numbers.integers(0, 4, size).astype(np.int32), OFFERS),
            "publisher": Labels(numbers.integers(0, 3, size).astype(np.int32), PUBLISHERS),
        },
    )


def windows_of(world: World, *, files: bool) -> Windows:
    windows, blocks = Windows(delays=True), Blocks()
    with world.store.read() as session:
        for kind in (Kind.CLICKS, Kind.CONVERSIONS):
            feed = feeds.find(session, world.keys[kind])
            infos = observations.overlapping(session, [feed.id])
            own = SegmentDirectory(world.directory, world.account, "default")
            stored = own.segments(session, kind, infos, windows.subjects, blocks) if files else {}
            for source in {source for one in stored.values() for source in one}:
                windows.store(source, [one[source] for one in stored.values()])
            if not files:
                windows.load(kind, list(world.written[kind]))
    return windows


def recounted(batches, source, per, edges: Edges, spans) -> dict[str, int]:
    """One row after the other, from the spans in which targets were absent."""
    found: dict[str, int] = {}
    names = {"offer": OFFERS, "publisher": PUBLISHERS}
    for batch in batches:
        for row in range(len(batch)):
            at, delay = int(batch.event[row]), max(int(batch.delay[row]), 0)
            click = at - delay if int(batch.delay[row]) >= 0 else at
            moment = click if source == BY_CLICK else at
            who = {name: names[name][batch.labels[name].codes[row]] for name in names}
            gone = any(who[kind] == name and since <= click < until for (kind, name), since, until in spans)
            if edges.start <= moment < edges.end and batch.seen[row] <= edges.known and not gone:
                found[who[per]] = found.get(who[per], 0) + int(batch.payout[row])
    return {name: amount for name, amount in found.items() if amount}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), files=st.booleans())
def test_what_absent_targets_would_not_have_had_is_missing(sqlite_store, tmp_path, seed, files):
    made = random.Random(seed)
    world = World(sqlite_store, tmp_path, f"r{next(numbered)}")
    world.keys = {kind: FeedKey(account=world.account, kind=kind) for kind in Kind}
    kinds = (Kind.CLICKS, Kind.CONVERSIONS)
    world.written = {kind: [facts(made, kind, made.choice([9, 40])) for _ in range(2)] for kind in kinds}
    for kind, batches in world.written.items():
        for batch in batches:
            world.write(kind, batch, T0 + LENGTH)
    windows = windows_of(world, files=files)
    replayed = windows.twin()
    replay, spans, now = Absences(windows, replayed), [], T0
    away: set[tuple[str, str]] = set()
    for per in ("offer", "publisher"):
        for kind in (Kind.CLICKS, Kind.CONVERSIONS):
            windows.number(kind, (per,))
    while now < T0 + LENGTH:
        now += made.choice([HOUR, 5 * HOUR])
        replay.reach(now)
        for source in (Kind.CLICKS, Kind.CONVERSIONS, BY_CLICK):
            per = made.choice(["offer", "publisher"])
            edges = Edges(now - made.choice([3, 24]) * HOUR, now, now)
            sums = replayed.totals(source, "payout", (per,), edges)
            names = windows.subjects.known((per,))
            said = {names[code][0]: int(sums[code]) for code in np.flatnonzero(sums)}
            kind = Kind.CONVERSIONS if source == BY_CLICK else source
            assert said == recounted(world.written[kind], source, per, edges, spans)
        one = made.choice([("offer", "1"), ("offer", "2"), ("publisher", "a")])
        number = int(windows.subjects.find((one[0],), [(one[1],)])[0])
        if number < 0 or made.random() < 0.4:
            continue
        if one in away:
            replay.come_back(((one[0],), number), now)
            spans = [(who, since, min(until, now) if who == one else until) for who, since, until in spans]
            away.remove(one)
        else:
            replay.leave(((one[0],), number), now)
            spans.append((one, now, T0 + 10**9))
            away.add(one)


def test_nothing_is_read_before_somebody_is_away(monkeypatch):
    windows = Windows(delays=True)
    windows.load(Kind.CLICKS, [clicks(T0)])
    replay = Absences(windows, windows.twin())
    monkeypatch.setattr(Windows, "pieces", None)
    replay.reach(T0 + int(timedelta(days=30).total_seconds()))
