"""Keep the observations of one account and integration in memory, up to date with the store.

One `LiveData` per process, account and integration. It reads only chunks that it has not read yet, so asking
often is cheap. What does not fit stays in the store and is read chunk by chunk when a window reaches it.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from bridge.reports import compression
from bridge.reports.arrival_curves import DAY, LOOK_BACK, Curves, learn
from bridge.reports.directory import Directory
from bridge.reports.segments import Ints, Per, slim
from bridge.reports.tracking import Tracking
from bridge.reports.windows import BY_CLICK, Edges, Source, Windows
from bridge.store import entities, feeds, observations
from bridge.store.feeds import FeedKey, Kind
from bridge.store.observations import ChunkInfo

HORIZON = timedelta(days=20)  # kept in memory; asking for more loads more
MOST_FACTS = 20_000_000  # about 800 MB
AT_ONCE = 64  # chunks unpacked at a time


@dataclass(frozen=True, slots=True)
class Coverage:
    """From when to when a feed is complete."""

    feed_id: int
    since: datetime
    as_of: datetime


@dataclass(slots=True, eq=False)
class LiveData:
    """Not for several threads at a time: one worker process decides one tick after the other."""

    account: str = "main"
    integration: str = "default"
    most_facts: int = MOST_FACTS
    windows: Windows = field(default_factory=Windows)
    coverage: dict[Kind, Coverage] = field(default_factory=dict)
    directory: Directory = field(default_factory=Directory)
    delays: dict[str, int] = field(default_factory=dict)  # offer → p90 in seconds; "": over all of them
    _loaded: set[int] = field(default_factory=set)
    _cold: dict[Kind, list[ChunkInfo]] = field(default_factory=dict)
    _since: datetime | None = None
    _mirrored: object = None  # the state of the mirror that `directory` shows
    _curves: tuple[int, Curves | None] | None = None  # the newest ones, and the day they are of
    tracking: Tracking = field(default_factory=Tracking)
    _kept: tuple[object, dict[Any, Any]] = field(default_factory=lambda: (None, {}))

    def refresh(self, session: Session, now: datetime, since: datetime | None = None) -> None:
        """Take in what was written since the last look, for all that happened after `since`."""
        self._refresh_directory(session)
        self._refresh_delays(session)
        since = min(since or now - HORIZON, self._since or now - HORIZON)
        if self._since is not None and self._since < now - 4 * HORIZON and since >= self._since:
            self._start_over()  # one long look back long ago is no reason to keep it all for ever
            since = now - HORIZON
        self._since = since
        self.coverage.clear()
        found: dict[Kind, list[ChunkInfo]] = {}
        for kind in Kind:
            feed = feeds.find(session, FeedKey(account=self.account, integration=self.integration, kind=kind))
            if feed is None:
                continue
            if feed.since is not None and feed.as_of is not None:
                self.coverage[kind] = Coverage(feed.id, feed.since, feed.as_of)
            found[kind] = observations.overlapping(session, [feed.id], since)
        if any(self._is_torn(info) for infos in found.values() for info in infos):
            self._start_over()  # before anything is loaded: it forgets the facts of every kind
        for kind, infos in found.items():
            self._load(session, kind, infos)

    def kept(self, moment: object) -> dict[Any, Any]:
        """What was measured at this moment already, by whatever rule. Of one moment only."""
        state = (moment, frozenset(self._loaded))
        if self._kept[0] != state:
            self._kept = state, {}
        return self._kept[1]

    def curves(self, now: datetime) -> Curves | None:
        """How soon conversions arrive, as learned at the last midnight UTC."""
        day = edge(now) // DAY * DAY
        if self._curves is None or self._curves[0] != day:
            self._curves = day, learn(self.windows.arrivals(day, day - LOOK_BACK), day)
        return self._curves[1]

    def totals(self, session: Session, kind: Source, metric: str, per: Per, edges: Edges) -> Ints:
        """The metric per subject number, over facts of one kind."""
        start = datetime.fromtimestamp(edges.start, UTC)
        if self._since is None or start < self._since:
            self.refresh(session, datetime.fromtimestamp(edges.known, UTC), start)
        totals = self.windows.totals(kind, metric, per, edges)
        stored = Kind.CONVERSIONS if kind == BY_CLICK else Kind(kind)
        for info in self._cold.get(stored, ()):
            ended = kind != BY_CLICK and info.first_event.timestamp() >= edges.end  # clicks come before conversions
            if info.last_event.timestamp() >= edges.start and not ended:
                aside = self._cold_chunk(session, info, stored)
                more = aside.once(kind, metric, per, edges)
                more[: len(totals)] += totals
                totals = more
        return totals

    def _cold_chunk(self, session: Session, info: ChunkInfo, kind: Kind) -> Windows:
        aside = Windows(self.windows.grains, self.windows.subjects)
        aside.load(kind, [compression.unpack(data) for data in observations.columns(session, [info.id]).values()])
        return aside

    def _is_torn(self, info: ChunkInfo) -> bool:
        """Whether only a part of what this chunk replaces is in memory: its facts cannot be told apart any more."""
        in_memory = self._loaded - {one.id for infos in self._cold.values() for one in infos}
        replaced = set(info.replaces)
        return info.id not in self._loaded and bool(replaced & self._loaded) and not replaced <= in_memory

    def _load(self, session: Session, kind: Kind, infos: list[ChunkInfo]) -> None:
        present = {info.id for info in infos}
        fresh: list[ChunkInfo] = []
        for info in infos:
            if info.id in self._loaded:
                continue
            if info.replaces and self._loaded.issuperset(info.replaces):
                self._loaded.difference_update(info.replaces)
                self._loaded.add(info.id)  # the same facts in another box
            else:
                fresh.append(info)
        self._cold[kind] = [info for info in self._cold.get(kind, ()) if info.id in present]
        room = self.most_facts - self.windows.held()
        newest_first = sorted(fresh, key=lambda info: info.last_event, reverse=True)
        taken: list[ChunkInfo] = []
        for info in newest_first:
            if info.count <= room:
                room -= info.count
                taken.append(info)
            else:
                self._cold[kind].append(info)
        self._loaded |= {info.id for info in fresh}
        self._unpack(session, kind, taken)

    def _unpack(self, session: Session, kind: Kind, infos: list[ChunkInfo]) -> None:
        batches, delays = [], kind in {Kind.CONVERSIONS, Kind.POSTBACKS}
        for position in range(0, len(infos), AT_ONCE):
            part = [info.id for info in infos[position : position + AT_ONCE]]
            read = observations.columns(session, part)
            batches += [slim(compression.unpack(data), self.windows.grains, delays=delays) for data in read.values()]
        self.windows.load(kind, batches)

    def _start_over(self) -> None:
        self.windows.clear()
        self._loaded.clear()
        self._cold.clear()

    def _refresh_directory(self, session: Session) -> None:
        state = entities.state_of(session, self.account, self.integration)
        if state == self._mirrored:
            return
        self._mirrored = state
        rows = entities.listed(session, self.account, self.integration, ("offer", "publisher", "advertiser"))
        self.directory = Directory.of(rows)
        if self.windows.subjects.learn_aliases(self.directory.aliases):
            self._start_over()

    def _refresh_delays(self, session: Session) -> None:
        self.delays = {row.offer: row.p90 for row in entities.delays(session, self.account, self.integration)}


def edge(moment: datetime) -> int:
    """Whole seconds, upwards: a row of 12:00:00 lies before an edge at 12:00:00.5."""
    return int(np.ceil(moment.timestamp()))
