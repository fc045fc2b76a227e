"""Provide past facts to a backtest: what was known at any moment, and what is known today.

The same window engine as live, over observations of the whole time range. Only one thing is added: a target that
the replay keeps paused would not have had its traffic, so that traffic is taken out of what the rule sees.
Conversions of clicks from before the pause stay, as they would have arrived.
"""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from bridge.config.lookup_tables import Table, cells
from bridge.reports import chunk_cache
from bridge.reports.arrival_curves import DAY, LOOK_BACK, Curves, learn
from bridge.reports.broken_tracking import Tracking
from bridge.reports.click_cohorts import MICRO, UNRELATED, ClickFacts, Cohorts, no_newest
from bridge.reports.current_facts import FOR_EVER, LiveFacts, chosen, kept, kinds_of, newest, told_from
from bridge.reports.entity_lookup import Directory
from bridge.reports.fact_batch import MONEY, Batch
from bridge.reports.import_times import REPORT_LAG, as_imported, seen_when_imported
from bridge.reports.items import natural
from bridge.reports.live_observations import LiveData, edge, read_since
from bridge.reports.paused_traffic import Absences
from bridge.reports.segment_directory import SegmentDirectory
from bridge.reports.segments import Ints, Per, slim
from bridge.reports.stored_segments import Blocks
from bridge.reports.windows import Edges, Windows
from bridge.store import entities, feeds, observations
from bridge.store.feeds import FeedKey, Kind
from bridge.store.observations import ChunkInfo
from rules.language.functions import OF_THE_MOMENT
from rules.model import tree
from rules.model.facts import Column, Subject, Why, all_missing
from rules.model.plan import Target
from rules.model.revision import ALWAYS_KEPT, DECLARABLE, DIMENSIONS, Dimension, Group, Revision
from rules.model.syntax import Condition

BASELINE = timedelta(days=31)  # loaded before the start, for the windows and baselines of the first evaluations
TWO_MONTHS = timedelta(days=72)  # where a rule looks at last month, or at the same hours of nine weeks
MAX_RANGES = 64  # whose sums are kept while fires are counted
#: Rows of files: around the edges of all windows that a rule looks at, and of the ages of clicks.
MAX_ROWS_KEPT = 1_000_000
#: Of these the time when a row was taken to have been seen is known from its file. Of conversions in the order of their
#: clicks it is not; they are few, and kept in memory.
EVENT_TIME_ONLY = frozenset({Kind.CLICKS, Kind.IMPRESSIONS})
COUNTED_MEASURES = ("clicks", "conversions", "payout", "revenue")
Against = Literal["live", "imported"]


