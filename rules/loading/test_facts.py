"""Build facts from the `given:` of a rule's test: the values that its author wrote, and nothing else.

A key is a metric (`clicks`), a metric over another time range (`clicks_1h`, `cr_7d`, `cr_ago_7d`, `cr_peers`), one of
another dimension (`advertiser.conversions`), or a name that conditions know (`body: {...}`, `offer.name`). A value for
the rule's own window also stands for the other present windows that the test does not mention; a baseline never
does. A derived metric stands for its parts: with `cr` alone there are a million clicks.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from rules.evaluation import interpret
from rules.evaluation.events import EventFacts, walk
from rules.evaluation.frame import Frame, Lookback
from rules.evaluation.measurement import lookbacks
from rules.evaluation.windows import TimeRange
from rules.language import parser, unparse
from rules.language.fields import length
from rules.language.names import ACCOUNT, ENTITY_FIELDS, AvailableNames, resolve
from rules.loading import lint
from rules.loading.derived_values import Solution, solve
from rules.model import durations, formatting, metrics, tree
from rules.model.errors import RuleError
from rules.model.facts import Column, Subject, Why, all_missing
from rules.model.input_values import moment_of, parse_moment, parse_number
from rules.model.revision import DIMENSIONS, UNITS, Action, Calendar, Dimension, Group, Revision, Rolling, Webhook
from rules.model.spelling import did_you_mean, listed
from rules.model.syntax import Condition, Place, Template

#: A Wednesday; what `now` is in a test that does not say. In no zone is it the beginning of an hour, in which
#: `this_hour` would be empty.
NOW = datetime(2026, 1, 14, 12, 20, tzinfo=UTC)
#: Keys of `state`: of the rule, and of each item.
RULE_KEYS = ("halted", "errors", "effects_today", "budgets", "scope", "scope_revenue_24h", "active_left")
ITEM_KEYS = (
    "last_effect",
    "changed_by_person",
    "held",
    "held_by",
    "inhibited_by",
    "active",
    "waiting",
    "revenue_24h",
    "checks",
    "since",
)
CONTROLS = ("now", "data_age", "state")
_SUFFIX = re.compile(rf"_(?:\d+[wdhms]|{'|'.join(UNITS)}|peers|ago_).*$")
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Span:
    """One time range of a rule: its suffix in a test, and its position among those with one value."""

    span: TimeRange
    label: str
    metric: tree.Metric | None = None  # None: whatever stands in the rule's own window
    number: int = 0
    parts: int = 1
    role: Literal["own", "baseline", ""] = ""


class GivenFacts:
    """One subject as a test describes it, with the peers as one more subject."""

    def __init__(self, given: Mapping[str, Any], revision: Revision, now: datetime | None = None) -> None:
        self.given = given
        self.now = now or moment(given)
        self.revision = revision
        per = tuple(revision.scope.per)
        ids = tuple(_id(given, dimension) for dimension in per)
        self.subjects: Sequence[Subject] = (
            Subject(per, ids),
            Subject(per, (*ids[:1], *("peers" for _ in ids[1:])) if len(ids) > 1 else ("peers",)),
        )
        self._labels = _labelled(revision, self.now)
        self._solutions: dict[tuple[str, tuple[str, ...]], Solution] = {}

    def measure(self, name: str, per: tuple[Dimension, ...], start: datetime, end: datetime) -> Column:
        """Return the given value for the time range, by the rule's name for it."""
        prefix = self._prefix(per)
        spans = self._labels.get((start, end))
        if spans is None:
            return _column([None, None])
        peers = self._solved(prefix, ("_peers",)).amounts.get(name)
        return _column([self._own(prefix, name, spans), peers])

    def empty(self) -> str | None:
        """Return which time range of the rule is empty at the test's `now`: `this_hour` at the full hour."""
        for (start, end), spans in self._labels.items():
            label = next((span.label for span in spans if span.label), None)
            if start >= end and label is not None:
                return label.removeprefix("_")
        return None

    def _own(self, prefix: str, name: str, spans: Sequence[_Span]) -> Fraction | None:
        """Return the given value for one time range.

        The first of several that share a value has all of it, so nothing is rounded.
        """
        single = tuple(span.label for span in spans if span.parts == 1)
        found = self._solved(prefix, single).amounts.get(name)
        if found is not None:
            return found
        for span in spans:
            found = self._solved(prefix, (span.label,)).amounts.get(name)
            if found is not None:
                return found if span.number == 0 else Fraction(0)
        return None

    def mismatches(self) -> Iterator[tuple[str, str]]:
        """Yield (key, what the other values make it) of contradicting derived values."""
        prefixes = {key.rpartition(".")[0] for key in self.given if not key.startswith(metrics.EVENTS)}
        every = {tuple(span.label for span in spans if span.parts == 1) for spans in self._labels.values()}
        for prefix in sorted(f"{prefix}." if prefix else "" for prefix in prefixes):
            for labels in sorted(every | {("_peers",)}):
                for name, found in self._solved(prefix, labels).mismatches.items():
                    key = next(key for label in labels if (key := f"{prefix}{name}{label}") in self.given)
                    yield key, "undefined" if found is None else formatting.number(found, metrics.unit(name))

    def _solved(self, prefix: str, labels: tuple[str, ...]) -> Solution:
        key = (prefix, labels)
        if key not in self._solutions:
            self._solutions[key] = self._solve(prefix, labels)
        return self._solutions[key]

    def _solve(self, prefix: str, labels: tuple[str, ...]) -> Solution:
        def stated(names: Iterable[str]) -> dict[str, Fraction]:
            found = {name: self._amount(prefix, name, labels) for name in names}
            return {name: value for name, value in found.items() if value is not None}

        events = {name for name in map(_event_of, self.given) if name}
        return solve(stated([*metrics.BASE, *events]), stated(metrics.DERIVED))

    def _amount(self, prefix: str, name: str, labels: tuple[str, ...]) -> Fraction | None:
        found = (amount(self.given.get(f"{prefix}{name}{label}")) for label in labels)
        return next((Fraction(value) for value in found if value is not None), None)

    def attribute(self, name: str) -> Column:
        """Return `offer.name` from `offer.name` or from `offer: {name: ...}`."""
        head, _, rest = name.partition(".")
        found = self.given[name] if name in self.given else walk(self.given.get(head), rest)
        values = np.empty(2, object)
        values[:] = [found, None]
        return Column(values, np.array([Why.MISSING if found is None else Why.KNOWN, Why.MISSING], np.uint8))

    def listed(self, table: str, column: str | None) -> frozenset[str] | None:
        """Return the cells that a test gives as `vips: [1, 2]`, or under the column's name."""
        found = self.given.get(f"{table}.{column}" if column else table)
        return frozenset(map(str, found)) if isinstance(found, list) else None

    def counted(self, node: tree.Count) -> Column:
        """Return the number that a test gives as `"count(offers where active)": 2`."""
        found = next((amount(value) for key, value in self.given.items() if count_of(key, self.revision) == node), None)
        return _column([None if found is None else Fraction(found), None])

    def as_of(self, name: str) -> datetime | None:  # noqa: ARG002 - all feeds of a test are equally old
        """Return now, minus `data_age` if the test gives one."""
        return self.now - (length(self.given.get("data_age")) or timedelta(0))

    @property
    def cohorts(self) -> None:
        """Given values are final: all conversions of the clicks have arrived."""
        return

    def settle(self) -> Column:
        """Return nothing measured: the evaluator's default applies."""
        return all_missing(2)

    def _prefix(self, per: tuple[Dimension, ...]) -> str:
        if per == self.revision.scope.per:
            return ""
        return f"{per[0]}." if per else f"{ACCOUNT}."


