"""Group many notices into one message: by owner, then by rule and topic, the most important first."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bridge.sources import exact_json
from rules.model.topics import FORMER_NAMES, TOPICS, former_data

MAX_LINES = 8  # of one rule and topic in a message; the rest is counted
MAX_LINE_CHARS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One notice as its channel sends it."""

    topic: str
    text: str
    at: datetime
    rule: str | None = None
    owner: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


def compose(notices: Sequence[Message], *, by_owner: bool = False) -> tuple[str, str]:
    """Return title and text of one message about all of these. Equal lines are written once, with their number."""
    sections = []
    owners = sorted({one.owner or "" for one in notices}) if by_owner else [None]
    for owner in owners:
        mine = [one for one in notices if owner is None or (one.owner or "") == owner]
        if owner is not None:
            sections.append(f"== {owner or 'no owner'} ==")
        sections.extend(_section(topic, rule, mine) for topic, rule in _headings(mine))
    return _title(notices), "\n\n".join(sections)


def envelope(notice: Message, *, former_names: bool = False) -> str:
    """Return the body of an outgoing webhook as JSON: {type, timestamp, data}, as Standard Webhooks proposes.

    With `former_names` type and fields have the names of the previous version, if they have changed.
    """
    topic, fields = notice.topic, notice.data
    if former_names:
        topic, fields = FORMER_NAMES.get(topic, topic), former_data(topic, fields)
    data = {"text": notice.text, "rule": notice.rule, "owner": notice.owner, **fields}
    return exact_json.dumps({"type": f"bridge.{topic}", "timestamp": notice.at.isoformat(), "data": data})


def clean(text: str) -> str:
    """Return one line without control characters: names come from outside, and a mail has headers."""
    line = re.sub(r"[\x00-\x1f\x7f\u2028\u2029]+", " ", text).strip()
    return line if len(line) <= MAX_LINE_CHARS else f"{line[: MAX_LINE_CHARS - 1]}…"


def _headings(notices: Sequence[Message]) -> list[tuple[str, str | None]]:
    order = list(TOPICS)
    found = {(one.topic, one.rule) for one in notices}
    return sorted(found, key=lambda pair: (order.index(pair[0]) if pair[0] in order else 99, pair[1] or ""))


def _section(topic: str, rule: str | None, notices: Sequence[Message]) -> str:
    lines = [clean(one.text) for one in notices if (one.topic, one.rule) == (topic, rule)]
    counted = {line: lines.count(line) for line in lines}
    shown = [
        f"- {line}" + (f" (x{number})" if number > 1 else "") for line, number in list(counted.items())[:MAX_LINES]
    ]
    if len(counted) > MAX_LINES:
        shown.append(f"- and {len(counted) - MAX_LINES} more")
    return "\n".join([_heading(topic, rule, len(lines)), *shown])


def _heading(topic: str, rule: str | None, number: int) -> str:
    heading = TOPICS[topic].heading if topic in TOPICS else topic
    said = clean(f"{rule}: {heading}" if rule else heading)
    return f"{said} ({number})" if number > 1 else said


def _title(notices: Sequence[Message]) -> str:
    headings = _headings(notices)
    topic, rule = headings[0]
    number = sum((one.topic, one.rule) == (topic, rule) for one in notices)
    rest = len(notices) - number
    return "Integr8 Bridge: " + _heading(topic, rule, number) + (f" and {rest} more" if rest else "")