@dataclass(slots=True, eq=False)
class Past:
    """Facts, sorted once for all queries. `rules.backtest.simulated_world.History` for the subjects of one rule."""

    windows: Windows
    subjects: tuple[Subject, ...]
    directory: Directory = field(default_factory=Directory)
    since: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    marks: Mapping[Kind, Sequence[tuple[datetime, datetime]]] | None = None  # None: every feed is always complete
    data: LiveData = field(default_factory=LiveData)
    tables: Mapping[str, Table] = field(default_factory=dict)
    joins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    zone: str = "UTC"
    _replayed: Windows | None = None
    _codes: dict[Per, NDArray[np.int32]] = field(default_factory=dict)
    _attributes: dict[tuple[str, date | None], Column] = field(default_factory=dict)
    #: Of all that happened, and of what would have happened.
    tracking: Tracking = field(default_factory=Tracking)
    _replayed_tracking: Tracking = field(default_factory=Tracking)
    #: Whose `where` and `except` mean others on other days; None: always the same.
    changing_scope: Revision | None = None
    _inside: dict[object, NDArray[np.bool_]] = field(default_factory=dict)
    _curves: dict[int, Curves | None] = field(default_factory=dict)
    _absences: Absences | None = None
    _came: dict[object, Ints] = field(default_factory=dict)

    @property
    def read_since(self) -> datetime | None:
        """Return when the service first read a report; None if everything counts as known when it happened."""
        return min((marks[0][0] for marks in (self.marks or {}).values() if marks), default=None)

    def begin(self) -> None:
        for per in {self.subjects[0].per} if self.subjects else set[Per]():
            self.codes(per)  # numbers and orders are worked out once and shared by all replays
        self._replayed = self.windows.twin()
        self._replayed_tracking = Tracking()
        self._absences = Absences(self.windows, self._replayed)

    def at(self, now: datetime) -> "PastFacts":
        if self._absences is not None:
            self._absences.reach(edge(now))
        return PastFacts(self, self._replayed or self.windows, now, edge(now))

    def undisturbed(self, now: datetime) -> "PastFacts":
        return PastFacts(self, self.windows, now, edge(now))

    def hindsight(self, now: datetime) -> "PastFacts":
        return PastFacts(self, self.windows, now, FOR_EVER)

    def tracking_in(self, windows: Windows) -> Tracking:
        """Return the tracking state of these facts."""
        return self._replayed_tracking if windows is self._replayed else self.tracking

    def leave(self, target: Target, now: datetime) -> None:
        if target.kind in DIMENSIONS and self._absences is not None:
            self._absences.leave(self._of(target), edge(now))

    def come_back(self, target: Target, now: datetime) -> None:
        if target.kind in DIMENSIONS and self._absences is not None:
            self._absences.come_back(self._of(target), edge(now))

    def _of(self, target: Target) -> tuple[Per, int]:
        per: Per = (target.kind,)  # type: ignore[assignment]
        for kind in Kind:
            self.windows.number(kind, per)
        return per, int(self.windows.subjects.find(per, [(target.id,)])[0])

    def came_in(self, subject: Subject, since: datetime, now: datetime) -> bool:
        code = int(self.windows.subjects.find(subject.per, [subject.ids])[0])
        edges = Edges(edge(since), edge(now), edge(now))
        windows = self._replayed or self.windows
        kinds = (Kind.CONVERSIONS, Kind.CLICKS)
        return code >= 0 and any(_of_one(windows.totals(kind, kind, subject.per, edges), code) > 0 for kind in kinds)

    def came(self, target: Target, start: datetime, end: datetime) -> dict[str, Decimal]:
        if target.kind not in DIMENSIONS:
            return {}
        per, code = self._of(target)
        found = {}
        for name in COUNTED_MEASURES:
            sums = [self._clicked(kind, name, per, (edge(start), edge(end))) for kind in kinds_of(name)]
            amount = sum(_of_one(one, code) for one in sums)
            found[name] = Decimal(amount) / 1_000_000 if name in MONEY else Decimal(amount)
        return found

    def _clicked(self, kind: Kind, name: str, per: Per, clicked: tuple[int, int]) -> Ints:
        """Return the sums of all subjects, because many are queried for the same time range."""
        key = kind, name, per, clicked
        if key not in self._came:
            if len(self._came) >= MAX_RANGES:
                self._came.clear()
            self._came[key] = self.windows.clicked(kind, name, per, clicked)
        return self._came[key]

    def curves(self, now: datetime) -> Curves | None:
        """Return the conversion lag as it was learned at the last midnight UTC."""
        day = edge(now) // DAY * DAY
        if day not in self._curves:
            self._curves[day] = learn(self.windows.arrivals(day, day - LOOK_BACK), day)
        return self._curves[day]

    def reach(self, known: int, now: datetime) -> int:
        """Return up to when conversions were complete; an imported row counts as seen a little later."""
        if known == FOR_EVER:
            return FOR_EVER
        if self.marks is None:
            return edge(now - REPORT_LAG)
        marks = (self.as_of("conversions", known, now), self.told(known, now))
        return min(max((edge(mark) for mark in marks if mark is not None), default=edge(self.since)), edge(now))

    def told(self, known: int, now: datetime) -> datetime | None:
        """Return when the last postback had arrived by then; None if none is kept, or if only reports are queried."""
        if self.marks is None or known == FOR_EVER:
            return None
        return self.windows.last_seen(Kind.POSTBACKS, edge(now))

    def parent(self, kind: str, identity: str, of: Dimension) -> str | None:
        return self.directory.parent(kind, identity, of)

    def as_of(self, name: str, known: int, now: datetime) -> datetime | None:
        if self.marks is None or known == FOR_EVER:
            return now
        kind = kinds_of(name)[0]
        marks = self.marks.get(kind, ())
        position = bisect_right(marks, now, key=lambda mark: mark[0])
        if position:
            return marks[position - 1][1]
        return self.windows.last_seen(kind, edge(now))  # nothing was read yet: as far as an import tells

    def attribute(self, name: str, now: datetime) -> Column:
        """Return an attribute from today's mirror: past attributes are not stored in a usable form.

        Tables are today's too, with the rows that were valid on that day.
        """
        table = self.tables.get(name.partition(".")[0])
        key = (name, self.day(now)) if table is not None and table.dated else (name, None)
        if key not in self._attributes:
            self._attributes[key] = self.entities(now).attribute(name)
        return self._attributes[key]

    def in_scope(self, now: datetime) -> NDArray[np.bool_] | None:
        """Return which subjects `where` and `except` select at this moment; None: all of them, at all times."""
        if self.changing_scope is None:
            return None
        moment: object = now if _asks_clock(self.changing_scope.scope.conditions) else self.day(now)
        if moment not in self._inside:
            self._inside[moment] = kept(self.entities(now), self.changing_scope)
        return self._inside[moment]

    def entities(self, now: datetime) -> LiveFacts:
        """Return the facts that are not amounts."""
        return LiveFacts(None, self.data, self.subjects, now, self.tables, self.joins, self.zone)  # type: ignore[arg-type]

    def day(self, now: datetime) -> date:
        """Return the day of a moment in the time zone of the rule."""
        return now.astimezone(ZoneInfo(self.zone)).date()

    def codes(self, per: Per) -> NDArray[np.int32]:
        """Return each subject's number in the sums of a dimension. All facts are loaded, so numbers do not change."""
        if per not in self._codes:
            for kind in Kind:
                self.windows.number(kind, per)
            ids = [tuple(self._part(subject, dimension) for dimension in per) for subject in self.subjects]
            found = self.windows.subjects.find(per, [tuple(part or "" for part in parts) for parts in ids])
            unrelated = np.array([None in parts for parts in ids], dtype=bool)
            self._codes[per] = np.where(unrelated, np.int32(UNRELATED), found).astype(np.int32)
        return self._codes[per]

    def _part(self, subject: Subject, dimension: Dimension) -> str | None:
        own = subject.get(dimension)
        if own is not None:
            return own
        parents = (
            self.parent(kind, identity, dimension) for kind, identity in zip(subject.per, subject.ids, strict=True)
        )
        return next((parent for parent in parents if parent is not None), None)


