"""Release the leases of a stopping worker immediately instead of waiting for them to expire.

Only for processes that have ended. What they had sent is unknown, and is read before anything is sent again.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, case, update
from sqlalchemy.orm import Session

from bridge.store.decision_lock import DecisionLock
from bridge.store.lease import Leased, owner
from bridge.store.ledger import Effect, EffectState

FREE: dict[str, Any] = {"claimed_by": None, "claimed_until": None}


def hand_back(session: Session, pids: Collection[int], now: datetime) -> int:
    """Release every row that these processes of this machine held. Returns how many there were.

    The fence increases, so that a process that still lives cannot write any more.
    """
    owners = [owner(pid) for pid in pids]
    others = [model for model in Leased.__subclasses__() if model is not Effect]
    statements = [
        update(Effect)
        .where(Effect.claimed_by.in_(owners), Effect.state.in_([EffectState.CLAIMED, EffectState.SENT]))
        .values(
            state=case((Effect.state == EffectState.SENT, EffectState.UNKNOWN), else_=EffectState.PLANNED), due_at=now
        ),
        *(update(model).where(model.claimed_by.in_(owners)).values(**FREE, fence=model.fence + 1) for model in others),
        update(Effect).where(Effect.claimed_by.in_(owners)).values(**FREE, fence=Effect.fence + 1),
        update(DecisionLock)
        .where(DecisionLock.holder.in_(owners))
        .values(holder=None, until=None, fence=DecisionLock.fence + 1),
    ]
    counts = [_run(session, statement) for statement in statements]
    return sum(counts[1:])  # the first one only says what has become of those that the last but one frees


def _run(session: Session, statement: Any) -> int:
    done = session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", done).rowcount
