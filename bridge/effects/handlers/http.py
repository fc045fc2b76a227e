"""Send one request to a server that is not Integr8."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from bridge.effects.handlers.job import Applied, CallLog, Failed, Job, Outcome, RetryLater, Tools, one_by_one
from bridge.integr8.error_text import retry_after
from bridge.outbound.http import Answer, NotSent, Outgoing, OutgoingError, perform

RETRY = 5.0  # seconds, doubled with each attempt


def handle(tools: Tools, call_log: CallLog, jobs: Sequence[Job]) -> list[Outcome]:
    """Send one request to an address that the settings allow. A request without an answer is never repeated.

    If the server refuses the request and says when to come back, it is sent again then.
    """
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
        return RetryLater(job, _backoff(job), str(error))
    except OutgoingError as error:
        return Failed(job, str(error))
    return _judged(job, answer)


def _judged(job: Job, answer: Answer) -> Outcome:
    if (pause := _turned_away(answer)) is not None:
        return RetryLater(job, max(pause, _backoff(job)), f"answered with HTTP {answer.status}; it is sent again")
    if answer.status >= 400:
        return Failed(job, f"answered with HTTP {answer.status}")
    return Applied(job, {"status": answer.status})


def _backoff(job: Job) -> float:
    """Return the seconds before the next attempt, if the server names none."""
    return float(RETRY * 2 ** min(job.attempts, 6))


def _turned_away(answer: Answer) -> float | None:
    """Return the seconds to wait if the server says that it did nothing yet; None for every other answer.

    429 always says so. 503 does only with Retry-After: without it, a proxy may have lost the answer of a server that
    executed the request.
    """
    pause = retry_after(answer.headers, datetime.now(UTC))
    if answer.status == 429:
        return pause or 0.0
    return pause if answer.status == 503 else None