@dataclass(slots=True, eq=False)
class PastFacts:
    """`rules.model.facts.Facts` about one moment of the past."""

    past: Past
    windows: Windows
    now: datetime
    known: int
    _cohorts: ClickFacts | None = None
    _once: dict[Hashable, Any] = field(default_factory=dict)

    @property
    def subjects(self) -> Sequence[Subject]:
        return self.past.subjects

    def measure(self, name: str, per: tuple[Dimension, ...], start: datetime, end: datetime) -> Column:
        codes = self.past.codes(per)
        first = self.windows.told_from(per, (kinds_of(name)[0],))
        if start < self.past.since or (first is not None and edge(start) < first):
            return all_missing(len(codes))
        edges = Edges(edge(start), edge(end), self.known)
        sums = np.zeros(len(codes), dtype=np.int64)
        there = codes >= 0
        for kind in kinds_of(name):
            totals = self._totals(kind, name, per, edges)
            sums[there] += totals[codes[there]]
        values = sums / MICRO if name in MONEY else sums.astype(np.float64)
        return Column(values, np.where(codes == UNRELATED, np.uint8(Why.MISSING), np.uint8(Why.KNOWN)))

    def _totals(self, kind: Kind, name: str, per: Per, edges: Edges) -> Ints:
        """Return the report up to its mark of that moment, and what postbacks had listed after it."""
        read = self.past.as_of(name, self.known, self.now)
        if kind is not Kind.CONVERSIONS or read is None or self.past.told(self.known, self.now) is None:
            return self.windows.totals(kind, name, per, edges)
        reached = min(max(edge(read), edges.start), edges.end)
        told = self.windows.totals(kind, name, per, edges._replace(end=reached))
        if reached == edges.end:
            return told
        sums = self.windows.once(Kind.POSTBACKS, name, per, edges._replace(start=reached)).copy()
        sums[: len(told)] += told
        return sums

    def _newest(self, reached: int, name: str, per: Per, start: int, end: int) -> Ints:
        return newest(self.windows, Edges(reached, FOR_EVER, self.known), name, per, (start, end))

    @property
    def cohorts(self) -> ClickFacts:
        if self._cohorts is None:
            curves = None if self.known == FOR_EVER else self.past.curves(self.now)
            reach = self.past.reach(self.known, self.now)
            read = self.past.as_of("conversions", self.known, self.now)
            report = None if read is None or self.past.marks is None else edge(min(read, self.now))
            sums = Cohorts(self.windows, self.windows.totals, self.known, reach, curves, report=report)
            told = read is not None and self.past.told(self.known, self.now) is not None
            beyond = partial(self._newest, edge(read)) if read is not None and told else no_newest
            since = max(edge(self.past.since), told_from(self.windows, self.subjects) or 0)
            self._cohorts = ClickFacts(sums, self.past.codes, since, beyond, self.past.tracking_in(self.windows))
        return self._cohorts

    def once(self, question: Hashable, _pers: frozenset[Per], answer: Callable[[], Any]) -> Any:
        """Return the answer to a query about this moment; all rules at this moment share it."""
        if question not in self._once:
            self._once[question] = answer()
        return self._once[question]

    def attribute(self, name: str) -> Column:
        return self.past.attribute(name, self.now)

    def known_as(self, dimension: Dimension, identity: str) -> tuple[str, ...]:
        """Return both ids of an entity from today's mirror."""
        return self.past.directory.known_as(dimension, identity)

    def listed(self, table: str, column: str | None) -> frozenset[str] | None:
        """Return the cells of a column from today's table, for `in table`."""
        return cells(self.past.tables, table, column, self.past.day(self.now))

    def entities(self, dimension: Dimension) -> LiveFacts | None:
        """Return all entities of a kind from today's mirror."""
        return self.past.entities(self.now).entities(dimension)

    def as_of(self, name: str) -> datetime | None:
        return self.past.as_of(name, self.known, self.now)

    def settle(self) -> Column:
        delays = self.past.data.delays
        overall = delays.get("")
        seconds = [delays.get(subject.get("offer") or "", overall) for subject in self.subjects]
        values = np.array([0 if value is None else value for value in seconds], dtype=np.float64)
        return Column(
            values, np.array([Why.MISSING if value is None else Why.KNOWN for value in seconds], dtype=np.uint8)
        )


