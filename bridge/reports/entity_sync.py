"""Synchronise Integr8's offers, publishers, advertisers, events and landing pages, and record who changed what.

A listing is read completely before anything is written; what was not listed is asked for by its id before it
counts as gone, because numbered pages shift while one reads. A target that one of our own effects is about is
left alone for that round: what was read before the effect must not look like somebody's undoing of it.

Listing and mirror are compared before anything is locked, and differences are written a few at a time: on SQLite no
webhook can be journalled while a transaction writes, and ten thousand offers took more than a second. If a sync breaks
off, each entity is as it was or as it was listed, and the next sync writes the rest.
"""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from bridge.store import entities
from bridge.store.engine import Store
from bridge.store.entities import ChangedBy, Entity, EntityChange
from bridge.store.exact_json import plain
from bridge.store.ledger import ENDED, Effect, EffectState
from bridge.store.row_inserts import insert_rows
from rules.model.verbs import BELOW_OFFER

MIRRORED_KINDS = ("advertiser", "publisher", "offer")
#: Fields that change by themselves.
RESTLESS = frozenset({"updated_at", "last_updated", "last_updated_by", "modified_at", "last_login"})
SLACK = timedelta(minutes=2)  # between Integr8's clock and ours
LONG_AGO = timedelta(hours=24)  # between two readings so far apart, anything may have happened
PRESENT = "exists"  # the field under which coming and going is noted
WRITTEN_AT_ONCE = 100  # entities with differences in one transaction
SEEN_AT_ONCE = 1_000  # entities without
PAUSE = 0.003  # seconds between two transactions
ASKED_FOR = 50  # missing ones per look; more than that looks like a broken listing, not like deletions

Row = Mapping[str, Any]


class Listings(Protocol):
    """The source of entities. `parent` is the offer of an event or a landing page."""

    def listed(self, account: str, integration: str, kind: str, parent: str | None) -> Sequence[Row]: ...

    def exists(self, account: str, integration: str, kind: str, ref: str, parent: str | None) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncResult:
    """The result of one sync."""

    listed: int
    new: int
    changed: int
    gone: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest:
    """One listing: its owner, its kind, and when it began."""

    account: str
    integration: str
    kind: str
    parent: str | None = None
    began: datetime


