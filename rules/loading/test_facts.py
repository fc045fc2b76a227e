"""Facts out of a test's `given:` — the values that its author wrote down, and nothing else.

A key is a metric (`clicks`), a metric over another stretch (`clicks_1h`, `cr_7d`, `cr_ago_7d`, `cr_peers`), one of
another grain (`advertiser.conversions`), or a name that conditions know (`body: {...}`, `offer.name`). A value for
the rule's own window also stands for the other present windows that the test does not mention; a baseline never
does. A derived metric stands for its parts: with `cr` alone there are a million clicks.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from rules.evaluation import interpret
from rules.evaluation.events import EventFacts, walk
from rules.evaluation.frame import Frame, Look
from rules.evaluation.measurement import looks
from rules.evaluation.windows import Stretch
from rules.language import unparse
from rules.language.fields import length
from rules.language.names import ACCOUNT, ENTITY_FIELDS
from rules.loading import lint
from rules.model import durations, metrics, tree
from rules.model.facts import Column, Subject, Why
from rules.model.revision import GRAINS, Grain, Group, Revision
from rules.model.spelling import did_you_mean

NOW = datetime(2026, 1, 14, 12, 0, tzinfo=UTC)  # a Wednesday; what `now` is in a test that does not say
CONTROLS = ("now", "data_age")
_PLENTY = Decimal(1_000_000)
_HOUR = timedelta(hours=1)


class GivenFacts:
    """One subject as a test describes it, and beside it the peers as one more."""

    def __init__(self, given: Mapping[str, Any], revision: Revision, now: datetime | None = None) -> None:
        self.given = given
        self.now = now or moment(given)
        self._revision = revision
        per = tuple(revision.scope.per)
        ids = tuple(_id(given, grain) for grain in per)
        self.subjects: Sequence[Subject] = (
            Subject(per, ids),
            Subject(per, (*ids[:1], *("peers" for _ in ids[1:])) if len(ids) > 1 else ("peers",)),
        )
        self._labels = dict(_labelled(revision, self.now))

    def measure(self, name: str, per: tuple[Grain, ...], start: datetime, end: datetime) -> Column:
        """What was given for the stretch, by the name under which the rule asks for it."""
        prefix = self._prefix(per)
        if (start, end) not in self._labels:
            return _column([None, None])
        labels, parts = self._labels[start, end]
        own = next((found for label in labels if (found := self._base(prefix, name, label)) is not None), None)
        peers = self._base(prefix, name, "_peers")
        return _column([None if own is None else own / parts, peers])

    def attribute(self, name: str) -> Column:
        """`offer.name` from `offer.name` or from `offer: {name: ...}`."""
        head, _, rest = name.partition(".")
        found = self.given[name] if name in self.given else walk(self.given.get(head), rest)
        values = np.empty(2, object)
        values[:] = [found, None]
        return Column(values, np.array([Why.MISSING if found is None else Why.KNOWN, Why.MISSING], np.uint8))

    def as_of(self, name: str) -> datetime | None:  # noqa: ARG002 - all feeds of a test are equally old
        """Now, less `data_age` where the test gives one."""
        return self.now - (length(self.given.get("data_age")) or timedelta(0))

    @property
    def cohorts(self) -> None:
        """What is given is taken as final: all conversions of the clicks have arrived."""
        return

    def settle(self) -> Column:
        """Nothing has been measured: the evaluator's default stands."""
        return Column(np.zeros(2), np.full(2, Why.MISSING, np.uint8))

    def _prefix(self, per: tuple[Grain, ...]) -> str:
        if per == self._revision.scope.per:
            return ""
        return f"{per[0]}." if per else f"{ACCOUNT}."

    def _base(self, prefix: str, name: str, label: str) -> Decimal | None:
        direct = amount(self.given.get(f"{prefix}{name}{label}"))
        if direct is not None:
            return direct
        for derived, formula in metrics.DERIVED.items():
            value = amount(self.given.get(f"{prefix}{derived}{label}"))
            if value is not None and name in formula.parts:
                return self._part(formula, name, value, lambda part: amount(self.given.get(f"{prefix}{part}{label}")))
        return None

    @staticmethod
    def _part(formula: metrics.Derived, name: str, value: Decimal, direct: Any) -> Decimal:
        if not formula.over:  # a difference: the rest of it is what was given, or nothing
            other = sum((direct(part) or Decimal(0) for part in formula.parts if part != name), Decimal(0))
            return value + other if name in formula.plus else other - value
        bottom = formula.over[0]
        top = direct(formula.plus[0]) if formula.plus[0] != bottom else None
        whole = direct(bottom) or (top / value if top and value else _PLENTY)
        if name == bottom:
            return whole
        return value * whole if name in formula.plus else whole - value * whole


def amount(value: Any) -> Decimal | None:
    """A given number; `1.2%` is one too."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    return durations.percent(value) if isinstance(value, str) else None


def moment(given: Mapping[str, Any]) -> datetime:
    """The test's `now`: an ISO 8601 text, UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(str(given.get("now", "")))
    except ValueError:
        return NOW
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _id(given: Mapping[str, Any], grain: str) -> str:
    held = given.get(grain)
    found = given.get(f"{grain}.id", held.get("id") if isinstance(held, Mapping) else held)
    return "1" if found is None else str(found)


