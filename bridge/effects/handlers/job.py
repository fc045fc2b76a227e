"""The interface of a handler: one effect, its possible outcomes, and the log of its calls."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

import structlog

from bridge.integr8 import errors
from bridge.integr8.client import Client
from bridge.observability.bulkhead import NOT_ITS_FAULT
from bridge.outbound.http import Outgoing
from bridge.store.lease import LeaseLost

log = structlog.get_logger()
T = TypeVar("T")

PAUSE_UNREACHABLE = 1.0  # seconds before Integr8 or Redis is asked again; doubles with each attempt
PAUSE_MAX = 60.0  # while Integr8 is away altogether nothing is attempted, so this need not be long
PAUSE_UNAUTHORIZED = 300.0  # a wrong key needs a person; the effects wait for them
MAX_BROKEN_TRIES = 5  # of an effect that raises what nobody expects
PAUSE_UNSEEN = 3600.0  # the longest between two readings of what was accepted and cannot be seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One effect, claimed by this worker. `ambiguous`: an earlier request may have taken effect."""

    id: int
    verb: str
    kind: str
    target_id: str
    wanted: Mapping[str, Any]
    other_id: str | None = None  # the same target by its other id: some lists and paths know one of them only
    key: Mapping[str, Any] = field(default_factory=dict)
    attempts: int = 1
    urgent: bool = False
    ambiguous: bool = False
    expired: str = ""  # why it may not be sent any more; what may have arrived is still looked for
    #: The same for the same step of the same cause, also where a restored database counts anew.
    idempotency_key: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)  # rule, run, reason: for messages

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id of the target, the one for calls first."""
        return (self.target_id,) if self.other_id in {None, self.target_id} else (self.target_id, str(self.other_id))


@dataclass(frozen=True, slots=True)
class Applied:
    """The target has the wanted state, verified by a read. `result` may hold the id of a created object."""

    word: ClassVar[str] = "applied"

    job: Job
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """The target had the wanted state already; nothing was sent."""

    word: ClassVar[str] = "skipped"

    job: Job
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """The effect failed, and another attempt would fail too."""

    word: ClassVar[str] = "failed"

    job: Job
    error: str


@dataclass(frozen=True, slots=True)
class RetryLater:
    """The effect must wait: throttled, unreachable, or only partly done. `wait` in seconds."""

    word: ClassVar[str] = "again"

    job: Job
    wait: float
    error: str
    outage: bool = False  # Integr8 failed, or was not there: what else needs the same calls would fare no better
    unasked: bool = False  # no request was made, so that this says nothing about Integr8


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """The request left and no answer arrived. A read resolves it after `wait` seconds."""

    word: ClassVar[str] = "unknown"

    job: Job
    wait: float
    error: str
    outage: bool = False
    unasked: bool = False


Outcome: TypeAlias = Applied | Skipped | Failed | RetryLater | Ambiguous


class Expired(Exception):
    """The decision behind a job is too old. The message says since when."""


class Halted(RuntimeError):
    """A halt covers one of the effects of a request, so it is not sent."""


class CallLog(Protocol):
    """Records each request of a handler. Raises LeaseLost when the effects are no longer this worker's.

    A write raises Expired if one of its jobs is too old, and Halted if one of them is halted.
    """

    def write(self, operation: str, jobs: Sequence[Job], send: Callable[[], T]) -> T:
        """Record `sent` and the call, commit, send, record the answer. Raises again what `send` raised."""
        ...

    def read(self, operation: str, jobs: Sequence[Job], ask: Callable[[], T]) -> T:
        """Record a call that changes nothing."""
        ...

    def was_sent(self, job: Job) -> bool:
        """Return whether a writing request was sent for this job."""
        ...

    def entity_count(self, kind: str) -> int | None:
        """Return about how many entities of a kind exist, from the mirror; None if unknown."""
        ...

    def list_positions(self, kind: str, ids: Collection[str]) -> Mapping[str, int]:
        """Return the positions of these entities in the list of a kind at the last read, from 0.

        Unknown ones are missing.
        """
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools of handlers: Integr8's client, and a client for other allowed servers."""

    client: Client
    outgoing: Outgoing | None = None
    tell: Callable[[str, Mapping[str, Any]], bool] | None = None  # (channel, message): into its queue, if it exists


