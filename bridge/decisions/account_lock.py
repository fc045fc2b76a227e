"""Plan and record for one account at a time. The decision lock is held for milliseconds; evaluation needs no lock.

What was evaluated is kept when the lock is lost: then it is planned again, on what the database says by then.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from sqlalchemy.orm import Session

from bridge.decisions.decide import Decision
from bridge.decisions.lease_renewal import renewed
from bridge.store import decision_lock
from bridge.store.engine import Store
from bridge.store.lease import LeaseLost

log = structlog.get_logger()

LEASE = timedelta(seconds=20)  # renewed while it is held; a killed worker delays its account by so long
LOCK_TIMEOUT = 40.0  # seconds to wait for the lock: longer than the lease of a worker that was killed
PAUSE = (0.001, 0.004)  # seconds between two tries to get it
MAX_TRIES = 5  # after a lock was lost

Records = TypeVar("Records")


class RoundLost(LeaseLost):
    """Another worker has taken over the work of this round, so planning it again is useless."""


@contextmanager
def held(store: Store, account: str, now: datetime, *, lease: timedelta = LEASE) -> Iterator[Callable[[Session], None]]:
    """Hold the decision lock of an account; yields a function that releases it within the recording transaction.

    That function raises LeaseLost if another worker has taken the lock. Also raises LeaseLost if the lock is not free
    within PATIENCE.
    """
    name = decision_lock.of_account(account)
    fence = _acquired(store, name, now, lease)

    def hold(session: Session, until: datetime) -> None:
        decision_lock.renew(session, fence, name, until)

    given_back = False

    def give_back(session: Session) -> None:
        nonlocal given_back
        decision_lock.release(session, fence, name)
        given_back = True

    try:
        with renewed(store, now, hold, lease):
            yield give_back
    except BaseException:
        given_back = False  # rolled back with the transaction
        raise
    finally:
        if not given_back:
            with store.write(durable=False) as session:
                decision_lock.abandon(session, name, fence)


def _acquired(store: Store, name: str, now: datetime, lease: timedelta) -> int:
    began = time.monotonic()
    while (passed := time.monotonic() - began) < LOCK_TIMEOUT:
        with store.write(durable=False) as session:
            fence = decision_lock.acquire(session, now + timedelta(seconds=passed), name, lease)
        if fence is not None:
            return fence
        time.sleep(random.uniform(*PAUSE))  # noqa: S311 - so that two workers do not ask in step
    raise LeaseLost(f"another worker holds the lock {name!r}")


def in_turn(
    store: Store,
    account: str,
    now: datetime,
    *,
    shadow: bool,
    plan: Callable[[Session], Sequence[Decision]],
    prepare: Callable[[Sequence[Decision]], Records],
    write: Callable[[Session, Records], None],
) -> None:
    """Plan, build the rows, and write them, with the account's lock if others could be affected.

    `shadow`: all these rules only show what they would do, so they need no lock, unless a plan ends a hold from the
    time when the rule was live. If the lock is lost, or `plan` raises LeaseLost because its basis has changed, all
    three steps run again with the same evaluations. Raises LeaseLost after TRIES, and any exception of the three steps.
    """
    locked = not shadow
    for attempt in range(1, MAX_TRIES + 1):
        try:
            if locked or not _unlocked(store, plan, prepare, write):
                locked = True
                with held(store, account, now) as give_back:
                    with store.read() as session:
                        decisions = plan(session)
                    records = prepare(decisions)
                    with store.write() as session:
                        give_back(session)
                        write(session, records)
        except RoundLost:
            raise
        except LeaseLost as error:
            if attempt == MAX_TRIES:
                raise
            log.warning("plan made again", why=str(error), account=account, attempt=attempt)
        else:
            return


def _unlocked(
    store: Store,
    plan: Callable[[Session], Sequence[Decision]],
    prepare: Callable[[Sequence[Decision]], Records],
    write: Callable[[Session, Records], None],
) -> bool:
    """Record plans that only show what they would do. Returns False, with nothing written, if one does more."""
    with store.read() as session:
        decisions = plan(session)
    if any(map(_has_consequences, decisions)):
        return False
    records = prepare(decisions)
    with store.write() as session:
        write(session, records)
    return True


def _has_consequences(decision: Decision) -> bool:
    """Return whether a plan of a shadow rule does more than show."""
    plan = decision.plan
    return plan is not None and bool(plan.ended or plan.releases or plan.joins or plan.mutes)