def _column(values: list[Decimal | None]) -> Column:
    known = [value is not None for value in values]
    numbers = np.array([float(value or 0) for value in values])
    return Column(numbers, np.where(known, np.uint8(Why.KNOWN), np.uint8(Why.MISSING)))


# --- which stretch is which key --------------------------------------------------------------------


def _labelled(revision: Revision, now: datetime) -> Iterator[tuple[tuple[datetime, datetime], tuple[list[str], int]]]:
    """(stretch) → the suffixes that may stand for it, and over how many stretches the given value is spread."""
    found: dict[tuple[datetime, datetime], tuple[list[str], int]] = {}
    for span, label, parts in _stretches(revision, now):
        labels, _ = found.setdefault((span.start, span.end), ([], parts))
        if label not in labels:
            labels.append(label)
    for key, (labels, parts) in found.items():
        yield key, (sorted(labels, key=lambda label: not label), parts)  # the more exact key first


def _stretches(revision: Revision, now: datetime) -> Iterator[tuple[Stretch, str, int]]:
    frame = Frame(EventFacts({}, {}), revision.data, now)  # only windows are reckoned here
    for settle in {settle for settle, _ in frame.settles()}:
        yield from ((frame.current(frame.look, settle), label, 1) for label in ("", _suffix(frame.look)))
        for group in (revision.when, revision.unless, revision.release.early):
            for condition in lint.conditions(group):
                yield from _of_tree(condition.tree, frame, frame.look, settle)


def _of_tree(node: tree.Node, frame: Frame, look: Look, settle: timedelta) -> Iterator[tuple[Stretch, str, int]]:
    if isinstance(node, tree.Over):
        look = replace(look, window=node.window)
    elif isinstance(node, tree.Ago):
        look = replace(look, shift=look.shift + node.shift)
    elif isinstance(node, tree.Metric):
        yield frame.current(look, settle), _suffix(look), 1
        if not look.shift:
            yield frame.current(look, settle), "", 1
    elif isinstance(node, tree.Change) and node.baseline is not None:
        for _, inner in looks(node.item, look):
            spans = frame.stretches(replace(inner, against=interpret.against(node)), settle)
            yield from ((span, f"_{unparse.window(node.baseline)}", len(spans)) for span in spans)
    elif isinstance(node, tree.Forecast):
        for _, inner in looks(node.item, look):
            kept, recent, _ = frame.outlook(inner, node.within, settle)
            yield recent, f"_{durations.written(max(node.within, _HOUR))}", 1
            yield kept, "", 1
    for child in node.children():
        yield from _of_tree(child, frame, look, settle)


def _suffix(look: Look) -> str:
    ago = f"_ago_{durations.written(look.shift)}" if look.shift else ""
    return f"_{unparse.window(look.window)}{ago}"


# --- keys ------------------------------------------------------------------------------------------


def problem_with(key: str, revision: Revision) -> str | None:
    """What is wrong with a key of `given`, or None."""
    head, _, rest = key.partition(".")
    if key in CONTROLS or head in {"body", "event", *GRAINS, *ENTITY_FIELDS, *revision.scope.join}:
        if rest and head in {*GRAINS, ACCOUNT} and head not in ENTITY_FIELDS:
            return _metric_problem(rest, key)
        return None
    return _metric_problem(rest if head == ACCOUNT else key, key)


def _metric_problem(name: str, key: str) -> str | None:
    if name.startswith(metrics.EVENTS):
        return None
    found = next((known for known in metrics.NAMES if name == known or name.startswith(f"{known}_")), None)
    if found is None:
        return f"'{key}' is nothing that a rule can ask for{did_you_mean(name, [*metrics.NAMES, *CONTROLS])}"
    suffix = next(name[len(k) :] for k in sorted(metrics.NAMES, key=len, reverse=True) if name.startswith(k))
    return None if _is_suffix(suffix) else f"'{suffix.strip('_')}' in '{key}' is no stretch; write clicks_1h or cr_7d"


def _is_suffix(suffix: str) -> bool:
    window, _, shift = suffix.removeprefix("_").partition("_ago_")
    if window.startswith("ago_"):
        window, shift = "", window.removeprefix("ago_")
    words = {"", "today", "yesterday", "this_week", "this_month", "peers"}
    return (window in words or bool(length(window))) and (not shift or bool(length(shift)))


def mentions(given: Mapping[str, Any], group: Group) -> bool:
    """True where a test says something about each name of the group."""
    return all(
        _given(part, given)
        for condition in lint.conditions(group)
        for part in condition.tree.walk()
        if isinstance(part, tree.Metric | tree.Attribute)
    )


def _given(part: tree.Metric | tree.Attribute, given: Mapping[str, Any]) -> bool:
    written = unparse.text(part)
    if isinstance(part, tree.Attribute):
        return written in given or part.name.partition(".")[0] in given
    prefix = written.removesuffix(part.name)
    related = {part.name, *metrics.parts(part.name)}
    related |= {name for name, formula in metrics.DERIVED.items() if part.name in formula.parts}
    return any(key.startswith(prefix + name) for key in given for name in related)