def _event_of(key: str) -> str | None:
    """Return the event metric of a key: `events.install` of `offer.events.install_7d`."""
    _, found, rest = key.rpartition(metrics.EVENTS)
    return f"{metrics.EVENTS}{_SUFFIX.sub('', rest)}" if found else None


def amount(value: Any) -> Decimal | None:
    """Return a given number; `1.2%` is one too."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if not isinstance(value, str):
        return None
    number = parse_number(value.removesuffix("%"))
    return number / 100 if number is not None and value.endswith("%") else number


def moment(given: Mapping[str, Any]) -> datetime:
    """Return the test's `now`: an ISO 8601 text, UTC if it names no zone."""
    return parse_moment(given.get("now", "")) or NOW


def _id(given: Mapping[str, Any], dimension: str) -> str:
    held = given.get(dimension)
    found = given.get(f"{dimension}.id", held.get("id") if isinstance(held, Mapping) else held)
    return "1" if found is None else str(found)


def _column(values: list[Fraction | None]) -> Column:
    known = [value is not None for value in values]
    numbers = np.array([float(value or 0) for value in values])
    return Column(numbers, np.where(known, np.uint8(Why.KNOWN), np.uint8(Why.MISSING)))


# --- which time range is which key --------------------------------------------------------------------


def _labelled(revision: Revision, now: datetime) -> dict[tuple[datetime, datetime], list[_Span]]:
    """Return (time_range) → the suffixes that may stand for it, the more exact ones first."""
    found: dict[tuple[datetime, datetime], dict[str, _Span]] = {}
    spans = list(_spans(revision, now))
    baselines = {one.label for one in spans if one.role == "baseline"}
    for one in spans:
        if one.role == "own" and one.label in baselines:
            continue  # with `window: 24h`, `clicks_24h` beside `clicks` is what `vs 24h` compares with
        found.setdefault((one.span.start, one.span.end), {}).setdefault(one.label, one)
    return {key: sorted(labels.values(), key=lambda one: not one.label) for key, labels in found.items()}


