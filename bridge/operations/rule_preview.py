"""Preview the effect of a rule text before it is saved: now, in the last 30 days, and by chance. Changes nothing.

Quick enough to be asked while somebody types: the past is looked at in few steps and with a limit of time, and says so.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from bridge.decisions.live_facts import scope_facts
from bridge.operations.backtest import BacktestRequest, replayed
from bridge.operations.decide import live_inputs
from bridge.operations.errors import OperationError
from bridge.operations.rule_costs import costs_of
from bridge.services.container import Services
from rules.backtest.backtest import NotReplayable, own_step, replayable
from rules.evaluation.evaluate import evaluate
from rules.model.revision import Revision, Webhook
from rules.model.verdicts import Answer

PAST = timedelta(days=30)
EVALUATIONS = 120
MAX_PROCESSOR_SECONDS = 8.0  # seconds of processor time: a busy machine takes longer and still answers
NAMED = 20
CHANGED = 20


@dataclass(frozen=True, slots=True)
class Different:
    """An item for which the text decides differently from the live rule."""

    subject: str
    before: str
    after: str
    why: str


@dataclass(frozen=True, slots=True)
class Now:
    """The present decisions of the text, and their differences from the live rule."""

    counts: Mapping[str, int]
    changed: int
    first: tuple[Different, ...]
    is_new: bool


@dataclass(frozen=True, slots=True)
class Past:
    """The effects that the text would have had in the last days. Money is in the currency of the account."""

    days: int
    hours: float  # between two evaluations
    pauses: int
    items: tuple[tuple[str, str, str, str], ...]  # kind, id, why, how it is judged by now; the first ones
    touched: int
    waiting: int
    false_alarms: int
    loss_avoided: Decimal
    profit_forgone: Decimal
    decided: bool  # false: no verdict at all, so that the figures say nothing
    warnings: tuple[str, ...]


def now_and_before(services: Services, new: Revision, now: datetime) -> Now | None:
    """Return the present decisions; None for a rule about webhooks, because it needs a webhook."""
    if isinstance(new.trigger, Webhook):
        return None
    with services.store.read() as session:
        old = services.library.current(session).revisions.get(new.id)
        after = evaluate(new, scope_facts(live_inputs(services), session, new, now), now)
        before = (
            evaluate(old, scope_facts(live_inputs(services), session, old, now), now)
            if old is not None and not isinstance(old.trigger, Webhook)
            else None
        )
        answers = [int(one) for one in after.answers]
        said = {str(one): int(before.answers[row]) for row, one in enumerate(before.subjects)} if before else {}
        changed = [
            (row, said.get(str(one)))
            for row, one in enumerate(after.subjects)
            if answers[row] != said.get(str(one), int(Answer.NO))
            and (before is not None or answers[row] == int(Answer.YES))
        ]
        first = tuple(
            Different(
                str(after.subjects[row]),
                Answer(was).word if was is not None else "-",
                Answer(answers[row]).word,
                after.explain(row).reason,
            )
            for row, was in changed[:CHANGED]
        )
    counts = {one.word: answers.count(int(one)) for one in Answer}
    return Now(counts, len(changed), first, before is None)


def past(
    services: Services,
    revision: Revision,
    now: datetime,
    longest: float = MAX_PROCESSOR_SECONDS,
    between: Callable[[], None] = lambda: None,
) -> Past:
    """Return the past decisions. Raises OperationError with the reason if the past is unknown or takes too long.

    `longest` is in seconds of processor time; `between` is called after each evaluation.
    """
    try:
        replayable(revision)
    except NotReplayable as error:
        raise OperationError(str(error)) from error
    step = max(own_step(revision), PAST / EVALUATIONS)
    end = time.thread_time() + longest

    def in_time(done: int, evaluations: int, _at: datetime) -> None:
        between()
        if time.thread_time() > end:
            raise OperationError(
                f"{done:,} of {evaluations:,} checks were done within its time; save it in shadow and ask for a "
                "backtest, which has more"
            )

    found = replayed(services, revision, BacktestRequest(start=now - PAST, end=now, step=step), in_time)
    items = {(one.target.kind, one.target.id): (one.reason, one.judged) for one in reversed(found.pauses)}
    first = list(items.items())[::-1][:NAMED]
    return Past(
        days=PAST.days,
        hours=step / timedelta(hours=1),
        pauses=len(found.pauses),
        items=tuple((*target, *told) for target, told in first),
        touched=len(items),
        waiting=found.waiting,
        false_alarms=len(found.false_alarms),
        loss_avoided=found.loss_avoided,
        profit_forgone=found.profit_forgone,
        decided=sum(found.answers.values()) > found.no_decision,
        warnings=tuple(found.warnings),
    )


def chances(services: Services, revision: Revision, now: datetime) -> list[dict[str, Any]]:
    """Return per volume how many honest items it would pause in a month, and how long a collapse stays unnoticed."""
    return [] if isinstance(revision.trigger, Webhook) else costs_of(services, revision, now)
