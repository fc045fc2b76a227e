"""Process one API request: rate limit, key, permission, faults, validation, handler, answer."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response
from werkzeug.datastructures import Headers

from bridge.integr8.catalogue import Operation
from bridge.simulator import entities, exports, reports
from bridge.simulator.api_call import Answer, Call
from bridge.simulator.broken_answers import bent, faulty, json_answer, refused, too_many
from bridge.simulator.entity_types import NOUNS
from bridge.simulator.errors import Refusal
from bridge.simulator.faults import Fault
from bridge.simulator.keys import ApiKey, require
from bridge.simulator.request_log import Entry, fingerprint, shorten
from bridge.simulator.validation import read_body
from bridge.simulator.world import World

HANDLERS: Mapping[str, Callable[[Call], Answer]] = {
    **entities.handlers(),
    **reports.handlers(),
    **exports.handlers(),
}
BULK = ("set_status", "bulk_delete")


@dataclass(frozen=True, slots=True)
class Asked:
    """One received request."""

    headers: Headers
    path: Mapping[str, str]
    query: Mapping[str, Sequence[str]]
    body: bytes
    host: str


def answer(world: World, operation: Operation, asked: Asked, entry: Entry) -> Response:
    entry.operation = operation.name
    if world.options.latency:
        time.sleep(world.options.latency)
    with world.lock:
        wait = world.limiter.wait(world.options.rate_per_second)
        faults = world.faults.picked(operation.name) if wait is None else ()
    if wait is not None:
        return too_many(world, world.options.retry_after, wait)
    entry.faults = [fault.kind for fault in faults]
    early = _strike(world, faults, "before")
    if early is not None:
        return early
    result = _carry_out(world, operation, asked, entry, faults)
    late = _strike(world, faults, "after")
    if late is not None:
        return late
    for fault in faults:
        result = bent(fault, result)
    return result


def _strike(world: World, faults: Sequence[Fault], when: str) -> Response | None:
    """Apply the faults of one side of the write. Sleeping happens without the lock."""
    for fault in faults:
        moment = "before" if fault.kind == "rate_limited" else fault["when"]
        if moment != when:
            continue
        if fault.kind == "slow":
            time.sleep(fault["seconds"])
        instead = faulty(world, fault)
        if instead is not None:
            return instead
    return None


def _carry_out(world: World, operation: Operation, asked: Asked, entry: Entry, faults: tuple[Fault, ...]) -> Response:
    try:
        with world.lock:
            world.catch_up()
            key = _enter(world, operation, asked, entry)
            strict = world.options.strict
            body = read_body(asked.body, operation, strict=strict, remarks=entry.remarks)
            entry.body = shorten(body) or None
            call = Call(
                world, operation, asked.path, asked.query, body, key, entry.number, asked.host, faults, entry.remarks
            )
            _refuse(call)
            _meddle(call)
            result = HANDLERS[operation.name](call)
            return json_answer(result.payload, result.status)
    except Refusal as refusal:
        return refused(world, refusal.status, refusal.words, field=refusal.field)


def _enter(world: World, operation: Operation, asked: Asked, entry: Entry) -> ApiKey | None:
    if not operation.authenticated and "API-KEY" not in asked.headers:
        return None
    key = world.keys.enter(asked.headers)
    entry.api_key = fingerprint(key.key)
    require(key, operation.section, "Write" if operation.writes else "Read")
    return key


def _refuse(call: Call) -> None:
    """Refuse a whole bulk call if one target is not acceptable."""
    for fault in call.faults:
        if fault.kind == "refused_ids" and call.operation.action in BULK:
            named = [one for one in fault["ids"] if one in call.body["data"]]
            if named:
                raise Refusal(fault["status"], f"{', '.join(named)}: not acceptable", field="data")


def _meddle(call: Call) -> None:
    """Let a person change the targets just before the request does."""
    for fault in call.faults:
        if fault.kind not in {"deleted", "changed"} or call.operation.resource not in NOUNS:
            continue
        repository = call.world.directory.repositories[call.operation.resource]
        own = call.path.get(NOUNS[call.operation.resource].path_name)
        wanted = call.body["data"] if call.operation.action in BULK else [own]
        for key in wanted:
            entity = repository.get(key) if key else None
            if entity is not None and fault.kind == "deleted":
                call.world.directory.archive(entity)
            elif entity is not None:
                fields: Mapping[str, Any] = fault["fields"]
                call.world.directory.update(entity, fields)
