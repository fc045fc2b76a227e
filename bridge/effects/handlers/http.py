"""Send one request to a server that is not Integr8."""

from collections.abc import Sequence
from functools import partial

from bridge.effects.handlers.job import Applied, CallLog, Failed, Job, Outcome, RetryLater, Tools, one_by_one
from bridge.outbound.http import NotSent, Outgoing, OutgoingError, perform

RETRY = 5.0  # seconds, doubled with each attempt


def handle(tools: Tools, call_log: CallLog, jobs: Sequence[Job]) -> list[Outcome]:
    """One request to an address that the settings allow. What got no answer is never sent again."""
    return one_by_one(call_log, jobs, partial(_http, tools.outgoing, call_log))


def _http(client: Outgoing | None, call_log: CallLog, job: Job) -> Outcome:
    if job.ambiguous:
        return Failed(job, "sent, and the answer never came; it is not sent a second time")
    if client is None:
        return Failed(job, "no address is allowed; name it under http.allow in bridge.yaml")
    try:
        answer = call_log.write(
            "http",
            [job],
            partial(perform, client, job.wanted, idempotency_key=job.idempotency_key or f"effect-{job.id}"),
        )
    except NotSent as error:
        return RetryLater(job, RETRY * 2 ** min(job.attempts, 6), str(error))
    except OutgoingError as error:
        return Failed(job, str(error))
    if answer.status >= 400:
        return Failed(job, f"answered with HTTP {answer.status}")
    return Applied(job, {"status": answer.status})
