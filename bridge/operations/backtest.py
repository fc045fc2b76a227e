"""Backtest rules: one file against history, two revisions side by side, or one with many thresholds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from bridge.config import rules_directory
from bridge.config.lookup_tables import load_all
from bridge.config.renamed import with_old_names
from bridge.config.rule_names import known_names
from bridge.operations.backtest_page import drawn, page
from bridge.operations.errors import OperationError, Unanswered
from bridge.operations.rule_costs import network_of
from bridge.reports.broken_tracking import Tracking
from bridge.reports.past_facts import Against, Past
from bridge.reports.past_facts import load as load_history
from bridge.services.container import Services
from bridge.store import backtest_results
from bridge.store.observations_away import ObservationsAway
from rules.backtest.backtest import Fire, Inhibitor, Mature, NotReplayable, Progress, Report, backtest
from rules.backtest.threshold_sweep import Comparison, NothingToSweep, Tried, part, sweep, with_outlook
from rules.evaluation.inhibits import inhibitors
from rules.loading.load import load
from rules.model.input_values import number_of
from rules.model.revision import Mode, Revision, Silence

MAX_THRESHOLDS = 50
TEXT = "text"  # the place of what is wrong in a rule that came in a request, not in a file
DEFAULT = timedelta(days=30)  # the past that is taken where nobody names one
FIRES = 50  # that are kept beside the figures; the page has them all


def unwatched(_done: int, _evaluations: int, _at: datetime) -> None:
    """Ignore the progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestRequest:
    """The time range and interval of a backtest. Times are aware; `step` None is the rule's own interval."""

    start: datetime
    end: datetime
    step: timedelta | None = None
    against: Against = "live"

    @classmethod
    def of(
        cls, start: datetime | None, end: datetime | None, now: datetime, step: timedelta | None, against: Against
    ) -> "BacktestRequest":
        """Return a request for the last 30 days up to now by default; it never ends after now."""
        last = min(end or now, now)
        return cls(start=start or last - DEFAULT, end=last, step=step, against=against)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds such as `cr=0.2%..0.8%`, in `count` even steps."""

    metric: str
    values: tuple[Decimal, ...]

    @classmethod
    def parse(cls, text: str, count: int = 7) -> "Thresholds":
        """Raises OperationError for a text of another form."""
        metric, equals, span = text.partition("=")
        first, dots, last = span.partition("..")
        if not equals or not dots or count > MAX_THRESHOLDS:
            raise OperationError(f"--sweep {text}: write METRIC=FROM..TO, for example cr=0.2%..0.8%")
        try:
            low, high = _number(first), _number(last)
        except ValueError:
            raise OperationError(f"--sweep {text}: {first!r} and {last!r} must be numbers or percentages") from None
        return cls(metric, tuple(low + (high - low) * step / (count - 1) for step in range(count)))


def _number(text: str) -> Decimal:
    return number_of(text.removesuffix("%")) / (100 if text.endswith("%") else 1)


def try_out(services: Services, path: Path, question: BacktestRequest, progress: Progress = unwatched) -> list[Report]:
    """Backtest each rule of the file over that time.

    Raises OperationError with the problem of the file or the request.
    """
    return [replayed(services, revision, question, progress) for revision in read(services, path)]


def keep(
    services: Services,
    reports: Sequence[Report],
    question: BacktestRequest,
    *,
    who: str,
    now: datetime,
    costs: Sequence[Mapping[str, Any]] = (),
) -> list[int]:
    """Store the results for the rule's page, and return their ids. `costs` are those of all rules."""
    with services.store.write() as session:
        return [backtest_results.keep(session, _row(one, question, who, now, costs)).id for one in reports]


