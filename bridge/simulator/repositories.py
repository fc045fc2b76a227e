"""Entities by noun. A deleted one is archived: gone for the API, restorable by hand, as the reference says."""

import copy
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bridge.simulator.entity_types import Noun
from bridge.simulator.errors import missing
from bridge.simulator.ids import Ids


@dataclass(slots=True)
class Entity:
    noun: Noun
    key: str
    number: int
    fields: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    organization: str
    integration: str | None = None
    offer: str | None = None
    archived: bool = False

    @property
    def active(self) -> bool:
        """True if it takes part in traffic."""
        return bool(self.fields.get("active", True)) and not self.archived

    def peek(self, field: str) -> Any:
        """Return a writable field as the view shows it; None for every other."""
        return None if field in self.noun.hidden else self.fields.get(field)

    def view(self) -> dict[str, Any]:
        """Return it as the API shows it: both ids, the writable fields, and its times."""
        shown = {name: value for name, value in self.fields.items() if name not in self.noun.hidden}
        owner = {"integration": self.integration} if self.integration else {}
        parent = {"offer": self.offer} if self.offer else {}
        return {
            "id": self.key,
            "incremental_id": self.number,
            "organization": self.organization,
            **owner,
            **parent,
            **shown,
            "created_at": self.created_at.isoformat(timespec="seconds"),
            "updated_at": self.updated_at.isoformat(timespec="seconds"),
        }


class EntityRepository:
    def __init__(self, noun: Noun, ids: Ids, organization: str, blank: Mapping[str, Any]) -> None:
        self.noun = noun
        self._ids = ids
        self._organization = organization
        self._blank = {**blank, **noun.starts_with}
        self._numbers = itertools.count(noun.first_number)
        self._by_key: dict[str, Entity] = {}
        self._by_number: dict[int, Entity] = {}
        self._living: dict[tuple[str | None, str | None], tuple[Entity, ...]] = {}  # by home, until one comes or goes

    def put(
        self,
        fields: Mapping[str, Any],
        *,
        at: datetime,
        key: str | None = None,
        integration: str | None = None,
        offer: str | None = None,
    ) -> Entity:
        key = key or self._ids.key()
        start = {**copy.deepcopy(self._blank), **fields}
        entity = Entity(self.noun, key, next(self._numbers), start, at, at, self._organization, integration, offer)
        self._by_key[key] = self._by_number[entity.number] = entity
        self._living.clear()
        return entity

    def shelve(self, entity: Entity, *, archived: bool) -> None:
        entity.archived = archived
        self._living.clear()

    def get(self, wanted: str) -> Entity | None:
        """Return an entity by either id, including archived ones."""
        found = self._by_key.get(wanted)
        if found is None and wanted.isascii() and wanted.isdigit() and len(wanted) < 15:
            found = self._by_number.get(int(wanted))
        return found

    def numbered(self, number: int) -> Entity | None:
        return self._by_number.get(number)

    def find(self, wanted: str, *, integration: str | None = None, offer: str | None = None) -> Entity:
        """Return a living entity in that place, or raise 404."""
        found = self.seek(wanted, integration=integration, offer=offer)
        if found is None:
            raise missing(self.noun.name, wanted)
        return found

    def seek(self, wanted: str, *, integration: str | None = None, offer: str | None = None) -> Entity | None:
        """Return a living entity in that place; None if there is none."""
        found = self.get(wanted)
        return None if found is None or found.archived or not _at_home(found, integration, offer) else found

    def living(self, *, integration: str | None = None, offer: str | None = None) -> Iterator[Entity]:
        """Return the living entities in that place. A large network is not looked through for each page of a list."""
        found = self._living.get((integration, offer))
        if found is None:
            found = tuple(
                one for one in self._by_key.values() if not one.archived and _at_home(one, integration, offer)
            )
            self._living[integration, offer] = found
        return iter(found)

    def all(self) -> list[Entity]:
        return list(self._by_key.values())


def _at_home(entity: Entity, integration: str | None, offer: str | None) -> bool:
    return integration in {None, entity.integration} and offer in {None, entity.offer}