def _spans(revision: Revision, now: datetime) -> Iterator[_Span]:
    frame = Frame(EventFacts({}, {}), revision.data, now)  # only windows are computed here
    own = [tree.Metric(name=name) for name in (*revision.data.need, *_priced_by(revision))]
    filled = [
        part.tree for template in _templates(revision.then) for part in template.parts if not isinstance(part, str)
    ]
    for settle in {settle for settle, _ in frame.settles()}:
        current = frame.current(frame.lookback, settle)
        yield from (_Span(current, label, role="own") for label in ("", _suffix(frame.lookback)))
        for node in [*own, *filled, *(one.tree for one in _conditions(revision))]:
            yield from _of_tree(node, frame, frame.lookback, settle)
    if revision.lose_at_most is not None and revision.lose_at_most.clicks_per_day is not None:
        today = Lookback(Calendar("today"))
        yield _Span(frame.current(today, timedelta(0)), _suffix(today), tree.Metric(name="clicks"))


def _priced_by(revision: Revision) -> tuple[str, ...]:
    """Return what gives the worth of a missing conversion, if the rule does not."""
    limit = revision.lose_at_most
    return ("revenue", "conversions") if limit is not None and limit.worth is None else ()


def _conditions(revision: Revision) -> Iterator[Condition]:
    for group in (revision.when, revision.unless, revision.release.early):
        yield from lint.conditions(group)


def _expressions(templates: Iterable[Template]) -> Iterator[tree.Node]:
    for template in templates:
        yield from (part.tree for part in template.parts if not isinstance(part, str))


