"""Look up mirrored entities by either of their ids, and find the children of each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.store.entities import Entity


@dataclass(frozen=True, slots=True)
class KnownEntity:
    """One entity. `id` is the small number if it has one, because people and links say offer 42."""

    id: str
    ref: str
    active: bool | None
    gone: bool
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Directory:
    """All entities of an account, by kind and id."""

    entities: Mapping[str, Mapping[str, KnownEntity]] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # kind → text id → number

    @classmethod
    def of(cls, rows: Iterable[Entity]) -> "Directory":
        found: dict[str, dict[str, KnownEntity]] = {}
        aliases: dict[str, dict[str, str]] = {}
        for row in rows:
            one = KnownEntity(
                id=row.number or row.ref,
                ref=row.ref,
                active=row.active,
                gone=row.gone_at is not None,
                fields={"name": row.name, **(row.fields or {}), "active": row.active},
            )
            found.setdefault(row.kind, {})[one.id] = one
            if one.id != row.ref:
                aliases.setdefault(row.kind, {})[row.ref] = one.id
        return cls(found, aliases)

    def get(self, kind: str, identity: str) -> KnownEntity | None:
        canonical = self.aliases.get(kind, {}).get(identity, identity)
        return self.entities.get(kind, {}).get(canonical)

    def known_as(self, kind: str, identity: str) -> tuple[str, ...]:
        """Return both ids of an entity, the one of reports first; for an unknown one only the id."""
        one = self.get(kind, identity)
        return (identity,) if one is None else (one.id, one.ref)

    def listed(self, kind: str) -> list[str]:
        """Return the ids of all existing entities."""
        return [one.id for one in self.entities.get(kind, {}).values() if not one.gone]

    def parent(self, kind: str, identity: str, of: str) -> str | None:
        """Return the advertiser of an offer, under its canonical id."""
        one = self.get(kind, identity)
        value = None if one is None else one.fields.get(f"{of}_id")
        if value is None:
            return None
        found = self.get(of, str(value))
        return str(value) if found is None else found.id