def _row(
    report: Report, question: BacktestRequest, who: str, now: datetime, costs: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    figures = _values(report) | {"costs": [dict(row) for row in costs if row["rule"] == report.rule]}
    return {
        "rule_id": report.rule,
        "revision": report.revision,
        "made_at": now,
        "by": who,
        "start": report.start,
        "end": report.end,
        "against": question.against,
        "stored_figures": figures | {"fires": figures["fires"][:FIRES]},
        "plots": drawn(report),
        "page": page([report]),
    }


def compare(
    services: Services, path: Path, question: BacktestRequest, progress: Progress = unwatched
) -> list[Comparison]:
    """Compare the file's rules with the live revisions of the same name."""
    found = []
    with services.store.read() as session:
        book = services.library.current(session)
    for revision in read(services, path):
        live = book.revisions.get(revision.id)
        if live is None:
            raise OperationError(f"{revision.id}: is not live, so nothing can be compared with it")
        found.append(
            Comparison(replayed(services, live, question, progress), replayed(services, revision, question, progress))
        )
    return found


def try_thresholds(
    services: Services, path: Path, question: BacktestRequest, thresholds: Thresholds
) -> tuple[Tried, ...]:
    """Backtest the file's one rule with each threshold."""
    revisions = read(services, path)
    if len(revisions) != 1:
        raise OperationError(f"{path}: holds {len(revisions)} rules; a sweep takes a file with one")
    return swept(services, revisions[0], question, thresholds)


def swept(
    services: Services,
    revision: Revision,
    question: BacktestRequest,
    thresholds: Thresholds,
    progress: Progress = unwatched,
) -> tuple[Tried, ...]:
    """Backtest one revision with each threshold. Raises OperationError for an impossible request."""
    with services.store.read() as session:
        history = _history(services, session, revision, question)
        try:
            tried = sweep(
                revision, history, question.start, question.end,
                metric=thresholds.metric, values=thresholds.values, step=question.step,
                inhibitors=_inhibitors(services, session, revision, question), progress=progress,
            )  # fmt: skip
        except (NothingToSweep, NotReplayable) as error:
            raise OperationError(str(error)) from error
    ahead = network_of(services, revision, services.clock())
    return with_outlook(tried, revision, thresholds.metric, ahead.items, delays=ahead.delays, worth=ahead.worth)


def compared(
    services: Services, old: Revision, new: Revision, question: BacktestRequest, progress: Progress = unwatched
) -> Comparison:
    """Backtest two revisions of a rule over the same time."""
    first, second = part(progress, 0, 2), part(progress, 1, 2)
    return Comparison(replayed(services, old, question, first), replayed(services, new, question, second))


def read(services: Services, path: Path) -> list[Revision]:
    """Return the rules of a file. Raises OperationError with all its problems."""
    text, unread = rules_directory.text_of(path, str(path))
    if unread:
        raise OperationError(str(unread))
    return parse(services, text, str(path))


def parse(services: Services, text: str, name: str = TEXT) -> list[Revision]:
    """Return the rules of a text. Raises OperationError with all its problems, each with its place."""
    tables, _ = load_all(services.settings.tables_dir, services.settings.tables)
    loaded = load(text, name=name, environment=known_names(services.settings, tables))
    if loaded.errors or not loaded.revisions:
        raise OperationError("\n".join(str(problem) for problem in loaded.errors) or f"{name}: holds no rule")
    return list(loaded.revisions)


def replayed(
    services: Services, revision: Revision, question: BacktestRequest, progress: Progress = unwatched
) -> Report:
    """Backtest one revision over that time. Raises OperationError for an impossible request."""
    if question.end <= question.start:
        raise OperationError("--to must be later than --from")
    try:
        return _replayed(services, revision, question, progress)
    except ObservationsAway as error:
        raise Unanswered(str(error)) from error


def _replayed(services: Services, revision: Revision, question: BacktestRequest, progress: Progress) -> Report:
    with services.store.read() as session:
        history = _history(services, session, revision, question)
        try:
            removes = revision.mode is not Mode.SHADOW  # a pause of a shadow rule never happened
            return backtest(
                revision, history, question.start, question.end,
                step=question.step, progress=progress, removes=removes,
                inhibitors=_inhibitors(services, session, revision, question),
            )  # fmt: skip
        except NotReplayable as error:
            raise OperationError(str(error)) from error


def _inhibitors(
    services: Services, session: Session, revision: Revision, question: BacktestRequest
) -> tuple[Inhibitor, ...]:
    """Return the live rules that inhibit this one, each with its own past. Silences of sources have no past."""
    found = inhibitors(revision, services.library.current(session).active())
    asked = [one for one in found if one.scope.per != ("event",) and not isinstance(one.trigger, Silence)]
    return tuple(Inhibitor(one, _history(services, session, one, question)) for one in asked)


def _history(services: Services, session: Session, revision: Revision, question: BacktestRequest) -> Past:
    return history_of(services, session, revision, question.start, question.end, against=question.against)


def history_of(
    services: Services,
    session: Session,
    revision: Revision,
    start: datetime,
    end: datetime,
    *,
    against: Against = "live",
) -> Past:
    """Return what was known at each moment from `start` to `end` about the subjects of a rule."""
    services.library.current(session)  # which reads the tables as well
    tables = services.library.tables
    files = services.observation_files(revision.account, revision.integration)
    tracking = Tracking(services.false_incidents(revision.account))
    return load_history(session, revision, start, end, against=against, tables=tables, files=files, tracking=tracking)


def as_json(report: Report) -> dict[str, Any]:
    """Return a report as plain values."""
    return for_programs(_values(report))


def for_programs(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of a backtest and of its pauses, also under their former names."""
    fires = [with_old_names("backtest", one) for one in figures["fires"]]
    return with_old_names("backtest", {**figures, "fires": fires})


def _values(report: Report) -> dict[str, Any]:
    return {
        "rule": report.rule,
        "revision": report.revision,
        "from": report.start.isoformat(),
        "to": report.end.isoformat(),
        "step_seconds": report.step.total_seconds(),
        "evaluations": report.evaluations,
        "subjects": report.subjects,
        "answers": dict(report.answers),
        "no_decision": report.no_decision,
        "stopped": report.stopped,
        "warnings": list(report.warnings),
        "right": sum(fire.judged == "right" for fire in report.pauses),
        "wrong": sum(fire.judged == "wrong" for fire in report.pauses),
        "open": sum(fire.judged == "open" for fire in report.pauses),
        "pauses": len(report.pauses),
        "false_alarms": len(report.false_alarms),
        "flaps": report.flaps,
        "loss_avoided": str(report.loss_avoided),
        "profit_forgone": str(report.profit_forgone),
        "waiting": report.waiting,
        "asked": report.asked,
        "stops": dict(report.stops),
        "fires": [_fire(fire) for fire in report.fires],
    }


def _fire(fire: Fire) -> dict[str, Any]:
    return {
        "at": fire.at.isoformat(),
        "does": f"{fire.verb} {fire.target}",
        "reason": fire.reason,
        "until": fire.until.isoformat() if fire.until else None,
        "ended": fire.ended,
        "false_alarm": fire.false_alarm,
        "judged": fire.judged,
        "mature": _mature(fire.mature),
        "loss_avoided": str(fire.loss_avoided),
        "profit_forgone": str(fire.profit_forgone),
        "came": {name: str(value) for name, value in fire.came.items()},
    }


def _mature(found: Mature | None) -> dict[str, Any] | None:
    """Return the ratio as known by now, with the confidence interval of the true one."""
    if found is None:
        return None
    return {"rate": found.rate, "low": found.low, "high": found.high, "of": found.trials, "threshold": found.threshold}