def _templates(value: Any) -> Iterator[Template]:
    """Yield every template in the steps of a rule, however deep."""
    if isinstance(value, Template):
        yield value
    elif isinstance(value, Action):
        yield from _templates([value.which, value.key, value.values])
    elif isinstance(value, Mapping):
        yield from _templates(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _templates(item)


def _of_tree(node: tree.Node, frame: Frame, lookback: Lookback, settle: timedelta) -> Iterator[_Span]:
    if isinstance(node, tree.Over):
        lookback = replace(lookback, window=node.window)
    elif isinstance(node, tree.Ago):
        lookback = replace(lookback, shift=lookback.shift + node.shift)
    elif isinstance(node, tree.Metric):
        yield _Span(
            frame.current(lookback, settle), _suffix(lookback), node, role="own" if lookback == frame.lookback else ""
        )
        if not lookback.shift:
            yield _Span(frame.current(lookback, settle), "", node)
    elif isinstance(node, tree.Change) and node.baseline is not None:
        for part, inner in lookbacks(node.item, lookback):
            spans = frame.time_ranges(replace(inner, against=interpret.against(node)), settle)
            label = f"_{unparse.window(node.baseline)}"
            yield from (_Span(span, label, part, number, len(spans), "baseline") for number, span in enumerate(spans))
    elif isinstance(node, tree.Unusual | tree.Forecast):
        yield from _of_others(node, frame, lookback, settle)
    for child in node.children():
        yield from _of_tree(child, frame, lookback, settle)


def _of_others(
    node: tree.Unusual | tree.Forecast, frame: Frame, lookback: Lookback, settle: timedelta
) -> Iterator[_Span]:
    """Yield the time ranges of a test besides its own one."""
    for part, inner in lookbacks(node.item, lookback):
        if isinstance(node, tree.Unusual):
            for day in range(1, node.days + 1):
                moved = replace(inner, shift=inner.shift + timedelta(days=day))
                yield _Span(frame.current(moved, settle), f"_{durations.written(node.past)}", part)
        else:
            kept, recent, _ = frame.outlook(inner, node.within, settle)
            yield _Span(recent, f"_{durations.written(max(node.within, _HOUR))}", part)
            yield _Span(kept, "", part)


def _suffix(lookback: Lookback) -> str:
    ago = f"_ago_{durations.written(lookback.shift)}" if lookback.shift else ""
    return f"_{unparse.window(lookback.window)}{ago}"


# --- keys ------------------------------------------------------------------------------------------


class Keys:
    """The keys that a test of one rule may give, because the rule uses them."""

    def __init__(self, revision: Revision) -> None:
        self._revision = revision
        self._metrics = set(_metric_keys(revision))
        self._attributes = set(_attributes(revision))
        self._lists = set(_lists(revision))
        self._counts = set(_counts(revision))

    def problem_with(self, key: str, given: Mapping[str, Any]) -> str | None:
        """Return the problem with a key of a test, or None."""
        head, _, rest = key.partition(".")
        counted = count_of(key, self._revision)
        if key in self._lists or counted is not None:
            return None if counted is None else _count_problem(key, given[key], asked=counted in self._counts)
        if key in CONTROLS or key in self._metrics or self._completes(key, given):
            return _value_problem(key, given[key])
        if head in {"body", "event"} or head in self._revision.scope.join or (head in _THINGS and not _measured(rest)):
            return self._attribute_problem(key, head, given[key])
        found = _parsed(key)
        if found is None:
            return _unasked(key, [*self._metrics, *CONTROLS])
        others = sorted(one for one in self._metrics if _parsed(one) == found)
        if others:
            return f"the rule does not ask for '{key}'; it asks for {listed(others)}"
        return f"the rule does not ask for '{key}'{did_you_mean(key, self._metrics) or '; leave it out'}"

    def _completes(self, key: str, given: Mapping[str, Any]) -> bool:
        """Return whether it is the other part of a derived metric that is given and used: `cr` and `conversions`."""
        prefix, name = _parsed(key) or ("", "")
        label = key.removeprefix(f"{prefix}{name}")
        whole = {f"{prefix}{one}{label}" for one, formula in metrics.DERIVED.items() if name in formula.parts}
        return bool(whole & given.keys() & self._metrics)

    def _attribute_problem(self, key: str, head: str, value: Any) -> str | None:
        own = {f"{dimension}.id" for dimension in self._revision.scope.per} | set(self._revision.scope.per)
        if head in {"body", "event"}:
            asked = isinstance(self._revision.trigger, Webhook) or any(
                name.startswith(head) for name in self._attributes
            )
            return None if asked else f"the rule does not ask for '{key}'; leave it out"
        given = [f"{key}.{name}" for name in value] if isinstance(value, Mapping) else [key]
        strange = next((name for name in given if name not in self._attributes | own), None)
        if strange is None:
            return None
        return f"the rule does not ask for '{strange}'{did_you_mean(strange, self._attributes) or '; leave it out'}"


def _unasked(key: str, known: Sequence[str]) -> str:
    """Return the sentence about a key that no rule can ask for."""
    if key in {*RULE_KEYS, *ITEM_KEYS}:
        return f"'{key}' is no value of the rule; write it under `state`, such as state: {{{key}: ...}}"
    return f"'{key}' is nothing that a rule can ask for{did_you_mean(key, known)}"


def _value_problem(key: str, value: Any) -> str | None:
    """Return the problem with the value of a metric or a control. `null` means that it is unknown."""
    if value is None or key == "state":
        return None
    if key == "now":
        try:
            moment_of(value)
        except ValueError as error:
            return f"`now`: {error}"
        return None
    if key == "data_age":
        return None if length(value) is not None else f"`data_age` is {value!r}, no duration; write it like 90m or 2h"
    return None if amount(value) is not None else f"'{key}' is {value!r}, no number; write it like 1500 or 2.5%"


_THINGS = frozenset({*DIMENSIONS, *ENTITY_FIELDS})


def _measured(name: str) -> bool:
    return name.startswith(metrics.EVENTS) or _parsed(name) is not None


def _parsed(key: str) -> tuple[str, str] | None:
    """Return (prefix, metric) of a key: `advertiser.clicks_1h` is ("advertiser.", "clicks")."""
    prefix, dot, rest = "", "", key
    if key.partition(".")[0] in {*DIMENSIONS, ACCOUNT}:
        prefix, dot, rest = key.partition(".")
    if rest.startswith(metrics.EVENTS):
        return f"{prefix}{dot}", _SUFFIX.sub("", rest)
    name = next((one for one in sorted(metrics.NAMES, key=len, reverse=True) if _is_of(rest, one)), None)
    return None if name is None else (f"{prefix}{dot}", name)


def _is_of(text: str, metric: str) -> bool:
    return text == metric or text.startswith(f"{metric}_")


def _metric_keys(revision: Revision) -> Iterator[str]:
    for one in _spans(revision, NOW):
        if one.metric is not None:
            yield from (f"{name}{one.label}" for name in _related(one.metric))
    for condition in _conditions(revision):
        for node in condition.tree.walk():
            if isinstance(node, tree.Change) and node.baseline is None:
                yield from (f"{name}_peers" for part, _ in lookbacks(node.item, _ANY) for name in _related(part))


_ANY = Lookback(Rolling(_HOUR))


def _related(metric: tree.Metric) -> Iterator[str]:
    """Return the metric, its parts, and metrics derived from them: `cr` depends on clicks."""
    prefix = unparse.text(metric).removesuffix(metric.name)
    parts = set(metrics.parts(metric.name))
    yield from (f"{prefix}{name}" for name in {metric.name, *parts})
    for name, formula in metrics.DERIVED.items():
        if parts & set(formula.parts):
            yield f"{prefix}{name}"


def _attributes(revision: Revision) -> Iterator[str]:
    templates = [*revision.scope.origin.values(), *_templates(revision.then)]
    nodes = [one.tree for one in (*_conditions(revision), *lint.conditions(revision.scope.conditions))]
    nodes += _expressions(templates)
    for node in nodes:
        yield from (part.name for part in node.walk() if isinstance(part, tree.Attribute))
    yield from (*revision.scope.where, *revision.scope.exclude)
    yield from (key for keys in revision.scope.join.values() for key in keys)


def _lists(revision: Revision) -> Iterator[str]:
    for condition in _conditions(revision):
        for node in condition.tree.walk():
            if isinstance(node, tree.InTable):
                yield f"{node.table}.{node.of}" if node.of else node.table


def _count_problem(key: str, value: Any, *, asked: bool) -> str | None:
    if not asked:
        return f"the rule does not ask for '{key}'; leave it out"
    whole = isinstance(value, int | Decimal) and not isinstance(value, bool) and value >= 0 and value == int(value)
    return None if whole else f"'{key}' is a whole number"


def _counts(revision: Revision) -> Iterator[tree.Count]:
    for condition in _conditions(revision):
        yield from (node for node in condition.tree.walk() if isinstance(node, tree.Count))


def count_of(key: str, revision: Revision) -> tree.Count | None:
    """Return the count that a key of `given` stands for, in any spelling; None if it is none."""
    if not key.startswith("count"):
        return None
    place = Place("", 1, 1)
    per = tuple(dimension for dimension in revision.scope.per if dimension != "event")
    try:
        found, wrong = resolve(parser.condition(key, place).tree, place, AvailableNames(per=per))
    except RuleError:
        return None
    return found if isinstance(found, tree.Count) and not wrong else None


def mentions(given: Mapping[str, Any], group: Group, revision: Revision) -> bool:
    """Return True if a test gives a value for each name of the group."""
    return all(
        _given(part, given, revision)
        for condition in lint.conditions(group)
        for part in condition.tree.walk()
        if isinstance(part, tree.Metric | tree.Attribute | tree.Count)
    )


def _given(part: tree.Metric | tree.Attribute | tree.Count, given: Mapping[str, Any], revision: Revision) -> bool:
    if isinstance(part, tree.Count):
        return any(count_of(key, revision) == part for key in given)
    written = unparse.text(part)
    if isinstance(part, tree.Attribute):
        return written in given or part.name.partition(".")[0] in given
    prefix = written.removesuffix(part.name)
    related = {part.name, *metrics.parts(part.name)}
    related |= {name for name, formula in metrics.DERIVED.items() if part.name in formula.parts}
    return any(key.startswith(prefix + name) for key in given for name in related)
