"""The text of a rule line by line, with what was said about the conditions on each line."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rules.explain import value_text
from rules.model import Group, Revision
from rules.verdicts import Trace, Verdict
from rules.yamltext import documents


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the text, how often the condition on it was answered in which way, and its numbers."""

    text: str
    answers: tuple[tuple[str, int], ...] = ()
    words: tuple[str, ...] = ()  # about one subject: value, threshold and sample, each as a person reads it

    @property
    def tone(self) -> str:
        """The most frequent answer, or nothing where no condition stands."""
        return self.answers[0][0] if self.answers else ""


# --- many subjects: kept traces ----------------------------------------------------------------------


def counted(text: str, traces: Sequence[dict[str, Any]]) -> list[Line]:
    """The text with the answers that kept traces gave, the most frequent first."""
    said: dict[str, Counter[str]] = {}
    for trace in traces:
        for part in parts(trace):
            if part is not trace and "answer" in part:  # the whole bears the rule's name, not a condition
                said.setdefault(part["text"], Counter())[part["answer"]] += 1
    longest = sorted(said, key=len, reverse=True)
    return [_counted(line, next((one for one in longest if one in line), None), said) for line in text.splitlines()]


def parts(trace: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A kept trace and all that is in it, from the outside in."""
    yield trace
    for part in trace.get("parts", ()):
        yield from parts(part)


def _counted(line: str, condition: str | None, said: dict[str, Counter[str]]) -> Line:
    return Line(line, tuple(said[condition].most_common())) if condition else Line(line)


# --- one subject: a verdict --------------------------------------------------------------------------


def explained(revision: Revision, verdict: Verdict) -> list[Line]:
    """The text of the revision with the verdict of each condition on the line where it stands."""
    first = _first_line(revision)
    said: dict[int, list[Trace]] = {}
    for place, trace in _conditions(revision, verdict):
        said.setdefault(place - first, []).append(trace)
    return [_explained(line, said.get(row, ())) for row, line in enumerate(revision.text.splitlines())]


def _first_line(revision: Revision) -> int:
    """The line of the file on which the revision's own text begins: comments may stand before its first key."""
    root = next((one.root for one in documents(revision.text, revision.place.file) if one.root), None)
    return revision.place.line - (root.place.line - 1 if root else 0)


def _conditions(revision: Revision, verdict: Verdict) -> Iterator[tuple[int, Trace]]:
    """(line of the file, trace) of each condition; traces have the order of the file."""
    groups = [one for one in (revision.when, revision.unless) if one is not None]
    for group, trace in zip(groups, verdict.trace.parts, strict=True):
        yield from _members(group, trace)


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
    if trace.sample:
        yield ", ".join(f"{name} {value_text(value)}" for name, value in trace.sample.items())
    if trace.flip:
        yield f"would be yes with {trace.flip}"
