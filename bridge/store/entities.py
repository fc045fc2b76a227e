"""Entities: Integr8's offers, publishers and others as last read, and what changed about them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Index,
    Select,
    UniqueConstraint,
    Update,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store import plain_statements
from bridge.store.engine import Base, Json, Key, UtcDateTime
from bridge.store.row_inserts import insert_rows

ITEM_KINDS = ("offer", "publisher", "advertiser")  # what people look at and decide about; the rest is a part of these


class ChangedBy(StrEnum):
    """The author of a field's change."""

    RULE = "rule"  # one of our effects wanted just that
    PERSON = "person"  # we looked shortly before and after, and it was not us
    UNKNOWN = "unknown"


class Entity(Base):
    """One entity of Integr8. It has two ids there, a text and a small number; both find it."""

    __tablename__ = "entities"
    __table_args__ = (
        UniqueConstraint("account", "kind", "ref", "integration"),  # in the order in which they are asked for
        Index("ix_entities_account_kind_number", "account", "kind", "number"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    account: Mapped[str]
    integration: Mapped[str]
    kind: Mapped[str]  # offer, publisher, advertiser, offer_event, landing_page
    ref: Mapped[str]  # Integr8's own id
    number: Mapped[str | None]  # the incremental id that links and reports may use instead
    parent: Mapped[str | None]  # the offer of an event or a landing page
    name: Mapped[str | None]
    active: Mapped[bool | None]
    fields: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    first_seen: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    gone_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # no longer listed: archived or deleted


class EntityChange(Base):
    """One field that differed at the next sync, and the presumed author of the change."""

    __tablename__ = "entity_changes"
    __table_args__ = (
        Index("ix_entity_changes_target", "account", "ref", "kind", "seen_at"),
        Index("ix_entity_changes_seen_at", "seen_at"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    account: Mapped[str]
    integration: Mapped[str]
    kind: Mapped[str]
    ref: Mapped[str]
    field: Mapped[str]
    before: Mapped[Any] = mapped_column(Json, nullable=True)
    after: Mapped[Any] = mapped_column(Json, nullable=True)
    after_at: Mapped[datetime] = mapped_column(UtcDateTime)  # the reading before: it happened later than this
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    cause: Mapped[str]  # ChangedBy
    rule: Mapped[str | None]
    effect_id: Mapped[int | None]


class Delay(Base):
    """The conversion lag per offer, in seconds. `offer` empty: over all offers."""

    __tablename__ = "conversion_delays"
    __table_args__ = (UniqueConstraint("account", "integration", "offer"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    account: Mapped[str]
    integration: Mapped[str]
    offer: Mapped[str]
    p50: Mapped[int]
    p90: Mapped[int]
    sample: Mapped[int]
    measured_at: Mapped[datetime] = mapped_column(UtcDateTime)


def forget_changes(session: Session, before: datetime) -> None:
    """Apply retention to old changes. The entities themselves are a mirror and stay."""
    session.execute(
        delete(EntityChange).where(EntityChange.seen_at < before).execution_options(synchronize_session=False)
    )


def listed(
    session: Session, account: str, integration: str, kinds: Sequence[str], *, parent: str | None = None
) -> Sequence[Entity]:
    """Return all entities of these kinds, including deleted ones. They are for reading: a change is not written.

    `parent` None: of any parent.
    """
    wanted = {"account": account, "integration": integration, "kinds": list(kinds), "parent": parent}
    return plain_statements.snapshots(session, Entity, _all_of(below=parent is not None), wanted)


@cache
def _all_of(*, below: bool) -> Select[Entity]:
    wanted = [
        Entity.account == bindparam("account"),
        Entity.integration == bindparam("integration"),
        Entity.kind.in_(bindparam("kinds", expanding=True)),
    ]
    wanted += [Entity.parent == bindparam("parent")] if below else []
    return select(Entity).where(*wanted).order_by(Entity.kind, Entity.id)


def to_change(
    session: Session, account: str, integration: str, kind: str, refs: Collection[str], *, parent: str | None = None
) -> Sequence[Entity]:
    """Return the entities with these text ids, including deleted ones, as objects whose changes are written."""
    wanted = [Entity.account == account, Entity.integration == integration, Entity.kind == kind, Entity.ref.in_(refs)]
    wanted += [] if parent is None else [Entity.parent == parent]
    return session.scalars(select(Entity).where(*wanted).order_by(Entity.id)).all()


def note_seen(session: Session, numbers: Collection[int], now: datetime) -> None:
    """Note that the entities with these row numbers were listed without a difference."""
    plain_statements.run(session, _seen(), {"numbers": list(numbers), "now": now})


@cache
def _seen() -> Update:
    these = Entity.id.in_(bindparam("numbers", expanding=True))
    return update(Entity).where(these).values(last_seen=bindparam("now"))


def matches(text: str) -> ColumnElement[bool]:
    """Return the condition for a part of the name, or either id."""
    return or_(Entity.name.icontains(text, autoescape=True), Entity.ref == text, Entity.number == text)


def named(session: Session, account: str, kind: str, identity: str) -> Entity | None:
    """Return one entity of an account, by either id."""
    return next(iter(all_named(session, kind, identity, account=account)), None)


def all_named(session: Session, kind: str, identity: str, *, account: str | None = None) -> Sequence[Entity]:
    """Return the entity with that id, either of its two, in each account that has one.

    Accounts number their items alike.
    """
    wanted = [Entity.kind == kind, or_(Entity.ref == identity, Entity.number == identity)]
    wanted += [] if account is None else [Entity.account == account]
    return session.scalars(select(Entity).where(*wanted).order_by(Entity.account, Entity.id)).all()


def is_of_item(
    session: Session, rows: type[Any], kind: str, identity: str, *, account: str | None = None
) -> ColumnElement[bool]:
    """Return the condition for rows with `account`, `kind` and `target_id` about the item with that id.

    It may be either id. Each account has its own item under an id: without `account` the rows of all are meant.
    """
    same = (
        and_(rows.account == one.account, rows.target_id.in_([one.ref, one.number or one.ref]))
        for one in all_named(session, kind, identity, account=account)
    )
    wanted = [rows.kind == kind, or_(rows.target_id == identity, *same)]
    wanted += [] if account is None else [rows.account == account]
    return and_(*wanted)


def ids_of(session: Session, account: str, kind: str, identity: str) -> set[str]:
    """Return every id of one entity, including the given one, even if the mirror does not know it."""
    rows = with_either_id(session, account, {kind}, {identity})
    return {identity} | {one for row in rows for one in (row.ref, row.number) if one}


def changes(session: Session, *, account: str, kind: str, ref: str, limit: int = 100) -> Sequence[EntityChange]:
    """Return the changes of one entity, the newest first."""
    return session.scalars(
        select(EntityChange)
        .where(EntityChange.account == account, EntityChange.kind == kind, EntityChange.ref == ref)
        .order_by(EntityChange.seen_at.desc(), EntityChange.id.desc())
        .limit(limit)
    ).all()


def latest_changes(session: Session, *, after: datetime | None, limit: int) -> Sequence[EntityChange]:
    """Return the changes of all entities since then, the newest first."""
    query = select(EntityChange).order_by(EntityChange.id.desc()).limit(limit)
    return session.scalars(query if after is None else query.where(EntityChange.seen_at >= after)).all()


def state_of(session: Session, account: str, integration: str) -> tuple[int, datetime | None]:
    """Return a value that changes with the mirror, so that readers need not read all of it again."""
    found = session.execute(
        select(func.count(), func.max(Entity.changed_at)).where(
            Entity.account == account, Entity.integration == integration
        )
    ).one()
    return found[0], found[1]


def delays_state(session: Session, account: str, integration: str) -> tuple[int, datetime | None]:
    """Return a value that changes when delays are measured again."""
    query = select(func.count(), func.max(Delay.measured_at))
    count, at = session.execute(query.where(Delay.account == account, Delay.integration == integration)).one()
    return int(count), at


def delays(session: Session, account: str, integration: str) -> Sequence[Delay]:
    return session.scalars(select(Delay).where(Delay.account == account, Delay.integration == integration)).all()


def count_by_kind(session: Session, account: str, integration: str) -> dict[str, int]:
    """Return how many entities of each kind exist."""
    rows = session.execute(_counts(), {"account": account, "integration": integration})
    return {row[0]: row[1] for row in rows}


@cache
def _counts() -> Select[str, int]:
    ours = (Entity.account == bindparam("account"), Entity.integration == bindparam("integration"))
    return select(Entity.kind, func.count()).where(*ours, Entity.gone_at.is_(None)).group_by(Entity.kind)


def rows_of_kind(session: Session, account: str, integration: str, kind: str) -> Sequence[int]:
    """Return the row numbers of all entities of a kind, in the order in which Integr8 first listed them."""
    ours = {"account": account, "integration": integration, "kind": kind}
    return plain_statements.scalars(session.connection(), _rows_of_kind(), ours)


def row_numbers(session: Session, account: str, integration: str, kind: str, ids: Collection[str]) -> dict[str, int]:
    """Return text id → row number, for those of these entities that are listed."""
    ours = {"account": account, "integration": integration, "kind": kind, "ids": list(ids)}
    return {row[0]: row[1] for row in plain_statements.rows(session.connection(), _row_numbers(), ours)}


def _listed() -> tuple[ColumnElement[bool], ...]:
    return (
        Entity.account == bindparam("account"),
        Entity.integration == bindparam("integration"),
        Entity.kind == bindparam("kind"),
        Entity.gone_at.is_(None),
    )


@cache
def _rows_of_kind() -> Select[int]:
    return select(Entity.id).where(*_listed()).order_by(Entity.id)


@cache
def _row_numbers() -> Select[str, int]:
    return select(Entity.ref, Entity.id).where(*_listed(), Entity.ref.in_(bindparam("ids", expanding=True)))


def refs(session: Session, account: str, kind: str, ids: Collection[str]) -> dict[str, str]:
    """Return the text id for each of these ids, for calls: rules and reports use the small numbers."""
    rows = plain_statements.rows(session, _refs(), {"account": account, "kind": kind, "ids": list(ids)})
    return {row[0]: row[1] for row in rows if row[0] is not None}


@cache
def _refs() -> Select[str | None, str]:
    return select(Entity.number, Entity.ref).where(
        Entity.account == bindparam("account"),
        Entity.kind == bindparam("kind"),
        Entity.number.in_(bindparam("ids", expanding=True)),
        Entity.gone_at.is_(None),
    )


def both_ids(session: Session, ids: Collection[str]) -> dict[tuple[str, str, str], tuple[str, str]]:
    """Return (account, kind, id) → its two ids, for ids with two known ones; including deleted entities."""
    found: dict[tuple[str, str, str], tuple[str, str]] = {}
    for column in (Entity.number, Entity.ref):
        wanted = select(Entity.account, Entity.kind, Entity.number, Entity.ref).where(column.in_(ids))
        for account, kind, number, ref in session.execute(wanted):
            if number is not None:
                found |= dict.fromkeys(((account, kind, number), (account, kind, ref)), (number, ref))
    return found


def note_status(
    session: Session, account: str, kind: str, ids: Collection[str], *, active: bool, by: "Authors", now: datetime
) -> None:
    """Store a verified change of status in the mirror at once, with us as the cause."""
    changes, after = [], []
    those = {"account": account, "kinds": [kind], "ids": list(ids)}
    for entity in plain_statements.snapshots(session, Entity, _not_yet(active=active), those):
        rule, effect_id = by.get(entity.number or "") or by.get(entity.ref) or (None, None)
        changes.append(
            {
                "account": account,
                "integration": entity.integration,
                "kind": kind,
                "ref": entity.ref,
                "field": "active",
                "before": entity.active,
                "after": active,
                "after_at": entity.last_seen,
                "seen_at": now,
                "cause": "rule",
                "rule": rule,
                "effect_id": effect_id,
            }
        )
        after.append({"this": entity.id, "is": active, "now": now, "say": {**entity.fields, "active": active}})
    if changes:
        insert_rows(session, EntityChange, changes)
        plain_statements.run_for_each(session.connection(), _switched(), after)


@cache
def _switched() -> Update:
    moment: BindParameter[datetime] = bindparam("now")
    return (
        update(Entity)
        .where(Entity.id == bindparam("this"))
        .values(active=bindparam("is"), changed_at=moment, last_seen=moment, fields=bindparam("say"))
    )


@cache
def _not_yet(*, active: bool) -> Select[Entity]:
    return _with_either_id().where(Entity.active.is_not(active))


def with_either_id(session: Session, account: str, kinds: Collection[str], ids: Collection[str]) -> Sequence[Entity]:
    """Return entities of these kinds that have one of these as their text id or their small number."""
    wanted = {"account": account, "kinds": list(kinds), "ids": list(ids)}
    return plain_statements.snapshots(session, Entity, _with_either_id(), wanted)


@cache
def _with_either_id() -> Select[Entity]:
    """Run two queries, each with its own index: with `or` a database scans all entities of a kind."""
    kind = (Entity.account == bindparam("account"), Entity.kind.in_(bindparam("kinds", expanding=True)))
    wanted: BindParameter[Any] = bindparam("ids", expanding=True)
    found = (select(Entity.id).where(*kind, column.in_(wanted)) for column in (Entity.ref, Entity.number))
    return select(Entity).where(Entity.id.in_(union_all(*found)))


Authors = Mapping[str, tuple[str, int]]  # an id → the rule and the effect that changed it
