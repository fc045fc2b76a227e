"""Update fields of one target: read, send only what differs, read again."""

from collections.abc import Sequence
from functools import partial

from bridge.effects.handlers.entities import RESOURCES, above, resource
from bridge.effects.handlers.job import Applied, CallLog, Failed, Job, Outcome, RetryLater, Skipped, Tools, one_by_one


def handle(tools: Tools, call_log: CallLog, jobs: Sequence[Job]) -> list[Outcome]:
    return one_by_one(jobs, partial(_update, tools, call_log))


def _update(tools: Tools, call_log: CallLog, job: Job) -> Outcome:
    """Read, send only what differs, read again."""
    source, name = resource(tools, job.kind), RESOURCES[job.kind]
    present = call_log.read(f"{name}.get", [job], lambda: source.get(*above(job), job.target_id))
    different = {field: value for field, value in job.wanted.items() if present.get(field) != value}
    if not different:
        return Applied(job, {"settled": "by reading"}) if job.ambiguous else Skipped(job)
    call_log.write(f"{name}.update", [job], lambda: source.update(*above(job), job.target_id, **different))
    after = call_log.read(f"{name}.get", [job], lambda: source.get(*above(job), job.target_id))
    wrong = sorted(field for field, value in different.items() if after.get(field) != value)
    if not wrong:
        return Applied(job, {"prior": {field: present.get(field) for field in different}})
    if job.attempts < 3:
        return RetryLater(job, 1.0, f"accepted, but {', '.join(wrong)} did not change")
    return Failed(job, f"Integr8 accepts the change of {', '.join(wrong)} and does not make it")
