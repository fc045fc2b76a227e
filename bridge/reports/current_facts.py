"""Provide live facts to the evaluator: metrics from observations, attributes from the mirror.

Reports are the truth. Where Integr8's postbacks arrive too, they speak for the newest time range only, the one
that the report has not reached yet; the two are never summed over the same time range.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from bridge.config.lookup_tables import Table, cells
from bridge.reports.click_cohorts import MICRO, UNRELATED, ClickFacts, Cohorts, no_newest
from bridge.reports.fact_batch import MONEY
from bridge.reports.items import Items, frozen, natural
from bridge.reports.live_observations import LiveData, edge
from bridge.reports.segments import Per
from bridge.reports.windows import FEEDS, OF_AN_EVENT, Edges, Windows
from bridge.store.feeds import Kind
from bridge.store.observations_away import ObservationsAway
from rules.evaluation.evaluate import fulfilling
from rules.model.facts import Column, Subject, Why, all_missing
from rules.model.metrics import BASE, EVENTS
from rules.model.revision import DECLARABLE, DIMENSIONS, Dimension, Revision

FOR_EVER = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp())
COMPLETE_NEVER = 1 << 62  # every window begins before it, so that nothing can be said about one
SETTLE = "\0settle"  # no attribute can be called that
OCCURRED_WITHIN = timedelta(days=8)  # a pair, a sub id or a country is a subject if it had traffic lately


@dataclass(slots=True, eq=False)
class LiveFacts:
    """`rules.model.facts.Facts` over the store. Belongs to one session and one run."""

    session: Session
    data: LiveData
    subjects: Sequence[Subject]
    now: datetime
    tables: Mapping[str, Table] = field(default_factory=dict)
    joins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # table → the attributes that are its keys
    zone: str = "UTC"  # where the rule lives: rows of tables hold by its days
    _codes: dict[Per, tuple[int, NDArray[np.int32]]] = field(default_factory=dict)
    _cohorts: ClickFacts | None = None

    def measure(self, name: str, per: tuple[Dimension, ...], start: datetime, end: datetime) -> Column:
        items = self._items
        if items is None:
            return self._measured(name, per, start, end)
        kept = self.data.measured(self.now)
        question = (name, per, start, end, id(items))
        if question not in kept:
            found = self._measured(name, per, start, end)
            for part in (found.values, found.why):
                part.flags.writeable = False  # other rules will look at it
            kept[question] = items, found
        column: Column = kept[question][1]
        return column

    @property
    def _items(self) -> Items | None:
        """The subjects, if all rules that evaluate them share them."""
        return self.subjects if isinstance(self.subjects, Items) else None

    def _measured(self, name: str, per: tuple[Dimension, ...], start: datetime, end: datetime) -> Column:
        """Return the measured values.

        They are missing if the observations cannot be reached, so that there is no decision and never a zero.
        """
        try:
            return self._summed(name, per, start, end)
        except ObservationsAway:
            return self._missing()

    def _summed(self, name: str, per: tuple[Dimension, ...], start: datetime, end: datetime) -> Column:
        kinds = kinds_of(name)
        covered = self.data.coverage.get(kinds[0])
        if covered is None or start < covered.since or not self._told(per, kinds[0], start):
            return self._missing()
        parts = [self._sum(kind, name, per, start, end) for kind in kinds]
        codes = self._numbers(per)
        sums = np.zeros(len(codes), dtype=np.int64)
        for part in parts:
            there = (codes >= 0) & (codes < len(part))
            sums[there] += part[codes[there]]
        values = sums / MICRO if name in MONEY else sums.astype(np.float64)
        return Column(values, np.where(codes == UNRELATED, np.uint8(Why.MISSING), np.uint8(Why.KNOWN)))

    def _told(self, per: Per, kind: Kind, start: datetime) -> bool:
        """Return whether rows since `start` have all of these dimensions.

        A declared one is known from its first row on.
        """
        if not any(one in DECLARABLE for one in per):
            return True
        self.data.reach_back(self.session, self.now, start)
        first = self.data.windows.told_from(per, (kind,))
        return first is None or first <= edge(start)

    def _sum(self, kind: Kind, name: str, per: Per, start: datetime, end: datetime) -> NDArray[np.int64]:
        postbacks = self.data.coverage.get(Kind.POSTBACKS)
        covered = self.data.coverage.get(kind)
        if kind is not Kind.CONVERSIONS or postbacks is None or covered is None:
            return self.data.totals(self.session, kind, name, per, Edges(edge(start), edge(end), edge(self.now)))
        reached = min(max(covered.as_of, start), end)
        told = self.data.totals(self.session, kind, name, per, Edges(edge(start), edge(reached), edge(self.now)))
        if reached == end:
            return told
        newest = self.data.windows.once(Kind.POSTBACKS, name, per, Edges(edge(reached), edge(end), edge(self.now)))
        sums = newest.copy()
        sums[: len(told)] += told
        return sums

    @property
    def cohorts(self) -> ClickFacts | None:
        """Conversions by their click, as far as reports and postbacks list them."""
        clicks, told = (self.data.coverage.get(kind) for kind in (Kind.CLICKS, Kind.CONVERSIONS))
        if clicks is None or told is None:
            return None
        if self._cohorts is None:
            try:
                curves = self.data.curves(self.now)
            except ObservationsAway:  # not kept: the next rule may get an answer
                away = Cohorts(
                    self.data.windows, lambda *_: np.zeros(0, np.int64), edge(self.now), edge(self.now), None
                )
                return ClickFacts(away, self._numbers, COMPLETE_NEVER)
            postbacks = self.data.coverage.get(Kind.POSTBACKS)
            reach = max(told.as_of, postbacks.as_of) if postbacks else told.as_of
            sums = Cohorts(
                self.data.windows,
                lambda *asked: self.data.totals(self.session, *asked),  # whichever it reads from by then
                edge(self.now),
                edge(min(reach, self.now)),
                curves,
                report=edge(min(told.as_of, self.now)),
            )
            since = edge(max(clicks.since, told.since))
            first = told_from(self.data.windows, self.subjects)
            since = max(since, first or since)
            newest = partial(self._newest, edge(told.as_of)) if postbacks else no_newest
            self._cohorts = ClickFacts(sums, self._numbers, since, newest, self.data.tracking, self._kept())
        return self._cohorts

    def once(self, question: Hashable, pers: frozenset[Per], answer: Callable[[], Any]) -> Any:
        """Return the answer to a query about these subjects; all rules of this moment share it."""
        own = {self.subjects[0].per} if self.subjects else set[Per]()
        digests = [(per, hash(self._numbers(per).tobytes())) for per in sorted(own | pers)]
        key = ("once", question, len(self.subjects), *digests)
        kept = self._kept()
        if key not in kept:
            kept[key] = answer()
        return kept[key]

    def _kept(self) -> dict[Any, Any]:
        marks = [(str(kind), covered.since, covered.as_of) for kind, covered in self.data.coverage.items()]
        return self.data.kept((edge(self.now), *sorted(marks)))

    def _newest(self, reached: int, name: str, per: Per, start: int, end: int) -> NDArray[np.int64]:
        """Return what postbacks list after the report's mark, without what the report lists already."""
        return newest(self.data.windows, Edges(reached, FOR_EVER, edge(self.now)), name, per, (start, end))

    def _numbers(self, per: Per) -> NDArray[np.int32]:
        """Return each subject's number in the sums of a dimension, NEVER_SEEN, or UNRELATED without such a parent."""
        items, subjects = self._items, self.data.windows.subjects
        if items is not None:
            direct = items.kept_codes(per, "parents", lambda: _or_none(items.parents(per, subjects)))
            if len(direct) == len(items):
                return direct
            state = (subjects.count(per), self.data.directory)
            return items.kept_codes(("found", *per), state, lambda: self._find(per))  # type: ignore[arg-type]
        count, codes = self._codes.get(per, (-1, np.zeros(0, dtype=np.int32)))
        if count != self.data.windows.subjects.count(per):
            codes = self._find(per)
            self._codes[per] = self.data.windows.subjects.count(per), codes
        return codes

    def _find(self, per: Per) -> NDArray[np.int32]:
        ids = [tuple(self._part(subject, dimension) for dimension in per) for subject in self.subjects]
        found = self.data.windows.subjects.find(per, [tuple(part or "" for part in parts) for parts in ids])
        unrelated = np.array([None in parts for parts in ids], dtype=bool)
        return np.where(unrelated, np.int32(UNRELATED), found).astype(np.int32)

    def _part(self, subject: Subject, dimension: Dimension) -> str | None:
        """Return the subject's own id of a dimension, or that of the entity that it belongs to."""
        own = subject.get(dimension)
        if own is not None:
            return self.data.directory.aliases.get(dimension, {}).get(own, own)
        for holder, identity in zip(subject.per, subject.ids, strict=True):
            parent = self.data.directory.parent(holder, identity, dimension)
            if parent is not None:
                return parent
        return None

    def attribute(self, name: str) -> Column:
        head, _, rest = name.partition(".")
        if head in self.tables:
            return self._joined(head, rest)
        if head not in DIMENSIONS or not rest:
            raise LookupError(f"{name}: no such attribute; write for example offer.active")
        items = self._items
        if items is None:
            return objects([self._said(subject, head, rest) for subject in self.subjects])
        kept = items.attributes.get(name)
        if kept is None or kept[0] is not self.data.directory:
            column = objects([self._said(subject, head, rest) for subject in items])
            kept = items.attributes[name] = self.data.directory, column
        return kept[1]

    def _said(self, subject: Subject, dimension: Dimension, path: str) -> Any:
        identity = self._part(subject, dimension)
        if identity is None or path == "id":
            return identity
        entity = self.data.directory.get(dimension, identity)
        value: Any = entity.fields if entity else None
        for step in path.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        return value

    def _joined(self, table: str, column: str) -> Column:
        keys = self.joins.get(table)
        if keys is None or column not in self.tables[table].columns:
            raise LookupError(f"{table}.{column}: the rule does not join such a column")
        found, day = self._keyed(self.tables[table], keys), self.day
        rows = zip(*(self.attribute(key).values for key in keys), strict=True)
        return objects([None if None in ids else found.row(tuple(map(str, ids)), day).get(column) for ids in rows])

    def _keyed(self, table: Table, keys: tuple[str, ...]) -> Table:
        """Return the table with the ids of reports, if its rows name entities by their text ids."""
        directory = self.data.directory
        made = self.data.keyed.get((table.name, keys))
        if made is None or made[0] is not table or made[1] is not directory:
            heads = [key.removesuffix(".id") if key.endswith(".id") else "" for key in keys]
            spellings = [directory.aliases.get(head, {}) for head in heads]
            made = self.data.keyed[table.name, keys] = table, directory, table.with_ids(spellings)
        return made[2]

    def known_as(self, dimension: Dimension, identity: str) -> tuple[str, ...]:
        """Return both ids of an entity, the one of reports first."""
        return self.data.directory.known_as(dimension, identity)

    def listed(self, table: str, column: str | None) -> frozenset[str] | None:
        """Return the cells of a column, for `in table`."""
        return cells(self.tables, table, column, self.day)

    @property
    def day(self) -> date:
        """Today in the time zone of the rule."""
        return self.now.astimezone(ZoneInfo(self.zone)).date()

    def entities(self, dimension: Dimension) -> "LiveFacts | None":
        """Return facts about all entities of a kind that Integr8 still lists; None if none is known."""
        listed = self.data.directory.listed(dimension)
        if not listed:
            return None
        items = self.data.items.get(
            ("entities", dimension),
            (self.data.directory,),
            lambda: Items((Subject((dimension,), (one,)) for one in listed), (dimension,)),
        )
        return LiveFacts(self.session, self.data, items, self.now, self.tables, {}, self.zone)

    def as_of(self, name: str) -> datetime | None:
        covered = self.data.coverage.get(kinds_of(name)[0])
        return covered.as_of if covered else None

    def settle(self) -> Column:
        items = self._items
        if items is None:
            return self._settle()
        kept = items.attributes.get(SETTLE)
        if kept is None or kept[0] is not self.data.delays:
            kept = items.attributes[SETTLE] = self.data.delays, self._settle()
        return kept[1]

    def _settle(self) -> Column:
        overall = self.data.delays.get("")
        seconds = [self.data.delays.get(self._part(subject, "offer") or "", overall) for subject in self.subjects]
        values = np.array([0 if value is None else value for value in seconds], dtype=np.float64)
        return Column(
            values, np.array([Why.MISSING if value is None else Why.KNOWN for value in seconds], dtype=np.uint8)
        )

    def _missing(self) -> Column:
        return all_missing(len(self.subjects))


