"""Halt everything, one rule, one account or one advertiser, and resume.

What waited is then decided, or dropped with a list.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from bridge.config.library import Rulebook
from bridge.decisions import schedule
from bridge.operations.errors import NotThere, OperationError
from bridge.services.container import Services
from bridge.store import audit_log, deferred_events, entities, halts, journal, ledger, slots
from bridge.store.halts import EVERYTHING, Halt, HaltKind, HaltScope, OpenHalt, OpenHalts
from bridge.store.slots import SlotState
from rules.model import formatting

WaitingEvents = Literal["decide", "drop"]
AUDITED = 1_000  # ids of dropped events in one line of the audit; each event says it as well


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The work that waits for the end of a halt."""

    events: int  # received, and not decided about
    runs: int  # of rules, due by the clock
    effects: int  # planned before the halt

    def __str__(self) -> str:
        events, runs = formatting.counted(self.events, "event"), formatting.counted(self.runs, "due run")
        return f"{events}, {runs} and {formatting.counted(self.effects, 'effect')} wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """The halt that has ended, what waited, and what was dropped."""

    was_halted: bool
    since: datetime | None = None
    why: str | None = None
    waiting: Waiting = Waiting(events=0, runs=0, effects=0)
    dropped_events: Sequence[str] = ()
    dropped_runs: Sequence[str] = ()  # rule and due time


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltedPart:
    """One open halt, and how much waits for its end."""

    id: int
    scope: str  # all | rule | account | advertiser
    name: str | None
    account: str | None
    since: datetime
    by: str
    why: str
    waiting: Waiting

    @property
    def about(self) -> str:
        """A text that says what is halted."""
        return str(HaltScope(HaltKind(self.scope), self.name, self.account))

    @property
    def remedy(self) -> str:
        """The command that ends this halt and no other."""
        of = {"all": ""}.get(self.scope, f" --{self.scope} {self.name}")
        whose = f" --account {self.account}" if self.account else ""
        return f"`integr8-bridge resume{of}{whose}`"


def scope_of(
    services: Services, *, rule: str | None = None, account: str | None = None, advertiser: str | None = None
) -> HaltScope:
    """Return the scope to halt or resume; everything, if nothing is named.

    `account` beside `advertiser` names the account of the advertiser; with one account it is not needed. Raises
    NotThere for unknown names, OperationError if two things are named.
    """
    if rule is not None and (account or advertiser):
        raise OperationError("halt: name a rule, an account or an advertiser, not several of them")
    if rule is not None:
        return HaltScope(HaltKind.RULE, rule)
    accounts = services.settings.accounts
    if account is not None and account not in accounts:
        raise NotThere(f"account {account!r}: not found; accounts are: {', '.join(sorted(accounts))}")
    if advertiser is None:
        return EVERYTHING if account is None else HaltScope(HaltKind.ACCOUNT, account)
    if account is None and len(accounts) != 1:
        raise OperationError("halt: say in which account the advertiser is, with `account`")
    return _advertiser(services, advertiser, account or next(iter(accounts)))


def _advertiser(services: Services, identity: str, account: str) -> HaltScope:
    """Return the one name of an advertiser, whichever of its ids is given."""
    with services.store.read() as session:
        rows = entities.with_either_id(session, account, {"advertiser"}, {identity})
    name = (rows[0].number or rows[0].ref) if rows else identity
    return HaltScope(HaltKind.ADVERTISER, name, account)


def halt(services: Services, of: HaltScope, *, who: str, why: str, now: datetime) -> HaltedPart:
    """Halt what `of` names until somebody resumes it. Raises NotThere for an unknown rule or advertiser.

    A second halt of the same scope keeps the first.
    """
    with services.store.write() as session:
        _refuse_unknown(services, session, of)
        found = halts.halt(session, by=who, why=why, now=now, of=of)
        session.flush()
        return _part(session, services.library.current(session), found)


def _refuse_unknown(services: Services, session: Session, of: HaltScope) -> None:
    book = services.library.current(session)
    if of.kind is HaltKind.RULE and of.name not in book.revisions:
        raise NotThere(f"rule {of.name!r}: not found; rules are: {', '.join(sorted(book.revisions)) or 'none'}")
    if of.kind is HaltKind.ADVERTISER:
        rows = entities.with_either_id(session, of.account or "", {"advertiser"}, {of.name or ""})
        if not rows:
            raise NotThere(f"advertiser {of.name!r}: not found in account {of.account}")


def halted_parts(services: Services, session: Session) -> list[HaltedPart]:
    """Return every open halt with how much waits for its end, the oldest first."""
    found = halts.listed(session)
    if not found:
        return []
    book = services.library.current(session)
    return [_part(session, book, one) for one in found]


def _part(session: Session, book: Rulebook, row: Halt) -> HaltedPart:
    return HaltedPart(
        id=row.id, scope=row.scope, name=row.name, account=row.account, since=row.since, by=row.by, why=row.why,
        waiting=_waiting(session, book, row),
    )  # fmt: skip


def waiting(session: Session) -> Waiting:
    """Return how much waits at this moment for the end of the halt of everything."""
    return Waiting(
        events=journal.count_waiting(session),
        runs=slots.count_due(session, schedule.KIND),
        effects=ledger.count_open(session),
    )


def _waiting(session: Session, book: Rulebook, row: Halt) -> Waiting:
    if row.of == EVERYTHING:
        return waiting(session)
    alone = _alone(row)
    return Waiting(
        events=deferred_events.count(session, [row.id]),
        runs=slots.count_due(session, schedule.KIND, schedule.halted_keys(alone, book)),
        effects=ledger.count_open(session, alone),
    )


def _alone(row: Halt) -> OpenHalts:
    return OpenHalts([OpenHalt(row.id, row.why, row.of)])


def resume(
    services: Services, *, who: str, now: datetime, events: WaitingEvents = "decide", of: HaltScope = EVERYTHING
) -> Resumed:
    """End the halt of everything, or of what `of` names.

    The waiting events and due runs are decided now, by the present rules, unless `events` says `drop`: then they end
    without a decision, the answer and the audit list them, and the events can be replayed. Effects that were planned
    before the halt are executed in either case, each after its own checks. Work under another halt still waits.
    """
    with services.store.write() as session:
        book = services.library.current(session)
        row = halts.halted(session, of)
        if row is None:
            return Resumed(was_halted=False)
        counted = _waiting(session, book, row)
        owed = _owed_to(session, row)
        halts.resume(session, by=who, now=now, of=of)
        dropped = _drop(session, book, row, who, now) if events == "drop" else Dropped((), ())
        deferred_events.release(session, owed)
        if of.kind is HaltKind.ADVERTISER:  # its offers were left out of runs; their rules look at them again now
            timed = [one for one in book.active() if one.timed and one.account == of.account]
            slots.open_slots(session, [(schedule.KIND, schedule.slot_key(one.id), now) for one in timed])
        answer = Resumed(
            was_halted=True, since=row.since, why=row.why, waiting=counted, dropped_events=dropped.events,
            dropped_runs=dropped.runs,
        )  # fmt: skip
    for name in ("journal.process", "rules.run_due", "effects.perform"):
        services.queue.wake(name)
    return answer


def _owed_to(session: Session, row: Halt) -> list[int]:
    """Return the halts whose events are evaluated again. An event may concern offers of two halted advertisers."""
    if row.of.kind is not HaltKind.ADVERTISER:
        return [row.id]
    return [one.id for one in halts.open_halts(session).advertisers(row.account or "")]


@dataclass(frozen=True, slots=True)
class Dropped:
    """Dropped work: ids of events, and rule and due time of runs."""

    events: Sequence[str]
    runs: Sequence[str]


def _drop(session: Session, book: Rulebook, row: Halt, who: str, now: datetime) -> Dropped:
    why = f"dropped at resume by {who}; `events replay` handles it after all"
    if row.of == EVERYTHING:
        gone = [*deferred_events.drop(session, [row.id], why), *journal.drop_waiting(session, why, now)]
        deferred_events.forget_ended(session)
        only = None
    else:
        gone = deferred_events.drop(session, [row.id], f"rule not asked: {why}")
        only = schedule.halted_keys(_alone(row), book)
    missed = slots.close_due(session, schedule.KIND, SlotState.MISSED, f"dropped at resume by {who}", now, only=only)
    passed = [f"{key.removeprefix('rule:')} of {at:%Y-%m-%d %H:%M:%S} UTC" for key, at in missed]
    detail = {"events": gone[:AUDITED], "number": len(gone), "runs": passed[:AUDITED]}
    about = formatting.counted(len(gone), "event")
    audit_log.note(session, who=who, what="drop waiting", about=about, now=now, detail=detail)
    return Dropped(gone, passed)
