"""All entities of one organisation. Changes are made only here, and each is logged."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bridge.simulator.clock import Clock
from bridge.simulator.entity_types import NOUNS
from bridge.simulator.errors import Refusal, missing
from bridge.simulator.ids import Ids
from bridge.simulator.repositories import Entity, EntityRepository
from bridge.simulator.request_log import shorten
from bridge.simulator.write_log import Writes

PERSON = "person"


class Directory:
    def __init__(
        self,
        *,
        ids: Ids,
        clock: Clock,
        organization: str,
        integrations: Iterable[str],
        blanks: Callable[[str], Mapping[str, Any]],
    ) -> None:
        self.organization = organization
        self.integrations = list(integrations)
        self.writes = Writes()
        self._clock = clock
        self.repositories = {
            name: EntityRepository(noun, ids, organization, blanks(name)) for name, noun in NOUNS.items()
        }
        self.users = self.repositories["users"]
        self.offers = self.repositories["offers"]
        self.publishers = self.repositories["publishers"]
        self.advertisers = self.repositories["advertisers"]
        self.offer_events = self.repositories["offer_events"]
        self.landing_pages = self.repositories["landing_pages"]

    def integration(self, wanted: str) -> str:
        if wanted not in self.integrations:
            raise missing("integration", wanted)
        return wanted

    def create(
        self,
        resource: str,
        fields: Mapping[str, Any],
        *,
        by: str = PERSON,
        request: int | None = None,
        key: str | None = None,
        offer: str | None = None,
        integration: str | None = None,
    ) -> Entity:
        repository = self.repositories[resource]
        self._check(repository, fields, None)
        if repository.noun.of_integration:
            integration = integration or self.integrations[0]
        entity = repository.put(fields, at=self._clock.now(), key=key, integration=integration, offer=offer)
        self._note(entity, "create", fields, changed=True, by=by, request=request)
        return entity

    def update(
        self,
        entity: Entity,
        fields: Mapping[str, Any],
        *,
        by: str = PERSON,
        request: int | None = None,
        action: str = "update",
    ) -> None:
        self._check(self.repositories[entity.noun.resource], fields, entity)
        changed = any(entity.fields.get(name) != value for name, value in fields.items())
        entity.fields.update(fields)
        entity.updated_at = self._clock.now()
        self._note(entity, action, fields, changed=changed, by=by, request=request)

    def archive(self, entity: Entity, *, by: str = PERSON, request: int | None = None) -> None:
        self._shelve(entity, archived=True, by=by, request=request)

    def restore(self, entity: Entity) -> None:
        self._shelve(entity, archived=False, by=PERSON, request=None)

    def _shelve(self, entity: Entity, *, archived: bool, by: str, request: int | None) -> None:
        changed = entity.archived != archived
        self.repositories[entity.noun.resource].shelve(entity, archived=archived)
        entity.updated_at = self._clock.now()
        self._note(entity, "archive" if archived else "restore", {}, changed=changed, by=by, request=request)

    def _check(self, repository: EntityRepository, fields: Mapping[str, Any], own: Entity | None) -> None:
        """Refuse with 402 what only the data can tell: "the parameters were valid but the request failed"."""
        name = repository.noun.unique
        if name and name in fields:
            taken = [e for e in repository.living() if e is not own and e.fields.get(name) == fields[name]]
            if taken:
                raise Refusal(402, f"{name}: already used by another {repository.noun.name}", field=name)
        if "advertiser_id" in fields:
            number = fields["advertiser_id"]  # a person's hand is not held to types, so it may be anything
            advertiser = self.advertisers.numbered(number) if isinstance(number, int) else None
            if advertiser is None or advertiser.archived:
                raise Refusal(402, "advertiser_id: there is no such advertiser", field="advertiser_id")

    def _note(
        self, entity: Entity, action: str, fields: Mapping[str, Any], *, changed: bool, by: str, request: int | None
    ) -> None:
        self.writes.note(
            at=self._clock.now().isoformat(),
            noun=entity.noun.name,
            id=entity.key,
            incremental_id=entity.number,
            action=action,
            fields=shorten(fields),
            changed=changed,
            by=by,
            request=request,
        )
