"""Effects that are no change of an Integr8 object: rejecting a conversion, calling out, telling people."""

from collections.abc import Sequence
from functools import partial

from bridge.effects.handlers.job import Again, Applied, Desk, Failed, Job, Outcome, Tools, one_by_one
from bridge.outbound.http import NotSent, Outgoing, OutgoingError, perform

RETRY = 5.0  # seconds, doubled with each attempt


def reject(tools: Tools, desk: Desk, jobs: Sequence[Job]) -> list[Outcome]:
    """Tell the tracker that a conversion is rejected. The same reason twice changes nothing, so it may repeat."""
    return one_by_one(jobs, partial(_reject, tools, desk))


def _reject(tools: Tools, desk: Desk, job: Job) -> Outcome:
    reason = str(job.wanted.get("reason") or "rule")
    desk.write("conversions.reject", [job], partial(tools.client.reject_conversion, job.target_id, reason))
    return Applied(job, {"reason": reason})


def http(tools: Tools, desk: Desk, jobs: Sequence[Job]) -> list[Outcome]:
    """One request to an address that the settings allow. What got no answer is never sent again."""
    return [_http(tools.outgoing, desk, job) for job in jobs]


def _http(client: Outgoing | None, desk: Desk, job: Job) -> Outcome:
    if job.unsettled:
        return Failed(job, "sent, and the answer never came; it is not sent a second time")
    if client is None:
        return Failed(job, "no address is allowed; name it under http.allow in bridge.yaml")
    try:
        answer = desk.write(
            "http", [job], partial(perform, client, job.wanted, idempotency_key=job.once or f"effect-{job.id}")
        )
    except NotSent as error:
        return Again(job, RETRY * 2 ** min(job.attempts, 6), str(error))
    except OutgoingError as error:
        return Failed(job, str(error))
    if answer.status >= 400:
        return Failed(job, f"answered with HTTP {answer.status}")
    return Applied(job, {"status": answer.status})


def notify(tools: Tools, _desk: Desk, jobs: Sequence[Job]) -> list[Outcome]:
    """Hand a message to a channel; the channel's own queue delivers and repeats it."""
    outcomes: list[Outcome] = []
    for job in jobs:
        channel = str(job.wanted.get("channel", job.target_id))  # the target names the subject as well
        taken = tools.tell is not None and tools.tell(channel, {**job.wanted, **job.context})
        outcomes.append(Applied(job) if taken else Failed(job, f"there is no channel {channel!r} in bridge.yaml"))
    return outcomes
