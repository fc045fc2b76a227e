"""Reject a conversion through the tracker."""

from collections.abc import Sequence
from functools import partial

from bridge.effects.handlers.job import Applied, CallLog, Job, Outcome, Tools, one_by_one


def handle(tools: Tools, call_log: CallLog, jobs: Sequence[Job]) -> list[Outcome]:
    """Reject a conversion at the tracker. The same reason twice changes nothing, so the request may be repeated."""
    return one_by_one(call_log, jobs, partial(_reject, tools, call_log))


def _reject(tools: Tools, call_log: CallLog, job: Job) -> Outcome:
    reason = str(job.wanted.get("reason") or "rule")
    call_log.write("conversions.reject", [job], partial(tools.client.reject_conversion, job.target_id, reason))
    return Applied(job, {"reason": reason})
