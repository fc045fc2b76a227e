"""Foretell how much a rule will write about its answers in a day, by what it would have said at its last due times."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bridge.config import rules_directory, settings
from bridge.decisions import schedule, subjects
from bridge.decisions.answer_history import FULL_SAMPLE_SHARE, SAMPLE, Codes
from bridge.operations.answer_sizes import megabytes, written
from bridge.operations.backtest import history_of
from bridge.reports.past_facts import Past
from bridge.services.container import Services
from bridge.store import runs
from bridge.store.observations_away import ObservationsAway
from bridge.store.schema_version import pending
from rules.backtest.backtest import NotReplayable, replayable
from rules.evaluation.evaluate import evaluate
from rules.model.formatting import counted
from rules.model.revision import Cron, Every, Revision
from rules.model.verdicts import Answer

EVALUATIONS = 12  # that are compared with the one before them
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AnswerForecast:
    """The bytes that a rule would write in a day about a number of items."""

    rule: str
    items: int
    size: int  # bytes about its answers
    verdicts: int  # rows with a trace, because an answer became yes or stopped being one

    def __str__(self) -> str:
        return (
            f"{self.rule}: would write {megabytes(self.size)} about its answers to {counted(self.items, 'item')} in "
            f"24 hours, with {counted(self.verdicts, 'trace')}; a forecast from its last {EVALUATIONS} due times"
        )


def forecast(services: Services, session: Session, revision: Revision, now: datetime) -> AnswerForecast | None:
    """Return the forecast; None for a rule that is not scheduled over several items, or without any past."""
    moments = _due_times(revision, now)
    if len(moments) < 2:
        return None
    try:
        replayable(revision)
        past = history_of(services, session, revision, moments[0], moments[-1])
        said = [_codes(revision, past, moment) for moment in moments]
    except (NotReplayable, ObservationsAway):
        return None
    texts = subjects.dump_all(past.subjects)
    if len(texts) < 2:
        return None
    each_time = [_written(texts, before, after) for before, after in pairwise(said)]
    a_day = DAY / ((moments[-1] - moments[0]) / len(each_time))
    full = len(runs.pack(texts, said[-1].tobytes()))
    samples = min(DAY / SAMPLE, a_day)
    changed = sum(size for size, _ in each_time) / len(each_time)
    told = sum(number for _, number in each_time) / len(each_time)
    size = samples * full + max(a_day - samples, 0) * changed
    return AnswerForecast(revision.id, len(texts), round(size), round(told * a_day))


def _due_times(revision: Revision, now: datetime) -> list[datetime]:
    if not isinstance(revision.trigger, Every | Cron):
        return []
    found: list[datetime] = []
    at = schedule.latest(revision, now)
    while at is not None and len(found) <= EVALUATIONS:
        found.append(at)
        at = schedule.latest(revision, at - timedelta(seconds=1))
    return found[::-1]


def _codes(revision: Revision, past: Past, moment: datetime) -> Codes:
    answers = evaluate(revision, past.at(moment), moment).answers
    inside = past.in_scope(moment)
    found: Codes = (answers if inside is None else np.where(inside, answers, np.int8(Answer.NO))).astype(np.int8)
    return found


def _written(texts: Sequence[str], before: Codes, after: Codes) -> tuple[int, int]:
    """Return the bytes that one run writes about changes, and the verdicts that it stores."""
    rows = np.flatnonzero(before != after)
    if not len(rows):
        return 0, 0
    told = int(np.count_nonzero((before[rows] == Answer.YES) | (after[rows] == Answer.YES)))
    lost = int(np.count_nonzero(after[rows] == Answer.NO_DECISION))
    told += min(lost, runs.MAX_NO_DECISION_CHANGES)
    if len(rows) * FULL_SAMPLE_SHARE > len(texts):
        return len(runs.pack(texts, after.tobytes())), told
    return len(runs.pack([texts[row] for row in rows.tolist()], after[rows].tobytes())), told


def forecasts_in_home(directory: Path | None, now: datetime | None = None) -> tuple[str, ...]:
    """Return one line for each rule of a directory that is not live with this text, or has not written yet."""
    services = Services(settings.load(directory))
    try:
        if pending(services.store.engine):
            return ()
        now = now or services.clock()
        with services.store.read() as session:
            live, known = services.library.current(session).revisions, written(session, now)
            new = [
                one
                for one in rules_directory.read(services.settings).revisions
                if one.id not in known or one.id not in live or live[one.id].hash != one.hash
            ]
            found = [forecast(services, session, one, now) for one in new]
    except SQLAlchemyError:
        return ()
    finally:
        services.close()
    return tuple(str(one) for one in found if one is not None)
