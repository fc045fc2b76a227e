"""Archive one target. A target that does not exist any more counts as done."""

from collections.abc import Sequence
from functools import partial

from bridge.effects.handlers.entities import RESOURCES, above, resource
from bridge.effects.handlers.job import Applied, CallLog, Job, Outcome, Skipped, Tools, one_by_one
from bridge.integr8.errors import NotFound


def handle(tools: Tools, call_log: CallLog, jobs: Sequence[Job]) -> list[Outcome]:
    return one_by_one(call_log, jobs, partial(_archive, tools, call_log))


def _archive(tools: Tools, call_log: CallLog, job: Job) -> Outcome:
    source, name = resource(tools, job.kind), RESOURCES[job.kind]
    try:
        if job.ambiguous:
            call_log.read(f"{name}.get", [job], lambda: source.get(*above(job), job.target_id))
        call_log.write(f"{name}.delete", [job], lambda: source.delete(*above(job), job.target_id))
    except NotFound:
        return Applied(job, {"settled": "by reading"}) if job.ambiguous else Skipped(job)
    return Applied(job)
