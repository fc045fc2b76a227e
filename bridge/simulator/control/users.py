"""What a person does in Integr8's own pages: create, change, archive and restore entities by hand."""

from typing import Any

from bridge.simulator.control.table import Asking, Place
from bridge.simulator.errors import Refusal, bad, missing
from bridge.simulator.repositories import Entity, EntityRepository
from bridge.simulator.world import World


def _repository(world: World, asking: Asking) -> EntityRepository:
    resource = asking.path["resource"]
    if resource not in world.directory.repositories:
        raise Refusal(404, f"no such resource; known are {', '.join(world.directory.repositories)}")
    return world.directory.repositories[resource]


def _entity(world: World, asking: Asking) -> Entity:
    repository = _repository(world, asking)
    found = repository.get(asking.path["key"])
    if found is None:
        raise missing(repository.noun.name, asking.path["key"])
    return found


def _seen(entity: Entity) -> Any:
    return entity.view() | {"archived": entity.archived}


def _get(world: World, asking: Asking) -> Any:
    return _seen(_entity(world, asking))


def _make(world: World, asking: Asking) -> Any:
    """Create an entity. Any field is accepted; `id` sets the key, `offer` the owner of an event or a landing page."""
    repository = _repository(world, asking)
    fields = dict(asking.body)
    key, integration = fields.pop("id", None), fields.pop("integration", None)
    if not isinstance(key, str | None):
        raise bad("id", "must be a string")
    offer = None
    if repository.noun.of_offer:
        owner = world.directory.offers.get(str(fields.pop("offer", "")))
        if owner is None:
            raise bad("offer", "is required, an offer's id")
        offer = owner.key
    if repository.noun.of_integration and "advertiser_id" not in fields:
        owner = next(world.directory.advertisers.living(), None) or world.advertiser()
        fields["advertiser_id"] = owner.number
    return _seen(
        world.directory.create(repository.noun.resource, fields, key=key, integration=integration, offer=offer)
    )


def _change(world: World, asking: Asking) -> Any:
    entity = _entity(world, asking)
    world.directory.update(entity, asking.body)
    return _seen(entity)


def _archive(world: World, asking: Asking) -> Any:
    entity = _entity(world, asking)
    world.directory.archive(entity)
    return _seen(entity)


def _restore(world: World, asking: Asking) -> Any:
    entity = _entity(world, asking)
    world.directory.restore(entity)
    return _seen(entity)


PLACES = (
    Place("POST", "/entities/<resource>", _make, "make one by hand: its fields; id, offer, integration if wanted"),
    Place("GET", "/entities/<resource>/<key>", _get, "one entity by either id, archived or not"),
    Place("PATCH", "/entities/<resource>/<key>", _change, "change it by hand"),
    Place("DELETE", "/entities/<resource>/<key>", _archive, "archive it by hand"),
    Place("POST", "/entities/<resource>/<key>/restore", _restore, "restore it"),
)
