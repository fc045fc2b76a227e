"""Set the status of many targets in one bulk call, then read which of them changed. Shared by pause and activate."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise, takewhile
from typing import TypeAlias

from bridge.effects.handlers.entities import RESOURCES, above, find, ids_of, priority_of, read_many, resource
from bridge.effects.handlers.job import (
    AWAY,
    PAUSE_UNREACHABLE,
    PAUSE_UNSEEN,
    Ambiguous,
    Applied,
    CallLog,
    Failed,
    Halted,
    Job,
    Outcome,
    RetryLater,
    Tools,
    backoff,
    from_error,
    held_back,
    untried,
)
from bridge.integr8.errors import ApiError, BudgetError, NotTried, OutcomeUnknown, PartlyDone
from rules.model.formatting import counted
from rules.model.verbs import BELOW_OFFER

MAX_TRIES = 5
WHOLE_TRIES = 3  # of an effect in a call with all others; from then on the call is divided
PARTS_THAT_FAIL = 2  # of these in a row, until the others are left for later
#: Of many ambiguous ones: these are read one by one, so that after an outage the first pause need not wait.
READ_SINGLY_FIRST = 5


Step: TypeAlias = Callable[..., list[Outcome]]


def set_active(tools: Tools, call_log: CallLog, jobs: Sequence[Job], *, active: bool) -> list[Outcome]:
    """Set the status, and return one outcome for each job, all of one kind of entity.

    Jobs that were never sent are sent. Jobs that may have arrived are sent only if a read shows that they did not.
    """
    outcomes: list[Outcome] = []
    for some, step in _steps(jobs):
        try:
            outcomes += step(tools, call_log, some, active=active)
        except Halted:
            outcomes += [held_back(call_log, job) for job in some]
        except (ApiError, BudgetError) as error:
            outcomes += [_unsent(job, error) for job in some]
            if isinstance(error, (*AWAY, OutcomeUnknown)):
                done = {outcome.job.id for outcome in outcomes}
                return outcomes + [untried(job, error) for job in jobs if job.id not in done]
    return outcomes


def _steps(jobs: Sequence[Job]) -> Iterator[tuple[Sequence[Job], Step]]:
    """Yield which jobs to process how, one step after the other. Children of offers are processed offer by offer.

    Jobs that were never sent go before the ambiguous ones if the first job is one of them, and after them otherwise.
    """
    of_offer: dict[object, list[Job]] = {}
    for job in jobs:
        of_offer.setdefault(job.key.get("offer") if job.kind in BELOW_OFFER else None, []).append(job)
    for members in of_offer.values():
        ahead = list(takewhile(lambda job: not job.ambiguous, members))
        ambiguous = [job for job in members if job.ambiguous]
        behind = [job for job in members[len(ahead) :] if not job.ambiguous]
        first = READ_SINGLY_FIRST if len(ambiguous) > 2 * READ_SINGLY_FIRST else 0
        parts: tuple[tuple[Sequence[Job], Step], ...] = (
            (ahead, _change), (ambiguous[:first], _settle), (ambiguous[first:], _settle), (behind, _change)
        )  # fmt: skip
        yield from ((some, step) for some, step in parts if some)


def _unsent(job: Job, error: ApiError | BudgetError) -> Outcome:
    """Return the outcome of an error for an effect that this call has not sent. An ambiguous effect stays ambiguous."""
    outcome = from_error(job, error)
    if job.ambiguous and isinstance(outcome, RetryLater):
        return Ambiguous(job, outcome.wait, outcome.error, outage=outcome.outage, unasked=outcome.unasked)
    return outcome


def _change(tools: Tools, call_log: CallLog, jobs: Sequence[Job], *, active: bool) -> list[Outcome]:
    refused = _send(tools, call_log, jobs, active=active)
    try:
        present = read_many(tools, call_log, jobs[0].kind, jobs)
    except (ApiError, BudgetError) as error:
        return [_unread(job, refused.get(job.target_id), error) for job in jobs]
    return [_outcome(job, find(present, job), refused.get(job.target_id), active=active) for job in jobs]


def _send(
    tools: Tools, call_log: CallLog, jobs: Sequence[Job], *, active: bool
) -> Mapping[str, ApiError | BudgetError]:
    """Make the bulk call. Returns what Integr8 refused, by id; raises if it refused everything.

    If Integr8 has failed on some of them several times, it may fail on one target only. Then these are sent in parts,
    so that this target fails alone.
    """
    parts = _parts(jobs)
    if len(parts) == 1:
        return _send_together(tools, call_log, jobs, active=active)
    refused: dict[str, ApiError | BudgetError] = {}
    in_a_row = 0
    for number, part in enumerate(parts):
        try:
            refused |= _send_together(tools, call_log, part, active=active)
            in_a_row = 0
        except (ApiError, BudgetError) as error:
            in_a_row += 1
            over = in_a_row == PARTS_THAT_FAIL or isinstance(error, AWAY)
            refused |= {job.target_id: error for job in part}
            if over:
                left = NotTried(f"{RESOURCES[part[0].kind]}.set_status", words=str(error))
                refused |= {job.target_id: left for later in parts[number + 1 :] for job in later}
                break
    if len(refused) == len({job.target_id for job in jobs}):
        raise next(iter(refused.values()))
    return refused


def _parts(jobs: Sequence[Job]) -> Sequence[Sequence[Job]]:
    """Divide jobs: those with few attempts go together, of the others 1, 1, 2, 4, ... go in a part."""
    fresh = [job for job in jobs if job.attempts <= WHOLE_TRIES]
    often = [job for job in jobs if job.attempts > WHOLE_TRIES]
    ends = [0, *(2**number for number in range(len(often).bit_length())), len(often)]
    growing = [often[start:end] for start, end in pairwise(ends) if often[start:end]]
    together = [fresh] if fresh else []
    return [*growing, *together] if jobs[0].attempts > WHOLE_TRIES else [*together, *growing]


def _send_together(tools: Tools, call_log: CallLog, jobs: Sequence[Job], *, active: bool) -> Mapping[str, ApiError]:
    kind = jobs[0].kind
    ids = list(dict.fromkeys(job.target_id for job in jobs))
    send = partial(resource(tools, kind).set_status, *above(jobs[0]), ids, active=active, priority=priority_of(jobs))
    try:
        call_log.write(f"{RESOURCES[kind]}.{'update' if kind in BELOW_OFFER else 'set_status'}", jobs, send)
    except PartlyDone as error:
        return error.failed
    return {}


def _settle(tools: Tools, call_log: CallLog, jobs: Sequence[Job], *, active: bool) -> list[Outcome]:
    """Resolve effects whose request may have arrived: those with the wanted state are done, the others are sent again.

    A target that cannot be seen stays ambiguous and waits, longer each time, until one of its ids shows it.
    """
    present = read_many(tools, call_log, jobs[0].kind, jobs)
    outcomes: list[Outcome] = []
    again: list[Job] = []
    for job in jobs:
        entity = find(present, job)
        if entity is None:
            outcomes.append(_unseen(job))
        elif entity.get("active") is active:
            outcomes.append(Applied(job, {"active": active, "settled": "by reading", "ids": sorted(ids_of(entity))}))
        elif job.expired:
            outcomes.append(Failed(job, f"{job.expired}; Integr8 shows that it did not happen"))
        else:
            again.append(job)
    return outcomes + (_change(tools, call_log, again, active=active) if again else [])


def _outcome(
    job: Job, entity: Mapping[str, object] | None, refused: ApiError | BudgetError | None, *, active: bool
) -> Outcome:
    """Return the outcome of one effect according to the read that followed."""
    if entity is not None and entity.get("active") is active:
        return Applied(job, {"active": active, "ids": sorted(ids_of(entity))})
    if refused is not None:
        return from_error(job, refused)
    if entity is None:
        return _unseen(job)
    if job.attempts < MAX_TRIES:
        return RetryLater(job, PAUSE_UNREACHABLE, "accepted, but the read that followed showed no change")
    return Failed(job, f"Integr8 accepted the change {counted(job.attempts, 'time')} and never made it")


def _unread(job: Job, refused: ApiError | BudgetError | None, error: ApiError | BudgetError) -> Outcome:
    """Return the outcome of a request that was sent and could not be read back."""
    if refused is not None:
        return from_error(job, refused)
    outcome = from_error(job, error)
    outage = isinstance(outcome, RetryLater | Ambiguous) and outcome.outage
    return Ambiguous(job, backoff(job), f"sent, and not read back yet: {error}", outage=outage)


def _unseen(job: Job) -> Outcome:
    """Return the outcome if Integr8 accepted the request, or may have, and shows no such target. It proves nothing."""
    wait = min(PAUSE_UNREACHABLE * 2 ** min(job.attempts, 12), PAUSE_UNSEEN)
    ids = " or ".join(job.ids)
    return Ambiguous(job, wait, f"sent, but Integr8 shows no {job.kind} {ids}; it is looked for again")