def sync_kind(store: Store, source: Listings, wanted: SyncRequest) -> SyncResult:
    """List one kind and store it in the mirror. Errors of the client pass through; nothing is written then."""
    listed = source.listed(wanted.account, wanted.integration, wanted.kind, wanted.parent)
    rows = {_ref(row): plain(row) for row in listed}  # as the database gives it back, or money would seem to change
    with store.read() as session:
        known = _known(session, wanted)
    missing = [one for one in known.values() if one.gone_at is None and one.ref not in rows]
    gone = [] if len(missing) > max(ASKED_FOR, len(known) // 2) else _gone(source, wanted, missing)
    same = {ref for ref, row in rows.items() if ref in known and _is_same(known[ref], row)}
    new = changed = 0
    for refs in _parts([ref for ref in rows if ref not in same], WRITTEN_AT_ONCE):
        with store.write() as session:
            added, differing = _write(session, wanted, {ref: rows[ref] for ref in refs})
        new, changed = new + added, changed + differing
    for refs in _parts(gone, WRITTEN_AT_ONCE):
        with store.write() as session:
            _note_gone(session, wanted, refs)
    for refs in _parts([ref for ref in rows if ref in same], SEEN_AT_ONCE):
        with store.write() as session:
            ours = _Ours.of(session, wanted)
            seen = [known[ref].id for ref in refs if not ours.busy(known[ref])]
            entities.note_seen(session, seen, wanted.began)
    return SyncResult(listed=len(rows), new=new, changed=changed, gone=len(gone))


def _parts(refs: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Yield so many at a time, with a pause in between: whoever waits for the write lock tries each millisecond."""
    for start in range(0, len(refs), size):
        if start:
            time.sleep(PAUSE)
        yield refs[start : start + size]


def _gone(source: Listings, wanted: SyncRequest, missing: Sequence[Entity]) -> list[str]:
    return [
        one.ref
        for one in missing[:ASKED_FOR]
        if not source.exists(wanted.account, wanted.integration, wanted.kind, one.ref, wanted.parent)
    ]


def _ref(row: Row) -> str:
    return str(row.get("id", row.get("incremental_id")))


def _number(row: Row) -> str | None:
    number = row.get("incremental_id")
    return None if number is None else str(number)


def _known(session: Session, wanted: SyncRequest) -> dict[str, Entity]:
    found = entities.listed(session, wanted.account, wanted.integration, (wanted.kind,), parent=wanted.parent)
    return {one.ref: one for one in found}


def _to_change(session: Session, wanted: SyncRequest, refs: Collection[str]) -> dict[str, Entity]:
    found = entities.to_change(session, wanted.account, wanted.integration, wanted.kind, refs, parent=wanted.parent)
    return {one.ref: one for one in found}


def _is_same(entity: Entity, row: Row) -> bool:
    return (
        entity.fields == row
        and (entity.number, entity.name, entity.active) == (_number(row), _text(row.get("name")), _flag(row))
        and entity.gone_at is None
    )


def _write(session: Session, wanted: SyncRequest, rows: Mapping[str, Row]) -> tuple[int, int]:
    """Store what these rows say. Returns how many of them are new, and how many have changed."""
    known = _to_change(session, wanted, rows.keys())
    ours = _Ours.of(session, wanted, known.values())
    changed = 0
    for ref, entity in known.items():
        if not ours.busy(entity):
            changed += _update(session, wanted, entity, rows[ref], ours)
    new = [_made(wanted, ref, row) for ref, row in rows.items() if ref not in known]
    insert_rows(session, Entity, new)
    return len(new), changed


def _note_gone(session: Session, wanted: SyncRequest, refs: Collection[str]) -> None:
    known = _to_change(session, wanted, refs)
    ours = _Ours.of(session, wanted, known.values())
    for entity in known.values():
        if entity.gone_at is None:
            session.add(_change(wanted, entity, PRESENT, before=True, after=False, ours=ours))
            entity.gone_at = entity.changed_at = wanted.began


def _made(wanted: SyncRequest, ref: str, row: Row) -> dict[str, Any]:
    return {
        "account": wanted.account,
        "integration": wanted.integration,
        "kind": wanted.kind,
        "ref": ref,
        "number": _number(row),
        "parent": wanted.parent,
        "name": _text(row.get("name")),
        "active": _flag(row),
        "fields": dict(row),
        "first_seen": wanted.began,
        "last_seen": wanted.began,
        "changed_at": wanted.began,
        "gone_at": None,
    }


def _update(session: Session, wanted: SyncRequest, entity: Entity, row: Row, ours: "_Ours") -> bool:
    """Store the differences; returns True if there are any."""
    before = entity.fields or {}
    names = sorted((before.keys() | row.keys()) - RESTLESS)
    differences = [(name, before.get(name), row.get(name)) for name in names if before.get(name) != row.get(name)]
    if entity.gone_at is not None:
        differences.append((PRESENT, False, True))
    for name, old, new in differences:
        session.add(_change(wanted, entity, name, before=old, after=new, ours=ours))
    if differences:
        entity.changed_at = wanted.began
    entity.number, entity.name, entity.active = _number(row), _text(row.get("name")), _flag(row)
    entity.fields, entity.gone_at, entity.last_seen = dict(row), None, wanted.began
    return bool(differences)


def _change(wanted: SyncRequest, entity: Entity, field: str, *, before: Any, after: Any, ours: "_Ours") -> EntityChange:
    cause, effect = ours.cause(entity, field, after, wanted.began)
    return EntityChange(
        account=wanted.account,
        integration=wanted.integration,
        kind=wanted.kind,
        ref=entity.ref,
        field=field,
        before=before,
        after=after,
        after_at=entity.last_seen,
        seen_at=wanted.began,
        cause=str(cause),
        rule=effect.rule_id if effect else None,
        effect_id=effect.id if effect else None,
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _flag(row: Row) -> bool | None:
    value = row.get("active", row.get("status"))
    if isinstance(value, str):
        return value.lower() in {"active", "true"}
    return value if isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class _Ours:
    """Our own recent effects on the targets of one sync."""

    effects: Mapping[str, Sequence[Effect]]
    began: datetime

    @classmethod
    def of(cls, session: Session, wanted: SyncRequest, targets: Collection[Entity] | None = None) -> "_Ours":
        """Return those on these targets; None: those that may keep any target of the listing busy."""
        since = wanted.began - (SLACK if targets is None else 2 * LONG_AGO)
        found: dict[str, list[Effect]] = {}
        recent = or_(Effect.state.not_in(ENDED), Effect.ended_at >= since)
        query = select(Effect).where(Effect.kind == wanted.kind, Effect.account == wanted.account, recent)
        if targets is not None:
            query = query.where(
                Effect.target_id.in_({one for each in targets for one in (each.ref, each.number) if one})
            )
        for effect in session.scalars(query.order_by(Effect.id)):
            found.setdefault(effect.target_id, []).append(effect)
        return cls(found, wanted.began)

    def on(self, entity: Entity) -> list[Effect]:
        return [effect for identity in {entity.ref, entity.number} for effect in self.effects.get(identity or "", ())]

    def busy(self, entity: Entity) -> bool:
        """Return whether an effect is in progress, or ended after the listing began."""
        return any(
            effect.sent_at is not None
            and (effect.state not in ENDED or effect.ended_at is None or effect.ended_at >= self.began - SLACK)
            for effect in self.on(entity)
        )

    def cause(self, entity: Entity, field: str, after: Any, seen: datetime) -> tuple[ChangedBy, Effect | None]:
        """Return the cause: a rule, if one of our effects wanted just that since the last sync, or a person."""
        for effect in reversed(self.on(entity)):
            when = effect.ended_at or effect.sent_at
            if when is None or when < entity.last_seen - SLACK or effect.state == EffectState.FAILED:
                continue
            if effect.wanted.get(field, None if field != PRESENT else effect.verb != "archive") == after:
                return ChangedBy.RULE, effect
        return (ChangedBy.PERSON if seen - entity.last_seen <= LONG_AGO else ChangedBy.UNKNOWN), None


def entities_of(store: Store, source: Listings, account: str, integration: str, now: datetime) -> dict[str, SyncResult]:
    """Sync advertisers, publishers and offers: a few pages."""
    return {
        kind: sync_kind(store, source, SyncRequest(account=account, integration=integration, kind=kind, began=now))
        for kind in MIRRORED_KINDS
    }


def details_of(store: Store, source: Listings, account: str, integration: str, now: datetime) -> dict[str, SyncResult]:
    """Sync events and landing pages of every existing offer: two calls for each of them."""
    with store.read() as session:
        offers = [row.ref for row in entities.listed(session, account, integration, ("offer",)) if row.gone_at is None]
    found = {}
    for kind in BELOW_OFFER:
        parts = [
            sync_kind(
                store, source, SyncRequest(account=account, integration=integration, kind=kind, parent=offer, began=now)
            )
            for offer in offers
        ]
        found[kind] = SyncResult(
            listed=sum(part.listed for part in parts),
            new=sum(part.new for part in parts),
            changed=sum(part.changed for part in parts),
            gone=sum(part.gone for part in parts),
        )
    return found


def sync_all(store: Store, source: Listings, account: str, integration: str, now: datetime) -> dict[str, SyncResult]:
    """Sync everything at once, parents first."""
    return entities_of(store, source, account, integration, now) | details_of(store, source, account, integration, now)
