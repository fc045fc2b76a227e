"""Backtest jobs: requested in the console or over the API, run by a worker, with progress."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bridge.config.renamed import with_old_names
from bridge.operations.backtest import BacktestRequest, Thresholds, as_json, compared, keep, replayed, swept
from bridge.operations.errors import NotThere, OperationError, Refused, TooMany
from bridge.operations.rule_costs import costs_of
from bridge.services import container
from bridge.services.container import Services
from bridge.store import backtest_jobs
from bridge.store.backtest_jobs import BacktestJob, BacktestJobState, BacktestKind
from rules.backtest.backtest import NotReplayable, Progress, Report, count_evaluations, own_step, replayable
from rules.backtest.threshold_sweep import plain_thresholds
from rules.model.formatting import counted, span
from rules.model.revision import Revision

log = structlog.get_logger()

MAX_TARGETS_NAMED = 50  # targets that only one of two revisions would have touched
COARSER = tuple(timedelta(minutes=one) for one in (2, 5, 10, 15, 30, 60, 180, 360, 720, 1440))
MAX_EVALUATIONS = 25_000  # of all replays of a job together: a month of quarter hours with each of seven thresholds
BEAT = 1.0  # seconds between two words about how far it is
MAX_JOB_TIME = timedelta(minutes=8)  # below the time limit of tasks, so that it can say so itself
TASK = "rules.backtest"
DAY = timedelta(days=1)
MAX_OPEN_JOBS, MAX_OPEN_JOBS_PER_ASKER = 20, 5  # that wait or run


class _Stopped(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Sweep:
    """Many thresholds of one metric: `cr=0.2%..0.8%`."""

    text: str


@dataclass(frozen=True, slots=True)
class CompareWith:
    """An earlier revision of the same rule, by its hash."""

    revision: str


Question = Sweep | CompareWith | None  # None: the live revision alone


def ask(
    services: Services,
    rule: str,
    question: BacktestRequest,
    *,
    who: str,
    now: datetime,
    about: Question = None,
    coarser: bool = False,
) -> BacktestJob:
    """Request a backtest of the live revision of a rule up to now: alone, as a sweep, or against an earlier one.

    `coarser`: if the rule's own interval needs too many evaluations, use the smallest interval that one job allows.
    Raises NotThere, Refused, OperationError with the reason.
    """
    question = replace(question, end=min(question.end, now))
    if question.end <= question.start:
        raise OperationError("to: it must be later than from, and the past ends now")
    with services.store.write() as session:
        live = services.library.current(session).revisions.get(rule)
        if live is None:
            raise NotThere(f"rule {rule}: it is not loaded")
        try:
            replayable(live)
        except NotReplayable as error:
            raise OperationError(str(error)) from error
        kind, asked_about, replays = _about(services, session, live, about)
        question = _fitting(question, replays) if coarser else question
        _check_size(question, replays)
        last = backtest_jobs.newest(session, rule)
        if last is not None and last.is_open:
            raise Refused(f"rule {rule}: backtest {last.id} is {last.state} already; wait for it, or stop it")
        waiting = backtest_jobs.count_open(session)
        if waiting.get(who, 0) >= MAX_OPEN_JOBS_PER_ASKER:
            raise TooMany(f"{who} has {MAX_OPEN_JOBS_PER_ASKER} open backtests already; ask again when one has ended")
        if sum(waiting.values()) >= MAX_OPEN_JOBS:
            raise TooMany(f"{MAX_OPEN_JOBS} backtests are open; ask again when one has ended")
        asked = BacktestJob(
            rule_id=rule,
            revision=live.hash,
            start=question.start,
            end=question.end,
            step_seconds=int(question.step.total_seconds()) if question.step else None,
            against=question.against,
            by=who,
            asked_at=now,
            kind=kind,
            asked=asked_about,
        )
        session.add(asked)
        session.flush()
    services.queue.wake(TASK)
    return asked


def _about(
    services: Services, session: Session, live: Revision, about: Question
) -> tuple[BacktestKind, dict[str, Any] | None, list[Revision]]:
    """Return the description of the job, and the revision of each replay. Raises errors before a worker begins."""
    match about:
        case Sweep(text):
            thresholds = Thresholds.parse(text)
            if thresholds.metric not in plain_thresholds(live):
                known = ", ".join(plain_thresholds(live)) or "none"
                raise OperationError(
                    f"rule {live.id}: compares no {thresholds.metric!r} with a plain number; it could be: {known}"
                )
            return BacktestKind.SWEEP, {"sweep": text, "metric": thresholds.metric}, [live] * len(thresholds.values)
        case CompareWith(revision):
            old = services.library.revision(session, revision)
            if revision == live.hash or old is None:
                raise NotThere(f"rule {live.id}: has no other revision {revision!r} that still loads")
            return BacktestKind.COMPARE, {"with": revision}, [old, live]
        case None:
            return BacktestKind.BACKTEST, None, [live]


def _fitting(question: BacktestRequest, replays: Sequence[Revision]) -> BacktestRequest:
    """Return the request unchanged if one job allows it, otherwise with the shortest allowed step."""
    steps = (None, *(one for one in COARSER if one > min(own_step(each) for each in replays)))
    tried = [question] if question.step else [replace(question, step=step) for step in steps]
    return next((one for one in tried if _evaluations(one, replays) <= MAX_EVALUATIONS), question)


def _evaluations(question: BacktestRequest, replays: Sequence[Revision]) -> int:
    return sum(count_evaluations(one, question.start, question.end, question.step) for one in replays)


def _check_size(question: BacktestRequest, replays: Sequence[Revision]) -> None:
    """Raise OperationError if these replays need more evaluations than one job allows."""
    total = _evaluations(question, replays)
    if total <= MAX_EVALUATIONS:
        return
    step = span(min(question.step or own_step(one) for one in replays))
    times = "" if len(replays) == 1 else f", {len(replays)} times over"
    fitting = int((question.end - question.start) * MAX_EVALUATIONS / total / DAY)
    hint = f" ({counted(fitting, 'day')} would do)" if fitting else ""
    raise OperationError(
        f"one evaluation every {step}{times} is {counted(total, 'evaluation')}, and one backtest has at most "
        f"{MAX_EVALUATIONS:,}; choose a shorter time range{hint} or a longer step"
    )


def stop(services: Services, number: int, *, who: str, now: datetime) -> BacktestJob:
    """End a waiting or running job; the worker notices within a second. Raises NotThere, Refused."""
    with services.store.write() as session:
        found = session.get(BacktestJob, number, with_for_update=True)
        if found is None:
            raise NotThere(f"backtest {number}: not found, or deleted by retention")
        if not found.is_open:
            raise Refused(f"backtest {number}: it has ended already")
        found.fence += 1
        _fail(found, f"stopped by {who}{_how_far(found)}", now)
        return found


def give_up(session: Session, now: datetime) -> int:
    """End jobs whose worker was killed, and show why. Returns how many there were."""
    found = backtest_jobs.left(session, now)
    for job in found:
        job.fence += 1
        _fail(job, f"the worker that ran it ended without a word{_how_far(job)}; try it again", now)
        log.warning("backtest abandoned by its worker", job=job.id, rule=job.rule_id, worker=job.claimed_by)
    return len(found)


def _fail(job: BacktestJob, problem: str, now: datetime) -> None:
    job.state, job.problem, job.ended_at = BacktestJobState.FAILED, problem, now
    job.claimed_until = None


def _how_far(job: BacktestJob) -> str:
    return f", {job.share:.0%} done" if job.evaluations else ""


def run_next(services: Services, now: datetime) -> bool:
    """Run the oldest waiting job to its end. Returns False if none waits, or one is already running."""
    with services.store.write() as session:
        job = backtest_jobs.take(session, now)
    if job is None:
        return False
    problem = None
    try:
        with _heart(services, job) as progress:
            _run(services, job, progress)
    except _Stopped:
        with services.store.write() as session:
            backtest_jobs.put_back(session, job)  # of use to a worker that leaves; a stopped one is not ours any more
    except OperationError as error:
        problem = str(error)
    except Exception as error:
        problem = f"a fault of ours, {type(error).__name__}; the log of the worker has it"
        raise
    finally:
        if problem is not None:
            with services.store.write() as session:
                backtest_jobs.end(session, job, services.clock(), problem=problem)
    return True


def _run(services: Services, job: BacktestJob, progress: Progress) -> None:
    step = timedelta(seconds=job.step_seconds) if job.step_seconds else None
    question = BacktestRequest(start=job.start, end=job.end, step=step, against=job.against)  # type: ignore[arg-type]
    with services.store.read() as session:
        services.library.current(session)  # the tables that it may join
        revision = services.library.revision(session, job.revision)
    if revision is None:
        raise OperationError(f"revision {job.revision} uses a name that is no longer in bridge.yaml")
    if job.kind != BacktestKind.BACKTEST:
        seen: dict[str, Any] = {}

        def count_evaluations(done: int, evaluations: int, at: datetime) -> None:
            # Of what is over all of it is done.
            seen.update(evaluations=evaluations, evaluations_done=evaluations, evaluating_at=at)
            progress(done, evaluations, at)

        answer = _answer(services, job, revision, question, count_evaluations)
        with services.store.write() as session:
            backtest_jobs.proceed(session, job, seen, services.clock())
            backtest_jobs.end(session, job, services.clock(), answer=answer)
        return
    report = replayed(services, revision, question, progress)
    costs = costs_of(services, revision, services.clock())
    [number] = keep(services, [report], question, who=job.by, now=services.clock(), costs=costs)
    with services.store.write() as session:
        told = {"evaluations": report.evaluations, "evaluations_done": report.evaluations, "evaluating_at": report.end}
        backtest_jobs.proceed(session, job, told, services.clock())
        backtest_jobs.end(session, job, services.clock(), backtest=number)


def _answer(
    services: Services, job: BacktestJob, revision: Revision, question: BacktestRequest, progress: Progress
) -> dict[str, Any]:
    """Return the result of a sweep or a comparison, as plain values."""
    asked = job.asked or {}
    if job.kind == BacktestKind.SWEEP:
        tried = swept(services, revision, question, Thresholds.parse(asked["sweep"]), progress)
        return {"metric": asked["metric"], "tried": [with_old_names("backtest", _plain(asdict(one))) for one in tried]}
    with services.store.read() as session:
        old = services.library.revision(session, asked["with"])
    if old is None:
        raise OperationError(f"revision {asked['with']} no longer loads")
    pair = compared(services, old, revision, question, progress)
    before, after = ({(str(fire.target), fire.verb) for fire in one.fires} for one in (pair.old, pair.new))
    return {
        "old": _figures(pair.old), "new": _figures(pair.new), "old_revision": old.hash,
        "only_old": sorted(target for target, _ in before - after)[:MAX_TARGETS_NAMED],
        "only_new": sorted(target for target, _ in after - before)[:MAX_TARGETS_NAMED],
    }  # fmt: skip


def _figures(report: Report) -> dict[str, Any]:
    names = ("pauses", "false_alarms", "flaps", "loss_avoided", "profit_forgone", "no_decision", "waiting")
    told = as_json(report)
    return with_old_names("backtest", {name: told[name] for name in names})


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: f"{value.normalize():f}" if isinstance(value, Decimal) else value for name, value in values.items()}


@contextmanager
def _heart(services: Services, job: BacktestJob) -> Iterator[Progress]:
    """Report the progress every second from a second thread; yields the function that receives it."""
    seen: dict[str, Any] = {}
    over, lost, began = threading.Event(), threading.Event(), services.clock()

    def beat() -> None:
        while not over.wait(BEAT):
            try:
                with services.store.write() as session:
                    ours = backtest_jobs.proceed(session, job, dict(seen), services.clock())
            except SQLAlchemyError as error:
                log.warning("progress of a backtest not recorded", job=job.id, error=type(error).__name__)
                continue
            if not ours:
                lost.set()
                break

    def progress(done: int, evaluations: int, at: datetime) -> None:
        if lost.is_set() or container.leaving.is_set():
            raise _Stopped
        if services.clock() - began > MAX_JOB_TIME:
            minutes = MAX_JOB_TIME // timedelta(minutes=1)
            raise OperationError(
                f"{done / evaluations:.0%} after {minutes} minutes; choose a shorter time range or a longer step"
            )
        seen.update(evaluations=evaluations, evaluations_done=done, evaluating_at=at)

    heart = threading.Thread(target=beat, name="backtest", daemon=True)
    heart.start()
    try:
        yield progress
    finally:
        over.set()
        heart.join()
