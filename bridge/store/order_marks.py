"""Order marks: the newest order value that was decided, for each subject of ordered events.

Only sources and rules with `order_by` have rows. What an event is about is kept as a digest: it may be an e-mail
address, and nothing here needs to read it.
"""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from bridge.store.engine import Base, UtcDateTime
from bridge.store.journal import Event
from bridge.store.ledger import OPEN_STATES, Effect, EffectState, PlanState, StoredPlan, close_finished, end_overtaken
from bridge.store.row_inserts import insert_rows
from bridge.store.runs import Run

CHUNK = 500


class OrderMark(Base):
    """`line` is `source:NAME`, `source:NAME@ACCOUNT` or `rule:ID`; `about` is the digest of the event's object."""

    __tablename__ = "newest"

    line: Mapped[str] = mapped_column(primary_key=True)
    about: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    event_id: Mapped[str]
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)  # of that event
    decided_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


def digest(about: str) -> str:
    return hashlib.sha256(about.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def load(session: Session, line: str, abouts: Collection[str]) -> dict[str, OrderMark]:
    """Return the newest value so far, by digest."""
    found: dict[str, OrderMark] = {}
    wanted = sorted(set(abouts))
    for start in range(0, len(wanted), CHUNK):
        query = select(OrderMark).where(OrderMark.line == line, OrderMark.about.in_(wanted[start : start + CHUNK]))
        found |= {row.about: row for row in session.scalars(query)}
    return found


def keep(session: Session, rows: Sequence[OrderMark]) -> None:
    """Replace the stored values by these. Only the holder of the decision lock may do that."""
    lines: dict[str, list[OrderMark]] = {}
    for row in rows:
        lines.setdefault(row.line, []).append(row)
    for line, members in lines.items():
        session.execute(
            delete(OrderMark).where(OrderMark.line == line, OrderMark.about.in_([row.about for row in members]))
        )
    names = ("line", "about", "value", "event_id", "received_at", "decided_at")
    insert_rows(session, OrderMark, [{name: getattr(row, name) for name in names} for row in rows])


def say_why(session: Session, why: dict[str, str]) -> None:
    """Store event id → the reason for its end, for people who read the event."""
    for event_id, words in why.items():
        session.execute(update(Event).where(Event.id == event_id).values(problem=words))


def overtake(session: Session, event_ids: Collection[str], now: datetime) -> int:
    """End effects that older events wanted on the same targets and that are not executed yet.

    Otherwise a retried call would overwrite what the newer event has set meanwhile. An effect in a worker's hands is
    left to it, but not tried a second time. Returns how many effects that is.
    """
    old, new, plan = aliased(Effect), aliased(Effect), aliased(StoredPlan)
    pairs = (
        select(old.id, old.plan_id, old.state, new.id)
        .join(new, new.target_id == old.target_id)
        .join(plan, plan.id == old.plan_id)
        .join(StoredPlan, StoredPlan.id == new.plan_id)
        .join(Run, Run.id == StoredPlan.run_id)
        .where(
            Run.event_id.in_(event_ids),
            plan.state == PlanState.READY,
            StoredPlan.state == PlanState.READY,
            old.id < new.id,
            old.rule_id == new.rule_id,
            old.kind == new.kind,
            old.account == new.account,
            old.step == new.step,
            old.verb == new.verb,
            old.plan_id != new.plan_id,
            old.releases.is_(None),
            old.state.in_(OPEN_STATES),
        )
        .order_by(new.id)
    )
    found = {row[0]: row for row in session.execute(pairs)}
    for old_id, plan_id, state, new_id in found.values():
        session.execute(
            update(Effect)
            .where(Effect.id == old_id, Effect.state == state)
            .values(overtaken_by=new_id)
            .execution_options(synchronize_session=False)
        )
        if state == EffectState.PLANNED:
            same = select(Effect).where(Effect.id == old_id, Effect.state == state)
            end_overtaken(session, session.scalars(same.execution_options(populate_existing=True)), now)
        close_finished(session, [plan_id], now)
    return len(found)


def forget(session: Session, before: datetime) -> None:
    session.execute(delete(OrderMark).where(OrderMark.decided_at < before))
