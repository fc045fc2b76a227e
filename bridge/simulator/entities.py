"""Answers for users, offers, publishers, advertisers, offer events and landing pages."""

from collections.abc import Callable, Mapping
from typing import Any

from bridge.integr8.catalogue import OPERATIONS
from bridge.simulator.api_call import Answer, Call
from bridge.simulator.entity_types import NOUNS, Noun
from bridge.simulator.errors import missing
from bridge.simulator.list_query import page_of
from bridge.simulator.repositories import Entity, EntityRepository

Handler = Callable[[Call], Answer]


def handlers() -> Mapping[str, Handler]:
    names = (f"{resource}.{action}" for resource in NOUNS for action in _ACTIONS)
    return {name: _ACTIONS[OPERATIONS[name].action] for name in names if name in OPERATIONS}


def _noun(call: Call) -> Noun:
    return NOUNS[call.operation.resource]


def _repository(call: Call) -> EntityRepository:
    return call.world.directory.repositories[call.operation.resource]


def _home(call: Call) -> dict[str, Any]:
    """Return the owner in the path: an integration, an offer in it, or the organisation."""
    noun, directory = _noun(call), call.world.directory
    if not (noun.of_integration or noun.of_offer):
        return {}
    integration = directory.integration(call.path["integrationID"])
    if noun.of_integration:
        return {"integration": integration}
    return {"offer": directory.offers.find(call.path["offerID"], integration=integration).key}


def _target(call: Call) -> Entity:
    wanted = call.path[_noun(call).path_name]
    if call.fault("not_found"):
        raise missing(_noun(call).name, wanted)
    return _repository(call).find(wanted, **_home(call))


def _list(call: Call) -> Answer:
    size = call.world.options.default_page_size
    living = _repository(call).living(**_home(call))
    return Answer(200, page_of(living, call.query, default_size=size, view=Entity.view, peek=Entity.peek))


def _get(call: Call) -> Answer:
    return Answer(200, {"data": _target(call).view()})


def _create(call: Call) -> Answer:
    entity = call.world.directory.create(call.operation.resource, call.body, **_home(call), **call.by)
    return Answer(call.world.options.create_status, {"created_item_id": entity.key})


def _update(call: Call) -> Answer:
    call.world.directory.update(_target(call), call.body, **call.by)
    return Answer(200, {})


def _delete(call: Call) -> Answer:
    call.world.directory.archive(_target(call), **call.by)
    return Answer(204)


def _set_status(call: Call) -> Answer:
    for entity in _targets(call):
        call.world.directory.update(entity, {"active": call.body["active"]}, action="status", **call.by)
    return Answer(200, {})


def _bulk_delete(call: Call) -> Answer:
    for entity in _targets(call):
        call.world.directory.archive(entity, **call.by)
    return Answer(200, {})


def _targets(call: Call) -> list[Entity]:
    """Return the existing targets. The answer names no id, so a caller learns of the others only by reading."""
    home, repository = _home(call), _repository(call)
    wanted = list(dict.fromkeys(call.body["data"]))
    partial = call.fault("partial_bulk")
    if partial:
        wanted = wanted[: int(len(wanted) * partial["share"])]
    found = {key: entity for key in wanted if (entity := repository.seek(key, **home))}
    unknown = [key for key in wanted if key not in found]
    if unknown:
        call.remarks.append(f"bulk ids that do not exist: {', '.join(unknown[:5])}")
        if call.world.options.bulk_unknown == "refuse":
            raise missing(_noun(call).name, unknown[0])
    return list(found.values())


_ACTIONS: Mapping[str, Handler] = {
    "list": _list,
    "get": _get,
    "create": _create,
    "update": _update,
    "delete": _delete,
    "set_status": _set_status,
    "bulk_delete": _bulk_delete,
}
