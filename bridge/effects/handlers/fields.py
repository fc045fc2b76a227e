"""Update, archive and any other operation of the catalogue, one target at a time."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from bridge.effects.handlers.entities import RESOURCES, above, resource
from bridge.effects.handlers.job import Again, Applied, Desk, Failed, Job, Outcome, Skipped, Tools, Unknown, one_by_one
from bridge.integr8.errors import NotFound, OutcomeUnknown


def update(tools: Tools, desk: Desk, jobs: Sequence[Job]) -> list[Outcome]:
    return one_by_one(jobs, partial(_update, tools, desk))


def archive(tools: Tools, desk: Desk, jobs: Sequence[Job]) -> list[Outcome]:
    return one_by_one(jobs, partial(_archive, tools, desk))


def call(tools: Tools, desk: Desk, jobs: Sequence[Job]) -> list[Outcome]:
    return one_by_one(jobs, partial(_call, tools, desk))


def _update(tools: Tools, desk: Desk, job: Job) -> Outcome:
    """Read, send only what differs, read again."""
    source, name = resource(tools, job.kind), RESOURCES[job.kind]
    present = desk.read(f"{name}.get", [job], lambda: source.get(*above(job), job.target_id))
    different = {field: value for field, value in job.wanted.items() if present.get(field) != value}
    if not different:
        return Applied(job, {"settled": "by reading"}) if job.unsettled else Skipped(job)
    desk.write(f"{name}.update", [job], lambda: source.update(*above(job), job.target_id, **different))
    after = desk.read(f"{name}.get", [job], lambda: source.get(*above(job), job.target_id))
    wrong = sorted(field for field, value in different.items() if after.get(field) != value)
    if not wrong:
        return Applied(job, {"prior": {field: present.get(field) for field in different}})
    if job.attempts < 3:
        return Again(job, 1.0, f"accepted, but {', '.join(wrong)} did not change")
    return Failed(job, f"Integr8 accepts the change of {', '.join(wrong)} and does not make it")


def _archive(tools: Tools, desk: Desk, job: Job) -> Outcome:
    source, name = resource(tools, job.kind), RESOURCES[job.kind]
    try:
        desk.write(f"{name}.delete", [job], lambda: source.delete(*above(job), job.target_id))
    except NotFound:
        return Applied(job, {"settled": "by reading"}) if job.unsettled else Skipped(job)
    return Applied(job)


def _call(tools: Tools, desk: Desk, job: Job) -> Outcome:
    """Any operation by name. Whether it took effect cannot be read in general, so it is never repeated."""
    if job.unsettled:
        return Failed(job, f"{job.target_id}: sent, and the answer never came; look at Integr8 before doing it again")
    arguments: dict[str, Any] = dict(job.wanted)
    operation = arguments.pop("operation", job.target_id)
    try:
        answer = desk.write(operation, [job], lambda: tools.client.call(operation, **arguments))
    except OutcomeUnknown as error:
        return Unknown(job, 1.0, str(error))
    return Applied(job, {"answer": answer} if isinstance(answer, dict) else {})
