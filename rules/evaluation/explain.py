"""Print a verdict as text: the tree of its conditions, with window edges in the reader's time zone."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rules.model import formatting
from rules.model.facts import Why
from rules.model.verdicts import Trace, Verdict

_MARKS = {1: "yes", 0: "no", -1: "no decision"}


def render(verdict: Verdict, *, tz: str = "UTC", stopped_by: Sequence[str] = ()) -> str:
    """Return the whole explanation of one verdict.

    `tz` is the zone of the times in it; `stopped_by` are sentences about guards and holds, from the plan.
    """
    lines = [f"{verdict.subject}: {_MARKS[int(verdict.answer)]}", f"  {_sentence(verdict.reason)}"]
    if verdict.trace.flip:
        lines.append(f"  It would change with {verdict.trace.flip}.")
    lines += [f"  Held back: {reason}" for reason in stopped_by]
    for number, part in enumerate(verdict.trace.parts):
        lines += _branch(part, ZoneInfo(tz), last=number == len(verdict.trace.parts) - 1)
    return "\n".join(lines)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _branch(trace: Trace, zone: ZoneInfo, *, last: bool) -> Iterator[str]:
    joint, rail = ("└─ ", "   ") if last else ("├─ ", "│  ")
    yield joint + _headline(trace)
    details = list(_details(trace, zone))
    stem = "│    " if trace.parts else "     "
    yield from (rail + stem + detail for detail in details)
    for number, part in enumerate(trace.parts):
        yield from (rail + line for line in _branch(part, zone, last=number == len(trace.parts) - 1))


def _headline(trace: Trace) -> str:
    if trace.answer is not None:
        return f"{trace.text}: {_MARKS[int(trace.answer)]}"
    if trace.value is None and trace.why is Why.KNOWN:
        return trace.text  # a remark, not a value that is missing
    return f"{trace.text}: {value_text(trace.value)}"


def value_text(value: Any) -> str:
    """Return a value of a trace, with its digits."""
    if isinstance(value, float):
        return f"{value:,.6g}"
    return formatting.held(value)


def _details(trace: Trace, zone: ZoneInfo) -> Iterator[str]:
    if trace.words:
        yield trace.words
    if trace.answer is not None and trace.sample:
        held = ", ".join(f"{name} {value_text(value)}" for name, value in trace.sample.items())
        yield f"made from: {held}"
    if trace.start and trace.end:
        age = f"; data {formatting.span(trace.age)} old" if trace.age is not None else ""
        yield f"window: {local(trace.start, zone)} to {local(trace.end, zone)}{age}"
    if trace.flip:
        yield f"would be yes with {trace.flip}"


def local(moment: datetime, zone: ZoneInfo) -> str:
    """Return a local time: `2026-11-24 09:20 CET`."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"