def from_error(job: Job, error: Exception) -> Outcome:  # noqa: PLR0911 - one line per kind of error
    """Return the outcome of an effect for an error of a call."""
    match error:
        case errors.OutcomeUnknown():
            return Ambiguous(job, backoff(job), str(error), outage=True)
        case errors.BudgetExhausted():
            return RetryLater(job, error.wait, str(error), unasked=True)
        case errors.RateLimited():
            return RetryLater(job, error.retry_after or backoff(job), str(error))
        case errors.Unauthorized() | errors.Forbidden() | errors.RequestFailed():
            return RetryLater(job, PAUSE_UNAUTHORIZED, str(error))
        case errors.NotTried():
            return RetryLater(job, PAUSE_UNREACHABLE, str(error), unasked=True)
        case errors.BudgetUnavailable():
            return RetryLater(job, backoff(job), str(error), unasked=True)
        case errors.Unreachable() | errors.NoAnswer() | errors.ServerError():
            return RetryLater(job, backoff(job), str(error), outage=True)
        case errors.Malformed():
            return RetryLater(job, backoff(job), str(error)) if job.attempts < 5 else Failed(job, str(error))
        case _:
            return Failed(job, str(error))


def backoff(job: Job) -> float:
    """Return the seconds until the next attempt; they grow with each attempt."""
    return min(PAUSE_UNREACHABLE * float(2 ** min(job.attempts, 6)), PAUSE_MAX)


#: Integr8, or what counts its calls, is away altogether: the next call would fare no better.
AWAY = (errors.BudgetUnavailable, errors.BudgetExhausted, errors.Unreachable, errors.NoAnswer)


def one_by_one(call_log: CallLog, jobs: Sequence[Job], work: Callable[[Job], Outcome]) -> list[Outcome]:
    """Run each job alone; even an unexpected error ends only its own job.

    If no server answers, the remaining jobs are released untried: more attempts would occupy a worker for minutes.
    """
    outcomes: list[Outcome] = []
    for number, job in enumerate(jobs):
        try:
            outcomes.append(work(job))
        except Expired as error:
            outcomes.append(Failed(job, str(error)))
        except LeaseLost:
            log.warning("lease lost", effect=job.id, verb=job.verb)  # it is left to who has it; others are still ours
        except Halted:
            outcomes.append(held_back(call_log, job))
        except (errors.ApiError, errors.BudgetError) as error:
            outcomes.append(from_error(job, error))
            if isinstance(error, AWAY):
                return outcomes + [untried(later, error) for later in jobs[number + 1 :]]
        except NOT_ITS_FAULT:
            raise
        except Exception as error:
            log.exception("effect failed", effect=job.id, verb=job.verb, kind=job.kind)
            outcomes.append(broken(call_log, job, error))
    return outcomes


def broken(call_log: CallLog, job: Job, error: Exception) -> Outcome:
    """Return the outcome for a bug during a job. All workers would meet it, so it ends after some tries.

    A request that may have been sent is checked by a read before it is sent again.
    """
    words = f"a fault of this program: {type(error).__name__}: {error}"
    if job.attempts >= MAX_BROKEN_TRIES:
        return Failed(job, words)
    maybe = job.ambiguous or call_log.was_sent(job)
    return Ambiguous(job, backoff(job), words) if maybe else RetryLater(job, backoff(job), words)


def held_back(call_log: CallLog, job: Job) -> Outcome:
    """Return the outcome for a halt that began before the next request of this job.

    Requests that left are checked afterwards.
    """
    if job.ambiguous or call_log.was_sent(job):
        return Ambiguous(job, PAUSE_UNREACHABLE, "halted before it was known what became of it", unasked=True)
    return RetryLater(job, PAUSE_UNREACHABLE, "halted before it was sent", unasked=True)


def untried(job: Job, error: Exception) -> Outcome:
    """Return the outcome for a job that waits because the call before it got no answer."""
    kind = Ambiguous if job.ambiguous else RetryLater
    return kind(job, PAUSE_UNREACHABLE, f"not tried, because the call before it failed: {error}", unasked=True)
