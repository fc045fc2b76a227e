"""Answer long questions in a worker: few at once, one for each person, within a time limit.

Whoever asks waits for the row to be answered. When the time is over or the asker has left, the row is taken away, and
the worker stops at its next step.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.operations.backtest import parse
from bridge.operations.check_text import check_text
from bridge.operations.errors import NotThere, OperationError, Refused, TooMany
from bridge.operations.explain import explain, parse_subject
from bridge.operations.explain_page import explanations
from bridge.operations.rule_costs import costs_of
from bridge.operations.rule_diff import diff_text
from bridge.operations.rule_preview import chances, now_and_before, past
from bridge.services.container import Services
from bridge.store import questions
from bridge.store.questions import Question
from rules.loading.self_tests import Result, run_tests
from rules.model.revision import Revision

log = structlog.get_logger()

TASK = "rules.answer"
MAX_OPEN_QUESTIONS = 4  # that wait or are worked on at once, over all askers
QUESTION_TIMEOUT = 20.0  # then a question is given up
POLL_SECONDS = (0.02, 0.25)  # seconds between two polls for the answer, at first and at most
STILL_WANTED = 0.5  # seconds between two questions of the worker whether anybody waits

Asked: TypeAlias = Mapping[str, Any]
Between: TypeAlias = Callable[[], None]


class TookTooLong(OperationError):
    """The question was not answered in time."""

    status = 422


class NobodyAnswers(OperationError):
    """No worker has taken the question."""

    status = 503


class _Withdrawn(Exception):
    pass


# --- those who ask ---------------------------------------------------------------------------------


def ask(
    services: Services,
    kind: str,
    asked: Asked,
    *,
    who: str,
    has_left: Callable[[], bool] = lambda: False,
    patience: float = 0.0,
) -> Any:
    """Return a worker's answer as JSON. Raises OperationError: an error of the answer, TooMany, TookTooLong.

    `has_left`: whether the caller has gone meanwhile; then the computation stops. `patience`: for how many seconds an
    earlier question of the same caller may run before this one is refused.
    """
    number = _put_in_turn(services, kind, asked, who, has_left=has_left, until=time.monotonic() + patience)
    try:
        services.queue.wake(TASK)
        return _wait(services, number, has_left)
    finally:
        with services.store.write() as session:
            questions.withdraw(session, number)


def _put_in_turn(
    services: Services, kind: str, asked: Asked, who: str, *, has_left: Callable[[], bool], until: float
) -> int:
    while True:
        try:
            return _put(services, kind, asked, who)
        except TooMany:
            if has_left() or time.monotonic() > until:
                raise
        time.sleep(POLL_SECONDS[1])


def _put(services: Services, kind: str, asked: Asked, who: str) -> int:
    now = services.clock()
    with services.store.write() as session:
        waiting = questions.count_open(session, now)
        if who in waiting:
            raise TooMany(f"{who} has one open already; ask again when it has ended")
        if sum(waiting.values()) >= MAX_OPEN_QUESTIONS:
            raise TooMany(f"{MAX_OPEN_QUESTIONS} are open; ask again when one has ended")
        row = Question(
            kind=kind, asked=json.dumps(asked), by=who, wanted_until=now + timedelta(seconds=QUESTION_TIMEOUT)
        )
        session.add(row)
        session.flush()
        return row.id


def _wait(services: Services, number: int, has_left: Callable[[], bool]) -> Any:
    end, pause = time.monotonic() + QUESTION_TIMEOUT, POLL_SECONDS[0]
    while True:
        with services.store.read() as session:
            row = session.get(Question, number)
        if has_left():
            raise TookTooLong("no one waits for it any more")
        if row is not None and row.answered:
            return _told(row)
        if row is None or time.monotonic() > end:
            raise _given_up(row)
        time.sleep(pause)
        pause = min(POLL_SECONDS[1], pause * 1.5)


def _given_up(row: Question | None) -> OperationError:
    """Return why there is no answer. A missing row was removed by the next caller, because its time was over."""
    if row is not None and not row.attempts:
        return NobodyAnswers(f"no worker has taken it up within {QUESTION_TIMEOUT:.0f} s; ask again, or see /readyz")
    return TookTooLong(
        f"not answered within {QUESTION_TIMEOUT:.0f} s; ask about fewer rules, or run it on the command line"
    )


def _told(row: Question) -> Any:
    if row.problem is None:
        return json.loads(row.answer or "null")
    error = OperationError(row.problem)
    error.status = row.status or OperationError.status
    raise error


# --- the worker ------------------------------------------------------------------------------------


def answer_next(services: Services, now: datetime) -> bool:
    """Answer the oldest waiting question. Returns False if none waits, or another worker is answering one."""
    with services.store.write() as session:
        row = questions.take(session, now)
    if row is None:
        return False
    told: dict[str, Any]
    try:
        found = ANSWERS[row.kind](services, json.loads(row.asked), now, _between(services, row))
        told = {"answer": json.dumps(found, default=str)}
    except _Withdrawn:
        return True
    except OperationError as error:
        told = {"problem": str(error), "status": error.status}
    except Exception as error:
        words = f"a fault of ours, {type(error).__name__}; the log of the worker has it"
        _conclude(services, row, {"problem": words, "status": 500})
        raise
    _conclude(services, row, told)
    return True


def _conclude(services: Services, row: Question, told: Mapping[str, Any]) -> None:
    with services.store.write() as session:
        questions.conclude(session, row, **told)


def _between(services: Services, row: Question) -> Between:
    """Return a function to call between two steps of an answer.

    It raises _Withdrawn when nobody waits for the answer.
    """
    next_look = time.monotonic() + STILL_WANTED

    def check() -> None:
        nonlocal next_look
        if time.monotonic() < next_look:
            return
        try:
            with services.store.read() as session:
                wanted = questions.is_wanted(session, row)
        except SQLAlchemyError:
            return  # the next one may tell
        if not wanted:
            raise _Withdrawn
        next_look = time.monotonic() + STILL_WANTED

    return check


def _diff(services: Services, asked: Asked, now: datetime, between: Between) -> Any:
    return [asdict(one) for one in diff_text(services, asked["text"], now=now, between=between)]


def _past(services: Services, asked: Asked, now: datetime, between: Between) -> Any:
    found = past(services, _the_one(services, asked["text"]), now, between=between)
    items = [{"kind": kind, "id": id_, "why": why, "judged": judged} for kind, id_, why, judged in found.items]
    return asdict(found) | {"items": items}


def _the_one(services: Services, text: str) -> Revision:
    [revision, *more] = parse(services, text)
    if more:
        raise Refused("the text holds several rules; send one at a time")
    return revision


def _said_now(services: Services, asked: Asked, now: datetime, _between: Between) -> Any:
    found = now_and_before(services, _the_one(services, asked["text"]), now)
    return None if found is None else asdict(found)


def _chances(services: Services, asked: Asked, now: datetime, _between: Between) -> Any:
    return chances(services, _the_one(services, asked["text"]), now)


def _check(services: Services, asked: Asked, _now: datetime, _between: Between) -> Any:
    found = check_text(services, asked["text"])
    tests = [tested(each) for each in found.tests]
    told = {"errors": found.errors, "warnings": found.warnings, "rules": found.rules}
    return {"ok": not found.errors, "tests": tests, **told}


def _test(services: Services, asked: Asked, _now: datetime, _between: Between) -> Any:
    return [tested(each) for each in run_tests(_live(services, asked["rule"]))]


def _costs(services: Services, asked: Asked, now: datetime, _between: Between) -> Any:
    return costs_of(services, _live(services, asked["rule"]), now)


def _explain(services: Services, asked: Asked, now: datetime, _between: Between) -> Any:
    subject = parse_subject(asked["subject"])
    return explain(services, asked["rule"], subject, now=now, at=_at(asked)).as_json()


def _explain_page(services: Services, asked: Asked, now: datetime, between: Between) -> Any:
    subject = parse_subject(asked["subject"])
    account = asked.get("account")
    return explanations(services, asked["rule"], subject, now=now, at=_at(asked), account=account, between=between)


def _at(asked: Asked) -> datetime | None:
    return datetime.fromisoformat(asked["at"]) if asked["at"] else None


def _live(services: Services, rule: str) -> Revision:
    with services.store.read() as session:
        live = services.library.current(session).revisions.get(rule)
    if live is None:
        raise NotThere(f"rule {rule}: it is not loaded")
    return live


def tested(found: Result) -> dict[str, Any]:
    """Return the result of one test of a rule."""
    name, answer = found.test.name or f"line {found.test.place.line}", found.verdict.answer.word
    told = {"expect": found.test.expect, "passed": found.passed, "message": found.message}
    return {"test": name, "answer": answer, **told}


ANSWERS: Mapping[str, Callable[[Services, Asked, datetime, Between], Any]] = {
    "diff": _diff,
    "past": _past,
    "check": _check,
    "test": _test,
    "costs": _costs,
    "explain": _explain,
    "explain page": _explain_page,
    "said now": _said_now,
    "chances": _chances,
}
