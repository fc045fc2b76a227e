"""Holds, and the mutes that follow when a person decides otherwise."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from functools import cache

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Index,
    Select,
    and_,
    bindparam,
    func,
    select,
    union_all,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store import plain_statements
from bridge.store.engine import Base, Key, UtcDateTime
from bridge.store.entities import ChangedBy, Entity, EntityChange


class HoldState(StrEnum):
    ACTIVE = "active"
    RELEASED = "released"  # its time came, its early condition was met, or a person released it
    OVERRIDDEN = "overridden"  # a person changed the target in Integr8


class Hold(Base):
    """A target that a rule keeps inactive: by whom, since when, until when."""

    __tablename__ = "holds"
    __table_args__ = (
        Index("ix_holds_target_id_state_rule_id", "target_id", "state", "rule_id"),
        Index("ix_holds_subject_rule_id_state", "subject", "rule_id", "state"),
        Index("ix_holds_rule_id_state_until", "rule_id", "state", "until"),
        Index("ix_holds_state_until", "state", "until"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    rule_id: Mapped[str]
    effect_id: Mapped[int | None]
    account: Mapped[str]
    integration: Mapped[str]
    kind: Mapped[str]
    target_id: Mapped[str]
    subject: Mapped[str]
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: until someone lets go
    count: Mapped[int] = mapped_column(default=1)  # the rule's n-th hold on this target; 0: it proves nothing
    we_paused: Mapped[bool] = mapped_column(default=True)  # it was active before, so it may come back by itself
    state: Mapped[str] = mapped_column(default=HoldState.ACTIVE)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_by: Mapped[str | None]
    ended_why: Mapped[str | None]


class Mute(Base):
    """A rule leaves a target alone because a person has decided about it."""

    __tablename__ = "mutes"

    rule_id: Mapped[str] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    target_id: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime] = mapped_column(UtcDateTime)
    why: Mapped[str]


def count_active(session: Session) -> int:
    return int(session.scalar(select(func.count()).where(Hold.state == HoldState.ACTIVE)) or 0)


def due(session: Session, now: datetime) -> list[Hold]:
    """Return due holds."""
    return list(
        session.scalars(select(Hold).where(Hold.state == HoldState.ACTIVE, Hold.until <= now).order_by(Hold.until))
    )


def switched_by_hand(session: Session, *, since: datetime) -> list[Hold]:
    """Return holds whose target a person switched after the hold began, and since a moment."""
    changes = session.execute(
        select(Entity.account, Entity.kind, Entity.ref, Entity.number, EntityChange.seen_at)
        .join(EntityChange, and_(Entity.account == EntityChange.account, Entity.ref == EntityChange.ref))
        .where(
            EntityChange.seen_at >= since,
            EntityChange.field == "active",
            EntityChange.cause == ChangedBy.PERSON,
            EntityChange.kind == Entity.kind,
        )
    ).all()
    seen = {(row.account, row.kind, name): row.seen_at for row in changes for name in (row.ref, row.number) if name}
    if not seen:
        return []
    on_them = select(Hold).where(Hold.state == HoldState.ACTIVE, Hold.target_id.in_({name for _, _, name in seen}))
    found = [(hold, seen.get((hold.account, hold.kind, hold.target_id))) for hold in session.scalars(on_them)]
    return [hold for hold, at in found if at is not None and hold.since < at]


def of_rule(session: Session, rule_id: str) -> list[Hold]:
    """Return the holds of a rule, oldest first."""
    return list(session.scalars(select(Hold).where(_held(rule_id)).order_by(Hold.id)))


def due_or_about(
    session: Session, rule_id: str, *, targets: Collection[str], subjects: Collection[str], now: datetime
) -> list[Hold]:
    """Return a rule's holds on these ids of targets or these subjects, and its due ones."""
    wanted = {"rule": rule_id, "targets": list(targets), "subjects": list(subjects), "now": now}
    return plain_statements.snapshots(session, Hold, _due_or_about(), wanted)


@cache
def _due_or_about() -> Select[Hold]:
    """Run three queries, each with its own index: with `or` a database scans all holds of the rule."""
    ids = union_all(
        *(
            select(Hold.id).where(_held(bindparam("rule")), concerned)
            for concerned in (
                Hold.target_id.in_(bindparam("targets", expanding=True)),
                Hold.subject.in_(bindparam("subjects", expanding=True)),
                Hold.until <= bindparam("now"),
            )
        )
    )
    return select(Hold).where(Hold.id.in_(ids)).order_by(Hold.id)


def _held(rule_id: str | BindParameter[str]) -> ColumnElement[bool]:
    return and_(Hold.rule_id == rule_id, Hold.state == HoldState.ACTIVE)


def on(session: Session, *, account: str, targets: Collection[str], rule_id: str, since: datetime) -> list[Hold]:
    """Return any rule's holds in an account on these ids of targets, and the rule's own earlier, released ones.

    The number of those since a moment determines the length of the next one.
    """
    wanted = {"account": account, "targets": list(targets), "rule": rule_id, "since": since}
    return plain_statements.snapshots(session, Hold, _on(), wanted)


@cache
def _on() -> Select[Hold]:
    of_targets = Hold.target_id.in_(bindparam("targets", expanding=True))
    active = select(Hold.id).where(of_targets, Hold.account == bindparam("account"), Hold.state == HoldState.ACTIVE)
    earlier = select(Hold.id).where(
        of_targets,
        Hold.rule_id == bindparam("rule"),
        Hold.state == HoldState.RELEASED,
        Hold.ended_at >= bindparam("since"),
    )
    return select(Hold).where(Hold.id.in_(union_all(active, earlier))).order_by(Hold.id)


def end(hold: Hold, state: HoldState, *, why: str, by: str, now: datetime) -> None:
    hold.state, hold.ended_why, hold.ended_by, hold.ended_at = state, why, by, now


def muted(session: Session, now: datetime) -> list[Mute]:
    """Return what rules leave alone, the next to end first."""
    return list(
        session.scalars(select(Mute).where(Mute.until > now).order_by(Mute.until, Mute.rule_id, Mute.target_id))
    )