def told_from(windows: Windows, subjects: Sequence[Subject]) -> int | None:
    """Return from when on clicks and conversions both have the dimensions of these subjects."""
    return windows.told_from(subjects[0].per, (Kind.CLICKS, Kind.CONVERSIONS)) if subjects else None


def newest(windows: Windows, edges: Edges, name: str, per: Per, clicked: tuple[int, int]) -> NDArray[np.int64]:
    """Return what postbacks list of these clicks after the report's mark, without what the report lists."""
    told = windows.told_since(Kind.CONVERSIONS, name, per, edges, clicked)
    found = windows.told_since(Kind.POSTBACKS, name, per, edges, clicked)
    found[: len(told)] -= told
    return found


def kinds_of(name: str) -> tuple[Kind, ...]:
    """Return the feeds behind a base metric. Raises LookupError for an unknown name."""
    if name.startswith(EVENTS):
        return OF_AN_EVENT
    if name not in BASE:
        raise LookupError(f"{name}: no such metric")
    return FEEDS[name]


def objects(values: Sequence[Any]) -> Column:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return Column(column, np.array([Why.MISSING if value is None else Why.KNOWN for value in values], dtype=np.uint8))


# --- which subjects a rule looks at ------------------------------------------------------------------


def facts_for(
    session: Session,
    data: LiveData,
    revision: Revision,
    now: datetime,
    tables: Mapping[str, Table] | None = None,
    *,
    round_: object = None,
) -> LiveFacts:
    """Return the facts of one rule at this moment, for every subject in its scope, updated once in a round."""
    with suppress(ObservationsAway):  # its windows answer no question then, and there is no decision
        data.refresh_for(round_, session, now)
    known = tables if tables is not None else {}
    found = subjects_of(data, revision.scope.per, now)
    everything = LiveFacts(session, data, found, now, known, revision.scope.join, revision.data.tz)
    return replace(everything, subjects=in_scope(everything, revision))