def load(
    session: Session,
    revision: Revision,
    start: datetime,
    end: datetime,
    *,
    against: Against = "live",
    tables: Mapping[str, Table] | None = None,
    files: SegmentDirectory | None = None,
    tracking: Tracking | None = None,
) -> Past:
    """Load what a backtest of this rule over [start, end] needs; of `files` only what is queried.

    `live`: every row as it was seen, up to which each feed had been read. `imported`: history that was filled in
    afterwards; each row was seen when its file says, or else five minutes after it happened.
    """
    account, integration = revision.account, revision.integration
    more = tuple(one for one in revision.scope.per if one in DECLARABLE)
    data = LiveData(account, integration, windows=Windows((*ALWAYS_KEPT, *more), delays=True))
    rows = entities.listed(session, account, integration, ("offer", "publisher", "advertiser"))
    data.directory = Directory.of(rows)
    data.delays = {row.offer: row.p90 for row in entities.delays(session, account, integration)}
    data.windows.subjects.learn_aliases(data.directory.aliases)
    data.windows.are_read_since(_read_since(session, revision, against))
    marks: dict[Kind, Sequence[tuple[datetime, datetime]]] = {}
    blocks = Blocks(MAX_ROWS_KEPT)
    far = "last_month" in revision.text or "unusual" in revision.text
    since = first = start - (TWO_MONTHS if far else BASELINE)
    for kind in (Kind.CLICKS, Kind.IMPRESSIONS, Kind.CONVERSIONS, *([Kind.POSTBACKS] if against == "live" else [])):
        feed = feeds.find(session, FeedKey(account=account, integration=integration, kind=kind))
        if feed is None:
            continue
        if feed.since is not None and against == "live" and kind in {Kind.CLICKS, Kind.CONVERSIONS}:
            since = max(since, feed.since)
        marks[kind] = feeds.marks(session, feed.id, start, end)
        infos: Sequence[ChunkInfo] = observations.overlapping(session, [feed.id], first)
        # What was imported is laid out here: when its rows were seen is worked out from them.
        infos = data.store_elsewhere(session, kind, infos) if against == "live" else infos
        stored = {}
        if files is not None and (against == "live" or kind in EVENT_TIME_ONLY):
            stored = files.segments(session, kind, infos, data.windows.subjects, blocks)
        if against == "imported":
            for each in stored.values():
                each[kind] = as_imported(each[kind], data.windows.dimensions)
        for source in {source for one in stored.values() for source in one}:
            data.windows.store(source, [one[source] for one in stored.values()])
        batches = []
        for info in infos:
            if info.id not in stored:
                found = chunk_cache.unpacked(session, [info])
                batches += [_prepared(one, against, data.windows) for one in found.values()]
        data.windows.load(kind, batches)
    past = Past(
        windows=data.windows,
        subjects=_subjects(data, revision, start, end),
        directory=data.directory,
        since=since,
        marks=marks if against == "live" else None,
        data=data,
        tables=tables or {},
        joins=revision.scope.join,
        zone=revision.data.tz,
        tracking=tracking or Tracking(),
    )
    return _in_scope(past, revision)


