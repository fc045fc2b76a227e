"""Effects that are no change of an Integr8 object: rejecting a conversion, calling out, telling people."""

from collections.abc import Sequence

from bridge.effects.job import Again, Applied, Desk, Failed, Job, Outcome, Tools, from_error
from bridge.integr8.errors import ApiError, BudgetError
from bridge.outgoing import OutgoingError


def reject(tools: Tools, desk: Desk, jobs: Sequence[Job]) -> list[Outcome]:
    """Tell the tracker that a conversion is rejected. The same reason twice changes nothing, so it may repeat."""
    outcomes: list[Outcome] = []
    for job in jobs:
        reason = str(job.wanted.get("reason") or "rule")
        try:
            desk.write(
                "conversions.reject",
                [job],
                lambda job=job, reason=reason: tools.client.reject_conversion(job.target_id, reason),  # type: ignore[misc]
            )
            outcomes.append(Applied(job, {"reason": reason}))
        except (ApiError, BudgetError) as error:
            outcomes.append(from_error(job, error))
    return outcomes


def http(tools: Tools, desk: Desk, jobs: Sequence[Job]) -> list[Outcome]:
    """One request to an address that the settings allow."""
    outcomes: list[Outcome] = []
    for job in jobs:
        if job.unsettled:
            outcomes.append(Failed(job, "sent, and the answer never came; it is not sent a second time"))
            continue
        if tools.send_http is None:
            outcomes.append(Failed(job, "no address is allowed; name hosts under limits.http_allow in bridge.yaml"))
            continue
        send = tools.send_http
        try:
            outcomes.append(
                Applied(job, desk.write("http", [job], lambda job=job, send=send: send(job.wanted)))  # type: ignore[misc]
            )
        except OutgoingError as error:
            outcomes.append(Failed(job, str(error)))
    return outcomes


def notify(tools: Tools, _desk: Desk, jobs: Sequence[Job]) -> list[Outcome]:
    """Hand a message to a channel; the channel's own queue delivers and repeats it."""
    outcomes: list[Outcome] = []
    for job in jobs:
        if tools.send_notice is None:
            outcomes.append(Again(job, 60.0, "no channel is set up"))
            continue
        tools.send_notice(job.target_id, {**job.wanted, **job.context})
        outcomes.append(Applied(job))
    return outcomes
