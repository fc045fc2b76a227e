"""Made-up observations, and every question that can be asked about them, for comparing how they are kept."""

import random
from pathlib import Path

import numpy as np

from bridge.reports import chunk_cache, segment_directory
from bridge.reports.chunk_cache import moment
from bridge.reports.clickhouse_rows import ClickHouseRows
from bridge.reports.fact_batch import Batch, Labels
from bridge.reports.live_observations import LiveData
from bridge.reports.segment_directory import SegmentDirectory
from bridge.reports.windows import BY_CLICK, Edges, Windows
from bridge.store import feeds
from bridge.store.engine import Store
from bridge.store.feeds import FeedKey, Kind
from bridge.store.observations_away import WHERE_ROWS_ARE
from rules.model.revision import ALWAYS_KEPT

T0 = 1_774_699_200
HOUR = 3_600
DIMENSIONS = (*ALWAYS_KEPT, "sub_id_2")
SOURCES = (Kind.CLICKS, Kind.CONVERSIONS, Kind.POSTBACKS, BY_CLICK)
METRICS = ("clicks", "conversions", "approved", "rejected", "payout", "revenue", "events.purchase")
PERS = (("offer",), ("offer", "publisher"), ("advertiser", "offer", "sub_id_2"))


def facts(made: random.Random, kind: Kind, seen: int, size: int) -> Batch:
    """Rows of a week, read at one moment or as their file says."""
    numbers = np.random.default_rng(made.getrandbits(32))
    event = seen - numbers.integers(0, made.choice([2 * HOUR, 168 * HOUR]), size)
    of_reports = kind in {Kind.CONVERSIONS, Kind.POSTBACKS}
    delay = numbers.integers(-1, 40 * HOUR, size) if of_reports else np.full(size, -1)
    paid = made.choice([0, 1, 1_200_000, 9 * 10**17])

    def labels(*names: str) -> Labels:
        return Labels(numbers.integers(0, len(names), size).astype(np.int32), names)

    named = {
        "offer": labels("", "1", "2", "3"),
        "publisher": labels("", "a", "b'\\ \ud800ü"),
        "advertiser": labels("", "x"),
    }
    if made.random() < 0.5:
        named |= {"sub_id_2": labels("", "s", "t" * made.randint(1, 3)), "event": labels("", "purchase", "Conversion")}
    return Batch(
        event=event,
        seen=np.full(size, seen) if made.random() < 0.7 else np.maximum(event, seen - numbers.integers(0, HOUR, size)),
        high=numbers.integers(0, 1 << 40, size).astype(np.uint64) << np.uint64(16),
        low=numbers.integers(0, 1 << 62, size).astype(np.uint64),
        nth=np.zeros(size, np.uint8),
        status=numbers.integers(0, 4, size).astype(np.uint8),
        weight=np.full(size, made.choice([1, 1, 1, -1, 700]), np.int32),
        payout=numbers.integers(-paid, paid + 1, size),
        revenue=numbers.integers(0, paid + 1, size),
        delay=delay.astype(np.int32),
        labels=named,
    )


def with_rows(store: Store, rows: ClickHouseRows) -> Store:
    """The same database for a process that knows where rows in ClickHouse are."""
    return Store(store.engine, {WHERE_ROWS_ARE: lambda: rows})


class World:
    """A database, the processes that look at it, and a directory that they share."""

    def __init__(self, store, directory: Path, account: str) -> None:
        self.store, self.directory, self.account = store, directory, account
        self.keys = {kind: FeedKey(account=account, kind=kind) for kind in Kind}

    def process(self, *, files: bool = True) -> LiveData:
        own = SegmentDirectory(self.directory, self.account, "default") if files else None
        return LiveData(self.account, files=own, windows=Windows(DIMENSIONS))

    def write(self, kind: Kind, batch: Batch, now: int) -> None:
        with self.store.write() as session:
            feed = feeds.ensure(session, self.keys[kind])
            chunk_cache.add(session, feed.id, batch)
            feeds.cover(session, feed, since=moment(T0 - 400 * HOUR), as_of=moment(now), at=moment(now))

    def files(self) -> list[Path]:
        return sorted(path for path in self.directory.glob(f"{self.account}/*/*/*") if path.suffix)

    @property
    def sums(self) -> Path:
        return self.directory / self.account / "default" / segment_directory.SUMS


def answers(data: LiveData, session, asked: tuple[int, int, int], now: int) -> dict[object, object]:
    """Everything that can be asked, under names instead of numbers."""
    start, end, known = asked
    windows, edges = data.windows, Edges(start, end, known)

    def named(per, values):
        names = windows.subjects.known(per)
        return sorted(
            (names[code], *np.atleast_1d(values[code]).tolist())
            for code in np.flatnonzero(np.any(np.atleast_2d(values.T).T, axis=1))
        )

    found: dict[object, object] = {"last seen": [windows.last_seen(kind, known) for kind in SOURCES]}
    for per in PERS:
        found["counts", per] = named(per, windows.counts(per, start, end))
        found["occurring", per] = sorted(windows.occurring(per, start, end))
        found["told from", per] = windows.told_from(per, (Kind.CLICKS, Kind.CONVERSIONS))
        for kind in SOURCES:
            for metric in METRICS:
                found["total", kind, metric, per] = named(per, data.totals(session, kind, metric, per, edges))
            found["once", kind, per] = named(per, windows.once(kind, "payout", per, edges))
    for kind in (Kind.CONVERSIONS, Kind.POSTBACKS):
        clicked = (start, (start + end) // 2)
        found["told", kind] = named(("offer",), windows.told_since(kind, "conversions", ("offer",), edges, clicked))
    found["histogram"] = named(
        ("offer",),
        windows.histogram(Kind.CONVERSIONS, "conversions", ("offer",), Edges(start, start + 10 * HOUR, known), HOUR),
    )
    moments = sorted({start, *(start + step * 977 for step in range(12)), start + 20 * HOUR})
    table = windows.cumulated(Kind.CLICKS, "clicks", ("offer",), moments, known, most=10**6)
    found["cumulated"] = [named(("offer",), row) for row in table]
    arrived = windows.arrivals(known, start)
    offers = [windows.subjects.known(("offer",))[code] for code in arrived.offer]
    found["arrivals"] = sorted(
        zip(
            offers,
            arrived.click.tolist(),
            arrived.delay.tolist(),
            arrived.weight.tolist(),
            arrived.lag.tolist(),
            [windows.subjects.known(("advertiser",))[code] for code in arrived.advertiser],
            strict=True,
        )
    )
    owners, events, lags = windows.listed_after(("offer",), start, end, known)
    names = windows.subjects.known(("offer",))
    found["listed"] = sorted(zip([names[one] for one in owners], events.tolist(), lags.tolist(), strict=True))
    return found


def write(world: World, made: random.Random, now: int) -> int:
    """Readings of some feeds; some of what they tell is taken back a minute later."""
    for kind in made.sample([Kind.CLICKS, Kind.CONVERSIONS, Kind.POSTBACKS], made.randint(1, 3)):
        batch = facts(made, kind, now, made.choice([1, 3, 5, 17]))
        world.write(kind, batch, now)
        if made.random() < 0.3:
            now += 60
            world.write(kind, batch.take(np.arange(len(batch) // 2 + 1)).taken_back().seen_from(now), now)
    return now
