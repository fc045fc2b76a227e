"""`order_by`: drop an event that is older than one already processed for the same subject.

Events are compared in the order in which they arrived, so it does not matter how they fall into batches. What
each event is about is said by `order_per`, else by the rule's own subject or the key of what it ensures. Nothing
is read, written or computed for sources and rules without `order_by`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from bridge.decisions import rule_matching
from bridge.decisions.decide import event_facts
from bridge.decisions.event_facts import EventFacts, ReceivedEvent
from bridge.decisions.rule_matching import RuleMatch
from bridge.sources import Source
from bridge.store import order_marks
from bridge.store.order_marks import OrderMark
from rules.evaluation.templates import fill, frame_of
from rules.model.errors import Unfilled
from rules.model.input_values import parse_moment, parse_number
from rules.model.revision import Revision, Webhook

_WHOLE = re.compile(r"-?[0-9]+")  # of any length: senders count versions, too
MAX_ORDER_CHARS = 200  # characters of an order value; what is longer is a text and no order


@dataclass(frozen=True, slots=True)
class Position:
    """The position of one event: `about` is a digest, `value` the sender's value."""

    row: int
    about: str
    value: str
    received: ReceivedEvent


@dataclass(slots=True)
class OrderFilter:
    """The known order of one batch. `write` stores it."""

    session: Session  # for reading
    sources: Mapping[str, Source]
    now: datetime
    account: str | None = None  # whose rules are asked, where there are several accounts
    late: dict[str, str] = field(default_factory=dict)  # event id → why, for events that their source calls old
    fresh: dict[tuple[str, str], OrderMark] = field(default_factory=dict)
    decided: set[str] = field(default_factory=set)  # events that may overtake older ones

    def observe(self, received: Sequence[ReceivedEvent]) -> None:
        """Compare the events of sources with their own order."""
        lines: dict[str, list[Position]] = {}
        for row, one in enumerate(received):
            order, about = one.parsed.order, one.parsed.about
            if one.event.deferred:  # it was compared when it came, and then waited for the end of a halt
                continue
            if order is not None and about is not None and len(order) <= MAX_ORDER_CHARS:
                lines.setdefault(f"source:{one.event.source}", []).append(
                    Position(row, order_marks.digest(about), order, one)
                )
        for line, places in lines.items():
            own = (line,) if self.account is None else (f"{line}@{self.account}", line)
            self.late |= {received[row].event.id: why for row, why in self._compare(own, places).items()}

    def split(self, match: RuleMatch) -> tuple[RuleMatch, RuleMatch, dict[str, str]]:
        """Return (events in time, events too late, event id → reason)."""
        why = {
            row: self.late[one.event.id]
            for row, one in enumerate(match.received)
            if one.event.id in self.late  # empty for most
        }
        places = self._places(match)
        if places:
            line = f"rule:{match.revision.id}"
            why |= self._compare((line,), [place for place in places if place.row not in why])
        if not why:
            return match, match.only([]), {}
        rows = range(len(match.received))
        reasons = {match.received[row].event.id: words for row, words in why.items()}
        return match.only([row for row in rows if row not in why]), match.only(sorted(why)), reasons

    def write(self, session: Session) -> None:
        """Store the order in the transaction that records the decisions."""
        if not self.fresh and not self.late:
            return
        order_marks.keep(session, list(self.fresh.values()))
        order_marks.say_why(session, self.late)
        order_marks.overtake(session, self.decided, self.now)

    def _compare(self, lines: Sequence[str], places: Sequence[Position]) -> dict[int, str]:
        """Compare with the newest value on the first of these lines that has one.

        A newer value is stored on the first.
        """
        line, known = lines[0], dict[str, OrderMark]()
        for older in reversed(lines):
            known |= order_marks.load(self.session, older, [place.about for place in places])
        why = {}
        for place in places:
            event = place.received.event
            before = self.fresh.get((line, place.about)) or known.get(place.about)
            if before is not None and self._older(place, before):
                why[place.row] = f"older than event {before.event_id} of {before.received_at:%Y-%m-%d %H:%M:%S} UTC"
                continue
            self.decided.add(event.id)
            self.fresh[line, place.about] = OrderMark(
                line=line,
                about=place.about,
                value=place.value,
                event_id=event.id,
                received_at=event.received_at,
                decided_at=self.now,
            )
        return why

    def _older(self, place: Position, before: OrderMark) -> bool:
        zone = self.sources[place.received.event.source].zone
        mine, theirs = rank(place.value, zone), rank(before.value, zone)
        return mine[0] == theirs[0] and bool(mine[1] < theirs[1])  # two kinds cannot be compared: as they come

    def _places(self, match: RuleMatch) -> list[Position]:
        """Return the places of a rule with its own order, or of a source that leaves the object to the rule."""
        trigger, found = match.revision.trigger, match.received
        assert isinstance(trigger, Webhook)
        if trigger.order_by is not None:
            values = rule_matching.values(trigger.order_by, event_facts(found), self.now)
        elif any(one.parsed.order is not None and one.parsed.about is None for one in found):
            values = [None if one.parsed.about is not None else one.parsed.order for one in found]
        else:
            return []
        abouts = _abouts(match.revision, found, self.now)
        return [
            Position(row, order_marks.digest(str(about)), str(value), found[row])
            for row, (value, about) in enumerate(zip(values, abouts, strict=True))
            if about is not None and _is_order(value) and not found[row].event.deferred
        ]


def rank(value: str, zone: Any) -> tuple[str, Any]:
    """Return a kind, and a value that is comparable within the kind: numbers, times, or texts."""
    number = Decimal(value) if _WHOLE.fullmatch(value) else parse_number(value)
    if number is not None:
        return ("number", number)
    moment = parse_moment(value, zone)
    return ("text", value) if moment is None else ("time", moment)


def _is_order(value: Any) -> bool:
    return value is not None and not isinstance(value, dict | list | bool) and 0 < len(str(value)) <= MAX_ORDER_CHARS


def _abouts(revision: Revision, received: Sequence[ReceivedEvent], now: datetime) -> list[Any]:
    """Return the object of each event for this rule; None if it names none."""
    facts, trigger = event_facts(received), revision.trigger
    assert isinstance(trigger, Webhook)
    if trigger.order_per is not None:
        return rule_matching.values(trigger.order_per, facts, now)
    if revision.scope.per != ("event",):
        return [None if one is None else one.ids for one in rule_matching.subjects_named(revision, received, now)]
    return [_keys(revision, facts, row, now) for row in range(len(received))]


def _keys(revision: Revision, facts: EventFacts, row: int, now: datetime) -> Any:
    """Return the natural keys of what the rule ensures, as far as the event itself has them."""
    frame, found = frame_of(facts, revision.data, now, row), []
    for step in revision.then:
        try:
            found += [f"{step.target}.{name}={fill(part, frame)}" for name, part in step.key.items()]
        except Unfilled:
            continue
    return found or None
