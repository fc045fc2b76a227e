"""Set the status of many targets in one bulk call, and read who really changed. What pause and activate share."""

from collections.abc import Sequence
from functools import partial

from bridge.effects.handlers.entities import RESOURCES, ids_of, lane_of, read_many, resource
from bridge.effects.handlers.job import Again, Applied, Desk, Failed, Job, Outcome, Tools, from_error
from bridge.integr8.errors import ApiError, BudgetError, PartlyDone

MOST_TRIES = 5


def set_active(tools: Tools, desk: Desk, jobs: Sequence[Job], *, active: bool) -> list[Outcome]:
    """One outcome for each job, all of one kind of entity."""
    kind = jobs[0].kind
    unsettled = [job for job in jobs if job.unsettled]
    outcomes: list[Outcome] = []
    open_jobs = list(jobs)
    try:
        if unsettled:
            settled = _settled(tools, desk, kind, unsettled, active=active)
            outcomes += settled
            done = {outcome.job.id for outcome in settled}
            open_jobs = [job for job in jobs if job.id not in done]
        if open_jobs:
            _send(tools, desk, kind, open_jobs, active=active)
            outcomes += _verified(tools, desk, kind, open_jobs, active=active)
    except (ApiError, BudgetError) as error:
        done = {outcome.job.id for outcome in outcomes}
        outcomes += [from_error(job, error) for job in jobs if job.id not in done]
    return outcomes


def _send(tools: Tools, desk: Desk, kind: str, jobs: Sequence[Job], *, active: bool) -> None:
    ids = list(dict.fromkeys(job.target_id for job in jobs))
    send = partial(resource(tools, kind).set_status, ids, active=active, lane=lane_of(jobs))
    try:
        desk.write(f"{RESOURCES[kind]}.set_status", jobs, send)
    except PartlyDone:
        return  # the read that follows tells which


def _settled(tools: Tools, desk: Desk, kind: str, jobs: Sequence[Job], *, active: bool) -> list[Outcome]:
    """Of effects whose request may have arrived: those that turn out to be so need no second one."""
    present = read_many(tools, desk, kind, jobs)
    return [
        Applied(job, {"active": active, "settled": "by reading"})
        for job in jobs
        if (entity := present.get(job.target_id)) is not None and entity.get("active") is active
    ]


def _verified(tools: Tools, desk: Desk, kind: str, jobs: Sequence[Job], *, active: bool) -> list[Outcome]:
    present = read_many(tools, desk, kind, jobs)
    outcomes: list[Outcome] = []
    for job in jobs:
        entity = present.get(job.target_id)
        if entity is None:
            outcomes.append(Failed(job, f"{kind} {job.target_id} is not at Integr8 any more"))
        elif entity.get("active") is active:
            outcomes.append(Applied(job, {"active": active, "ids": sorted(ids_of(entity))}))
        elif job.attempts < MOST_TRIES:
            outcomes.append(Again(job, 1.0, "accepted, but the read that followed showed no change"))
        else:
            outcomes.append(Failed(job, f"Integr8 accepted the change {job.attempts} times and never made it"))
    return outcomes
