"""Call any operation of Integr8's API by its name."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from bridge.effects.handlers.job import Ambiguous, Applied, CallLog, Failed, Job, Outcome, Tools, one_by_one
from bridge.integr8.errors import OutcomeUnknown


def handle(tools: Tools, call_log: CallLog, jobs: Sequence[Job]) -> list[Outcome]:
    return one_by_one(jobs, partial(_call, tools, call_log))


def _call(tools: Tools, call_log: CallLog, job: Job) -> Outcome:
    """Any operation by name. Whether it took effect cannot be read in general, so it is never repeated."""
    if job.ambiguous:
        return Failed(job, f"{job.target_id}: sent, and the answer never came; look at Integr8 before doing it again")
    arguments: dict[str, Any] = dict(job.wanted)
    operation = arguments.pop("operation", job.target_id)
    try:
        answer = call_log.write(operation, [job], lambda: tools.client.call(operation, **arguments))
    except OutcomeUnknown as error:
        return Ambiguous(job, 1.0, str(error))
    return Applied(job, {"answer": answer} if isinstance(answer, dict) else {})