def _read_since(session: Session, revision: Revision, against: Against) -> int | None:
    """Return when the first of all conversions was seen; None if they were imported, which does not say it."""
    key = FeedKey(account=revision.account, integration=revision.integration, kind=Kind.CONVERSIONS)
    return read_since(session, feeds.find(session, key)) if against == "live" else None


def _prepared(batch: Batch, against: Against, windows: Windows) -> Batch:
    if against == "imported":
        batch = replace(batch, seen=seen_when_imported(batch))
    return slim(batch, windows.dimensions, delays=True)


def _subjects(data: LiveData, revision: Revision, start: datetime, end: datetime) -> tuple[Subject, ...]:
    """Return the subjects with traffic in the time range; one without traffic cannot have been paused."""
    per = revision.scope.per
    found = data.windows.occurring(per, edge(start - timedelta(days=1)), edge(end))
    return tuple(Subject(per, ids) for ids in sorted(found, key=natural))


def _of_one(sums: Ints, code: int) -> int:
    return int(sums[code]) if 0 <= code < len(sums) else 0


def _lasting(conditions: Group | None) -> Group | None:
    """Return the conditions that do not depend on what is active today."""
    kept = tuple(item for item in conditions.items if not _asks_active(item)) if conditions else ()
    return replace(conditions, items=kept) if conditions and kept else None


def _asks_active(item: Condition | Group) -> bool:
    if isinstance(item, Group):
        return any(map(_asks_active, item.items))
    return any(getattr(part, "name", "").endswith(".active") for part in item.tree.walk())


def _in_scope(past: Past, revision: Revision) -> Past:
    """Return the scope without what `where` and `except` exclude.

    `active` is ignored, because today's value says nothing about then.
    """
    revision = lasting(revision)
    scope = revision.scope
    dated = any(table.dated and name in revision.text for name, table in past.tables.items())
    if dated or _asks_clock(scope.conditions):
        past.changing_scope = revision
    else:
        past.subjects = tuple(chosen(past.entities(past.since), revision))
    return past


def lasting(revision: Revision) -> Revision:
    """Return the same rule without the part of its scope that depends on what is active today."""
    where = {name: values for name, values in revision.scope.where.items() if not name.endswith(".active")}
    return replace(revision, scope=replace(revision.scope, where=where, conditions=_lasting(revision.scope.conditions)))


def _asks_clock(conditions: Group | None) -> bool:
    """Return whether conditions use the hour, a holiday or an age, so that their meaning depends on the moment."""
    return any(
        _asks_clock(item) if isinstance(item, Group) else any(map(_is_of_the_moment, item.tree.walk()))
        for item in (conditions.items if conditions else ())
    )


def _is_of_the_moment(node: tree.Node) -> bool:
    return isinstance(node, tree.Clock) or (isinstance(node, tree.Call) and node.function in OF_THE_MOMENT)
