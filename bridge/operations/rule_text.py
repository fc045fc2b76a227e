"""Show the text of a rule line by line, with the findings about each line."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rules.evaluation.explain import value_text
from rules.language.strict_yaml import documents
from rules.model.revision import Group, Revision
from rules.model.syntax import Condition
from rules.model.verdicts import Trace, Verdict


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the text, the counts of each answer of its condition, and its numbers."""

    text: str
    answers: tuple[tuple[str, int], ...] = ()
    words: tuple[str, ...] = ()  # about one subject: value, threshold and sample, each as a person reads it

    @property
    def tone(self) -> str:
        """The most frequent answer, or nothing if the line has no condition."""
        return self.answers[0][0] if self.answers else ""


# --- many subjects: kept traces ----------------------------------------------------------------------


def lines_with_counts(text: str, revision: Revision | None, traces: Sequence[dict[str, Any]]) -> list[Line]:
    """Return the text with the answers of stored traces, the most frequent first.

    Traces of an older revision with other conditions do not match this text and are left out.
    """
    said: dict[int, Counter[str]] = {}
    for row, part in () if revision is None else _kept_of(revision, traces):
        said.setdefault(row, Counter())[part["answer"]] += 1
    return [Line(line, _ranked(said.get(row))) for row, line in enumerate(text.splitlines())]


def parts(trace: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a stored trace and all its parts, from the outside in."""
    yield trace
    for part in trace.get("parts", ()):
        yield from parts(part)


def _ranked(answers: Counter[str] | None) -> tuple[tuple[str, int], ...]:
    return tuple(answers.most_common()) if answers else ()


def _kept_of(revision: Revision, traces: Sequence[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (row of the text, part) of each condition that the traces and the revision have in common."""
    first = _first_line(revision)
    for trace in traces:
        for group, part in zip(_groups(revision), trace.get("parts", ()), strict=False):
            for item, each in _kept_members(group, part):
                if item.text.strip() == each["text"] and "answer" in each:
                    yield item.place.line - first, each


def _kept_members(group: Group, trace: dict[str, Any]) -> Iterator[tuple[Condition, dict[str, Any]]]:
    for item, part in zip(group.items, trace.get("parts", ()), strict=False):
        if isinstance(item, Group):
            yield from _kept_members(item, part)
        else:
            yield item, part


# --- one subject: a verdict --------------------------------------------------------------------------


def explained(revision: Revision, verdict: Verdict) -> list[Line]:
    """Return the text of the revision with the verdict of each condition on its line."""
    first = _first_line(revision)
    said: dict[int, list[Trace]] = {}
    for place, trace in _conditions(revision, verdict):
        said.setdefault(place - first, []).append(trace)
    return [_explained(line, said.get(row, ())) for row, line in enumerate(revision.text.splitlines())]


def _first_line(revision: Revision) -> int:
    """Return the line of the file on which the revision's text begins: comments may precede its first key."""
    root = next((one.root for one in documents(revision.text, revision.place.file) if one.root), None)
    return revision.place.line - (root.place.line - 1 if root else 0)


def _conditions(revision: Revision, verdict: Verdict) -> Iterator[tuple[int, Trace]]:
    """Yield (line of the file, trace) of each condition; traces have the order of the file."""
    for group, trace in zip(_groups(revision), verdict.trace.parts, strict=True):
        yield from _members(group, trace)


def _groups(revision: Revision) -> list[Group]:
    """Return the groups of a verdict's trace, in its order."""
    return [one for one in (revision.when, revision.unless) if one is not None]


def _members(group: Group, trace: Trace) -> Iterator[tuple[int, Trace]]:
    for item, part in zip(group.items, trace.parts, strict=True):
        if isinstance(item, Group):
            yield from _members(item, part)
        else:
            yield item.place.line, part


def _explained(line: str, traces: Sequence[Trace]) -> Line:
    answers = tuple((one.answer.word, 1) for one in traces if one.answer is not None)
    return Line(line, answers, tuple(text for one in traces for text in _numbers(one)))


def _numbers(trace: Trace) -> Iterator[str]:
    if trace.words:
        yield trace.words
    known = {name.replace("_", " "): value for name, value in (trace.sample or {}).items() if value is not None}
    if known:
        yield ", ".join(f"{name} {value_text(value)}" for name, value in known.items())
    if trace.flip:
        yield f"would be yes with {trace.flip}"
