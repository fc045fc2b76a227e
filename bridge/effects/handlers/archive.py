"""Archive one target. What is gone already counts as done."""

from collections.abc import Sequence
from functools import partial

from bridge.effects.handlers.entities import RESOURCES, above, resource
from bridge.effects.handlers.job import Applied, Desk, Job, Outcome, Skipped, Tools, one_by_one
from bridge.integr8.errors import NotFound


def handle(tools: Tools, desk: Desk, jobs: Sequence[Job]) -> list[Outcome]:
    return one_by_one(jobs, partial(_archive, tools, desk))


def _archive(tools: Tools, desk: Desk, job: Job) -> Outcome:
    source, name = resource(tools, job.kind), RESOURCES[job.kind]
    try:
        if job.unsettled:
            desk.read(f"{name}.get", [job], lambda: source.get(*above(job), job.target_id))
        desk.write(f"{name}.delete", [job], lambda: source.delete(*above(job), job.target_id))
    except NotFound:
        return Applied(job, {"settled": "by reading"}) if job.unsettled else Skipped(job)
    return Applied(job)