def subjects_of(data: LiveData, per: Per, now: datetime) -> Items:
    """Return all subjects of a dimension: those that the mirror lists, and those with recent traffic."""
    try:
        occurred = data.occurring(per, edge(now - OCCURRED_WITHIN), edge(now))
    except ObservationsAway:
        occurred = Items((), per)
    if len(per) > 1:
        return occurred
    return data.items.get(("all", per), (data.directory, occurred), lambda: _listed_too(data, per, occurred))


def _listed_too(data: LiveData, per: Per, occurred: Items) -> Items:
    listed = {(identity,) for identity in data.directory.listed(per[0])}
    gone = {(identity,) for identity, one in data.directory.entities.get(per[0], {}).items() if one.gone}
    found = (listed | {subject.ids for subject in occurred}) - gone
    return Items((Subject(per, ids) for ids in sorted(found, key=natural)), per)


def in_scope(facts: LiveFacts, revision: Revision) -> Items:
    """Return the subjects that `where` accepts and `except` does not exclude; the same object while nothing changes."""
    scope, everything = revision.scope, facts.subjects
    assert isinstance(everything, Items)
    if scope.conditions is not None:  # they may ask for the time
        return _chosen_items(facts, revision, everything)
    if not scope.where and not scope.exclude:
        return everything
    joins = tuple(sorted(facts.joins.items()))
    question = ("scope", scope.per, frozen(scope.where), frozen(scope.exclude), joins, facts.day if joins else None)
    made_from = (everything, facts.data.directory, facts.tables)
    return facts.data.items.get(question, made_from, lambda: _chosen_items(facts, revision, everything))


