"""Scheduled maintenance: open due slots and find stalled work."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from bridge.config.rulebook import publish_changes
from bridge.decisions import schedule
from bridge.observability.bulkhead import Bulkhead
from bridge.operations import approvals, backtest_jobs, feeds, perform, questions
from bridge.operations import holds as operations_holds
from bridge.reports import polling
from bridge.services.account_scopes import scopes
from bridge.services.container import Services
from bridge.services.queue import WakeUp
from bridge.store import (
    backtest_jobs as store_backtest_jobs,
)
from bridge.store import (
    clock_steps,
    halts,
    heartbeats,
    holds,
    ledger,
    slots,
)
from bridge.store import (
    questions as store_questions,
)
from bridge.store.account_scope import AccountScope
from bridge.store.holds import Hold
from bridge.store.journal import Event, EventState
from bridge.store.lease import free
from bridge.store.slots import Slot, SlotState

log = structlog.get_logger()

#: Kind of due slot → the task that works on it.
TASKS = {schedule.KIND: "rules.run_due", polling.KIND: "reports.poll", feeds.MIRROR: "reports.poll"}

LOOK_BACK = timedelta(minutes=5)  # longer than a tick can be late; looking twice does nothing twice


class Fingerprint:
    """Detects changes of the rules directory by names, sizes and times only."""

    def __init__(self) -> None:
        self._last: object = None

    def changed(self, services: Services) -> bool:
        now = tuple(
            (str(path), path.stat().st_size, path.stat().st_mtime_ns)
            for directory in (services.settings.rules_dir, services.settings.tables_dir)
            for path in sorted(directory.glob("*"))
            if path.is_file()
        )
        changed, self._last = now != self._last, now
        return changed

    def forget(self) -> None:
        """Let the next check find a change."""
        self._last = None


_fingerprint = Fingerprint()


def look_again() -> None:
    """Compare the rules directory with the newest generation at the next tick, as at the first tick of a process."""
    _fingerprint.forget()


def tick(services: Services, now: datetime) -> list[WakeUp]:
    """Run one tick: a heartbeat, due slots, and the tasks that have work.

    Every part, and within it every rule, hold, plan and account, fails alone.
    """
    store, bulkhead = services.store, Bulkhead(services.store, now)
    with bulkhead.item("rules", "directory", "load"):
        _load_changed(services, now)
    with bulkhead.item("service", "clock", "compare"), store.write() as session:
        clock_steps.mend(session, now)
        heartbeats.tick(session, now)
    with store.read() as session:
        book = services.library.current(session)
    active = book.active()
    schedule.open_due(store, active, now, bulkhead, book.disabled())
    timed = {one.id for one in active if one.timed} - bulkhead.rules_in_trouble()
    effects_due = _end_holds(services, timed, now, bulkhead)
    effects_due |= approvals.expire(services, now, bulkhead)
    feeds.open_due(services, now, bulkhead)
    with bulkhead.item("service", "backtests", "give up"), store.write() as session:
        backtest_jobs.give_up(session, now)
    with store.read() as session:
        return _wanted(services, session, now, effects_due=effects_due)


def _load_changed(services: Services, now: datetime) -> None:
    try:
        if _fingerprint.changed(services):
            publish_changes(services.store, services.settings, now=now)
    except OSError as error:
        log.warning("rules directory cannot be read; the last generation stays", error=str(error))
    except Exception:
        _fingerprint.forget()  # read it again at the next tick
        raise


def _end_holds(services: Services, timed: set[str], now: datetime, bulkhead: Bulkhead) -> bool:
    """Handle due holds now: through their rule, or here if the rule is not scheduled.

    `timed` are the scheduled rules that run as they should. A rule whose every run fails must not keep its holds for
    ever.
    """
    with services.store.read() as session:
        due = holds.due(session, now)
        switched = holds.switched_by_hand(session, since=now - LOOK_BACK)
    own = [hold for hold in due if hold.rule_id in timed]
    if own:
        with bulkhead.item("service", "holds", "open slots"), services.store.write() as session:
            _open_for_holds(session, own)
    orphans = [hold for hold in (*due, *switched) if hold.rule_id not in timed]
    return operations_holds.end_due(services, orphans, now, bulkhead)


def _wanted(services: Services, session: Session, now: datetime, *, effects_due: bool = False) -> list[WakeUp]:
    """Return the tasks that people or the clock have requested, each in the queue of its account."""
    halted = halts.why_halted(session) is not None
    kinds = {kind: task for kind, task in TASKS.items() if not (halted and kind == schedule.KIND)}
    found = []
    for account, scope in scopes(services.settings).items():
        names = {task for kind, task in kinds.items() if _is_due(services, session, kind, scope, now)}
        if effects_due or ledger.some_due(session, now, scope):
            names.add(perform.TASK)
        if feeds.is_turn_taken(session, now, scope):
            names.discard(TASKS[polling.KIND])
        found += [WakeUp(name, account) for name in sorted(names)]
    if store_backtest_jobs.is_waiting(session, now):
        found.append(WakeUp(backtest_jobs.TASK))
    if store_questions.is_waiting(session, now):
        found.append(WakeUp(questions.TASK))
    return found


def _is_due(services: Services, session: Session, kind: str, scope: AccountScope, now: datetime) -> bool:
    where = [Slot.kind == kind, Slot.state == SlotState.DUE, Slot.at <= now, free(Slot, now)]
    if not scope.everyone and kind == schedule.KIND:
        only, but = schedule.keys_in(scope, services.library.current(session))
        where.append(Slot.key.not_in(but) if only is None else Slot.key.in_(only))
    elif not scope.everyone:
        where += scope.of_keys(Slot.key, kind)
    return _exists(session, select(Slot.id).where(*where))


def _open_for_holds(session: Session, due: Sequence[Hold]) -> None:
    """Open a slot for a due hold now, instead of waiting for its rule's next slot."""
    wanted = {(schedule.KIND, f"rule:{hold.rule_id}", hold.until) for hold in due}
    slots.open_slots(session, [(kind, key, at) for kind, key, at in wanted if at is not None])


def stalled_tasks(services: Services, now: datetime) -> list[WakeUp]:
    """Return the tasks whose rows wait without a worker: a lost or emptied Redis has forgotten them."""
    with services.store.read() as session:
        found = []
        waiting = select(Event.id).where(Event.state == EventState.RECEIVED, free(Event, now))
        if halts.why_halted(session) is None and _exists(session, waiting):
            found.append(WakeUp("journal.process"))
        return found + _wanted(services, session, now)


def _exists(session: Session, query: Select[Any]) -> bool:
    return session.scalars(query.limit(1)).first() is not None
