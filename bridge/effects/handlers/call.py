"""Call any operation of Integr8's API by its name."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from bridge.effects.handlers.job import Applied, Desk, Failed, Job, Outcome, Tools, Unknown, one_by_one
from bridge.integr8.errors import OutcomeUnknown


def handle(tools: Tools, desk: Desk, jobs: Sequence[Job]) -> list[Outcome]:
    return one_by_one(jobs, partial(_call, tools, desk))


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
