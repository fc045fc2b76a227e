"""Mutes of items: rules leave an item alone because a person decided so. Anybody allowed may end one early."""

from datetime import datetime

from sqlalchemy import delete

from bridge.operations.errors import OperationError
from bridge.store import audit_log
from bridge.store.engine import Store
from bridge.store.holds import Mute


def end_mutes(store: Store, rule: str, item: str, *, who: str, now: datetime) -> bool:
    """End what keeps a rule from an item such as `offer=42`. False where nothing did. Raises OperationError."""
    kind, _, identity = item.partition("=")
    if not rule or not kind or not identity:
        raise OperationError("name a rule and an item such as offer=42, so nothing was done")
    wanted = (Mute.rule_id == rule, Mute.kind == kind, Mute.target_id == identity)
    with store.write() as session:
        ended = session.scalars(delete(Mute).where(*wanted).returning(Mute.rule_id)).all()
        if ended:
            audit_log.note(
                session, who=who, what="end mute", about=f"{kind} {identity}", now=now, detail={"rule": rule}
            )
    return bool(ended)
