"""Call any operation of Integr8's API by name."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, TypedDict

from bridge.effects.handlers import passwords
from bridge.effects.handlers.job import Ambiguous, Applied, CallLog, Failed, Job, Outcome, Tools, one_by_one
from bridge.integr8.catalogue import OPERATIONS, Operation
from bridge.integr8.errors import InvalidCall, OutcomeUnknown


def handle(tools: Tools, call_log: CallLog, jobs: Sequence[Job]) -> list[Outcome]:
    return one_by_one(call_log, jobs, partial(_call, tools, call_log))


def _call(tools: Tools, call_log: CallLog, job: Job) -> Outcome:
    """Call any operation by name. Its result cannot be read in general, so it is never repeated."""
    name = job.kind
    if job.ambiguous:
        return Failed(job, f"{name}: sent, and the answer never came; look at Integr8 before doing it again")
    if name not in OPERATIONS:
        raise InvalidCall(name, "no such operation")
    fields, secret = passwords.filled(job.wanted)
    parts = arguments(OPERATIONS[name], fields)
    tools.client.context.request(name, **parts)  # what is wrong is said before anything is noted as sent
    try:
        answer = call_log.write(name, [job], partial(tools.client.call, name, **parts))
    except OutcomeUnknown as error:
        return Ambiguous(job, 1.0, str(error))
    return Applied(job, _result(answer) | secret)


class Arguments(TypedDict, total=False):
    """The arguments that the client takes for any operation."""

    path: dict[str, str | int]
    query: dict[str, Any]
    body: dict[str, Any]


def arguments(operation: Operation, values: Mapping[str, Any]) -> Arguments:
    """Divide the values under `with`: parameters of path and query by their names, the rest is the body."""
    path: dict[str, str | int] = {name: str(value) for name, value in values.items() if name in operation.parameters}
    asked = _names(operation.query().fields) if operation.query is not None else frozenset()
    query = {name: value for name, value in values.items() if name in asked and name not in path}
    body = {name: value for name, value in values.items() if name not in path and name not in query}
    found = Arguments(path=path, query=query)
    return found if not body and operation.request is None else {**found, "body": body}


def _names(fields: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(one.data_key or name for name, one in fields.items())


def _result(answer: Any) -> dict[str, Any]:
    """Return the part of the answer that later steps and people see. The id of a create is the step's id."""
    if isinstance(answer, str):
        return {"id": answer}
    return {"answer": answer} if isinstance(answer, dict) else {}