def _chosen_items(facts: LiveFacts, revision: Revision, everything: Items) -> Items:
    keep = kept(facts, revision)
    numbers = None if everything.numbers is None else everything.numbers[keep]
    subjects = [subject for subject, stays in zip(everything, keep.tolist(), strict=True) if stays]
    return Items(subjects, everything.per, numbers)


def chosen(facts: LiveFacts, revision: Revision) -> list[Subject]:
    """Return the subjects that `where` accepts and `except` does not exclude."""
    keep = kept(facts, revision)
    return [subject for subject, stays in zip(facts.subjects, keep.tolist(), strict=True) if stays]


def kept(facts: LiveFacts, revision: Revision) -> NDArray[np.bool_]:
    """Return for each subject whether `where` accepts and `except` does not exclude it."""
    keep = np.ones(len(facts.subjects), dtype=bool)
    for name, accepted in revision.scope.where.items():
        keep &= _among(facts, name, accepted)
    for name, refused in revision.scope.exclude.items():
        keep &= ~_among(facts, name, refused)
    if revision.scope.conditions is not None:
        keep &= fulfilling(revision.scope.conditions, facts, revision.data, facts.now)
    return keep


def _or_none(codes: NDArray[np.int32] | None) -> NDArray[np.int32]:
    return np.zeros(0, dtype=np.int32) if codes is None else codes


def _among(facts: LiveFacts, name: str, values: Sequence[Any]) -> NDArray[np.bool_]:
    wanted = {_plain(value) for value in values}
    if name.endswith(".id"):
        wanted = {facts.data.directory.known_as(name.removesuffix(".id"), one)[0] for one in wanted}
    try:
        column = facts.attribute(name)
    except LookupError:
        return np.zeros(len(facts.subjects), dtype=bool)
    return np.array([value is not None and _plain(value) in wanted for value in column.values], dtype=bool)


def _plain(value: Any) -> str:
    """Return a plain form: 7 and "7" are the same id; true and "true" are the same flag."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal | float) and value == int(value):
        return str(int(value))
    return str(value)
