"""One strip of 24 hours for each rule: what its evaluations came to, in every quarter of an hour."""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from time import monotonic
from typing import TypeAlias

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session

from bridge.store.runs import Run
from rules.model.revision import Revision

QUARTER = timedelta(minutes=15)
CELLS = 96  # quarters of a day
GRAVEST = ("error", "ready", "waiting")  # what a quarter is told by, before a check that changed nothing
CHECKED = "nothing"
PATIENCE = 0.05  # seconds that one page looks back at quarters that nobody has asked for yet

#: The start of a quarter → rule → what the gravest of its evaluations came to, and how many there were.
Quarters: TypeAlias = MutableMapping[datetime, Mapping[str, tuple[str, int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Quarters in a row with the same outcome; None if there was no check. `place` counts from 24 hours ago."""

    place: int
    length: int
    outcome: str | None
    start: datetime
    end: datetime
    checks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleStrip:
    """The last 24 hours of one rule, oldest first."""

    rule: str
    title: str
    mode: str
    stretches: Sequence[Stretch]
    last: datetime | None  # its newest evaluation, however long ago

    @property
    def checks(self) -> int:
        return sum(one.checks for one in self.stretches)

    def quarters(self, outcome: str) -> int:
        """Return how many quarters of an hour have this outcome."""
        return sum(one.length for one in self.stretches if one.outcome == outcome)


def strips(
    session: Session, revisions: Sequence[Revision], now: datetime, known: Quarters, patience: float = PATIENCE
) -> list[RuleStrip]:
    """Return one strip for each rule. Finished quarters are read once and kept in `known`.

    The first page after a start may not cover the whole day within its patience (in seconds); the next does.
    """
    newest = datetime.fromtimestamp(now.timestamp() // QUARTER.total_seconds() * QUARTER.total_seconds(), UTC)
    starts = [newest - number * QUARTER for number in range(CELLS)]
    until = monotonic() + patience
    found: dict[datetime, Mapping[str, tuple[str, int]]] = {newest: _counted(session, newest, newest + QUARTER)}
    for start in starts[1:]:
        if start not in known and monotonic() < until:
            known[start] = _counted(session, start, start + QUARTER)
        found[start] = known.get(start, {})
    for start in [one for one in known if one < starts[-1]]:
        del known[start]
    return [
        RuleStrip(
            rule=one.id, title=one.title or "", mode=str(one.mode),
            stretches=list(_stretches([(start, *found[start].get(one.id, (None, 0))) for start in reversed(starts)])),
            last=session.scalar(_newest_run(), {"rule": one.id}),
        )
        for one in revisions
    ]  # fmt: skip


def _counted(session: Session, start: datetime, end: datetime) -> dict[str, tuple[str, int]]:
    query = (
        select(Run.rule_id, Run.outcome, func.count())
        .where(Run.started_at >= start, Run.started_at < end)
        .group_by(Run.rule_id, Run.outcome)
    )
    found: dict[str, tuple[str, int]] = {}
    for rule, outcome, number in session.execute(query):
        told, before = found.get(rule, (CHECKED, 0))
        found[rule] = (_graver(told, outcome), before + number)
    return found


def _graver(one: str, other: str) -> str:
    return min(one, other if other in GRAVEST else CHECKED, key=(*GRAVEST, CHECKED).index)


def _stretches(quarters: Sequence[tuple[datetime, str | None, int]]) -> Iterator[Stretch]:
    numbered = enumerate(quarters)
    for outcome, group in groupby(numbered, key=lambda one: one[1][1]):
        members = list(group)
        place, (start, _, _) = members[0]
        yield Stretch(
            place=place, length=len(members), outcome=outcome, start=start, end=members[-1][1][0] + QUARTER,
            checks=sum(number for _, (_, _, number) in members),
        )  # fmt: skip


@cache
def _newest_run() -> Select[datetime]:
    """Return the newest run by the index of rule and moment; the query is built once, because each rule uses it."""
    return select(func.max(Run.started_at)).where(Run.rule_id == bindparam("rule"))
