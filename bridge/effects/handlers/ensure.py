"""Ensure that an object exists: find it by its natural key, create it if it is missing, update only what differs.

Integr8 knows no idempotency key, so the natural key (an e-mail address, a name) is ours. Two effects with one
key never run at the same time; the ledger sees to that when it hands them out.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from bridge.effects.handlers import passwords
from bridge.effects.handlers.entities import RESOURCES, above, resource
from bridge.effects.handlers.job import Applied, CallLog, Failed, Job, Outcome, RetryLater, Skipped, Tools, one_by_one
from bridge.integr8 import flows
from bridge.integr8.errors import NotUnique
from bridge.integr8.flows import CollectionPath
from rules.model.verbs import BELOW_OFFER


def handle(tools: Tools, call_log: CallLog, jobs: Sequence[Job]) -> list[Outcome]:
    return one_by_one(call_log, jobs, partial(_one, tools, call_log))


def _one(tools: Tools, call_log: CallLog, job: Job) -> Outcome:
    try:
        found = _find(tools, call_log, job)
    except NotUnique as error:
        ids = ", ".join(error.ids)
        return Failed(job, f"{job.kind}: {job.target_id} is shared by {ids}; a natural key must name one")
    if found is None:
        return _create(tools, call_log, job)
    if job.ambiguous and passwords.generates(job.wanted):
        return _new_password(tools, call_log, job, found)
    return _bring_up_to_date(tools, call_log, job, found, created=job.ambiguous)


def _find(tools: Tools, call_log: CallLog, job: Job) -> dict[str, Any] | None:
    """Find the object with this natural key. Returns None if there is none. Raises Ambiguous."""
    resource_name = RESOURCES[job.kind]
    collection = CollectionPath(resource_name, dict(zip(("offerID",), above(job), strict=False)))
    key = _own(job, job.key)
    search = partial(flows.find, tools.client.context, collection, key, None)
    return call_log.read(f"{resource_name}.list", [job], lambda: tools.client.run(search()))


def _own(job: Job, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the object itself: the offer that it belongs to is in the path."""
    return {name: value for name, value in fields.items() if name != "offer" or job.kind not in BELOW_OFFER}


def _create(tools: Tools, call_log: CallLog, job: Job) -> Outcome:
    fields, secret = passwords.filled(job.wanted)
    fields = _own(job, {**job.key, **fields})
    create = partial(resource(tools, job.kind).create, *above(job), **fields)
    made = call_log.write(f"{RESOURCES[job.kind]}.create", [job], create)
    wrong = _differences(made, fields)
    result: dict[str, Any] = {"id": str(made["id"]), "created": True, **secret}
    if wrong:
        result["differs"] = sorted(wrong)
    return Applied(job, result)


def _bring_up_to_date(tools: Tools, call_log: CallLog, job: Job, entity: dict[str, Any], *, created: bool) -> Outcome:
    fields, _secret = passwords.filled(job.wanted)
    different = _differences(entity, fields)
    identity = str(entity["id"])
    if not different:
        result = {"id": identity, "created": created}
        return Applied(job, result) if created else Skipped(job, result)
    source, name = resource(tools, job.kind), RESOURCES[job.kind]
    call_log.write(f"{name}.update", [job], partial(source.update, *above(job), identity, **different))
    after = call_log.read(f"{name}.get", [job], partial(source.get, *above(job), identity))
    if still := _differences(after, different):
        if job.attempts < 3:
            return RetryLater(job, 1.0, f"accepted, but {', '.join(sorted(still))} did not change")
        return Failed(job, f"Integr8 accepts the change of {', '.join(sorted(still))} and does not make it")
    prior = {name: entity.get(name) for name in different}
    return Applied(job, {"id": identity, "created": created, "prior": prior, "changed": sorted(different)})


def _new_password(tools: Tools, call_log: CallLog, job: Job, entity: dict[str, Any]) -> Outcome:
    """Set a new password on an object whose create got no answer, because the first password is lost."""
    fields, secret = passwords.filled(job.wanted)
    identity, change = str(entity["id"]), resource(tools, job.kind).update
    password = {name: fields[name] for name in secret["$secret"]}
    call_log.write(f"{RESOURCES[job.kind]}.update", [job], partial(change, identity, **password))
    return Applied(job, {"id": identity, "created": True, "settled": "by reading", **secret})


def _differences(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in wanted.items()
        if name not in passwords.WRITE_ONLY and name in present and not flows.same(present[name], value)
    }
