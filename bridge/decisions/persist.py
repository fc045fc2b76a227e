"""Save decisions: runs, verdicts, plans, effects, and holds that begin or end. One transaction for a batch."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.decisions import answer_history, spans, subjects
from bridge.decisions.decide import Decision
from bridge.decisions.records import PlanRecord, RunRecord
from bridge.decisions.tracking_incidents import note_held_back
from bridge.observability.metrics import ANSWER_BYTES, RUNS, VERDICTS
from bridge.store import holds as hold_rows
from bridge.store import ledger, runs
from bridge.store.holds import Hold, HoldState, Mute
from bridge.store.ledger import Effect
from bridge.store.row_inserts import insert_rows
from bridge.store.runs import StoredVerdict
from rules.model.plan import Ended, Outcome, Plan, Target
from rules.model.plan import Hold as HeldBy
from rules.model.verdicts import Answer
from rules.planning.streaks import streaks

log = structlog.get_logger()

MAX_LOGGED_VERDICTS = 3  # verdicts of a run in the log


def record(session: Session, records: Sequence[RunRecord], *, now: datetime) -> list[int]:
    """Write these runs; returns their numbers. Leave out causes for which the rule already has a run."""
    made = runs.add(session, [one.run for one in records])
    for one, number in zip(records, made, strict=True):
        one.run["id"] = number
    changes = {one.run["rule_id"]: (one.run["id"], one.change) for one in records if one.change is not None}
    answer_history.keep(session, changes)
    spans.runs_recorded(session, [one.run for one in records])
    verdicts = [{**row, "run_id": one.run["id"]} for one in records for row in one.verdicts]
    insert_rows(session, StoredVerdict, verdicts)
    insert_rows(session, Effect, _plans(session, records))
    for one in records:
        if one.decision.plan is not None:
            _apply(session, one.decision, one.decision.plan, now)
        if one.decision.evaluation is not None:
            revision = one.decision.revision
            place = f"{revision.account}/{revision.integration}"
            note_held_back(session, place, one.decision.evaluation.untracked, now)
    return made


def announce(records: Sequence[RunRecord]) -> None:
    """Count and log recorded runs after their transaction, because the transaction blocks all other writers."""
    _count(records)
    _tell(records)


def _count(records: Sequence[RunRecord]) -> None:
    for one in records:
        if one.size:
            ANSWER_BYTES.labels(one.run["rule_id"]).inc(one.size)
    outcomes = Counter((one.run["rule_id"], one.run["outcome"]) for one in records)
    for (rule, outcome), number in outcomes.items():
        RUNS.labels(rule, outcome).inc(number)
    for answer in ("yes", "no", "no_decision"):
        answers: Counter[str] = Counter()
        for one in records:
            answers[one.run["rule_id"]] += one.run[answer]
        for rule, number in answers.items():
            if number:
                VERDICTS.labels(rule, answer).inc(number)


def _tell(records: Sequence[RunRecord]) -> None:
    """Log a yes that leads to something with its numbers, and a stopped plan.

    The first few of a batch have one line each, the rest are counted: logging must not cost as much as deciding.
    """
    wanted = [one for one in records if one.decision.plan and one.decision.plan.outcome is not Outcome.NOTHING]
    yes = [(made.run, one) for made in wanted for one in made.verdicts if one["answer"] == Answer.YES]
    for run, one in yes[:MAX_LOGGED_VERDICTS]:
        log.info(
            "rule says yes",
            rule=run["rule_id"],
            run=run["id"],
            mode=run["mode"],
            subject=one["subject"],
            why=one["reason"],
        )
    more = sum(one.run["yes"] for one in wanted) - len(yes[:MAX_LOGGED_VERDICTS])
    if more:
        log.info("rules say yes", more=more, rules=sorted({one.run["rule_id"] for one in wanted}))
    for made in wanted:
        plan, run = made.decision.plan, made.run
        if plan is not None and plan.outcome in {Outcome.STOPPED, Outcome.WAITING}:
            first = plan.stops[0].message if plan.stops else None
            log.info("plan not executed", rule=run["rule_id"], run=run["id"], outcome=run["outcome"], why=first)


def _plans(session: Session, made: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """Write the plans; returns the rows of their effects."""
    wanted = [(one, one.wanted, one.wanted.effects) for one in made if one.wanted is not None]
    returning = [
        (one, one.returning, _linked(session, one, one.returning)) for one in made if one.returning is not None
    ]
    rows: list[dict[str, Any]] = []
    for kind in (wanted, [part for part in returning if part[2]]):
        numbers = ledger.add_plans(session, [{**plan.plan, "run_id": one.run["id"]} for one, plan, _ in kind])
        rows += [{**row, "plan_id": numbers[one.run["id"]]} for one, _, effects in kind for row in effects]
    return rows


def _linked(session: Session, made: RunRecord, returning: PlanRecord) -> list[dict[str, Any]]:
    """Return the releases of active holds, each with its hold, so that a failed release restores the hold.

    If another process has ended a hold meanwhile, its target is not activated a second time.
    """
    plan = made.decision.plan
    assert plan is not None
    ends = {ended.hold.record: ended.hold.target for ended in plan.ended if ended.returns}
    held = _holds_of(session, [ended.hold for ended in plan.ended if ended.returns])
    links = {(target.kind, target.id): record for record, target in ends.items() if record in held}
    ours = {(row["kind"], row["target_id"]): row for row in returning.effects}
    return [{**row, "releases": links[target]} for target, row in ours.items() if target in links]


# --- what follows at once --------------------------------------------------------------------------


def apply_side_effects(session: Session, plan: Plan, now: datetime, *, by: str | None = None) -> None:
    """End, join and mute what a plan says; for a plan that waited, at the moment of its approval.

    `by` is the person who asked for it; None: the rule itself.
    """
    rows = _holds_of(session, [ended.hold for ended in plan.ended])
    for ended in plan.ended:
        row = rows.pop(ended.hold.record or 0, None)
        if row is not None:
            _end(session, row, ended, by or ended.hold.rule, now)
    for joined in plan.joins:
        session.add(_joined(joined, now))
    for mute in plan.mutes:
        session.merge(_mute(mute.rule, mute.target, mute.until, mute.why))


def _apply(session: Session, decision: Decision, plan: Plan, now: datetime) -> None:
    apply_side_effects(session, plan, now, by=decision.cause.by)
    if decision.revision.lasting and decision.state is not None and decision.evaluation is not None:
        kept = streaks(decision.evaluation, decision.state)
        runs.keep_streaks(
            session,
            decision.revision.id,
            [
                {
                    "subject": subjects.dump(subject),
                    "evaluations": streak.evaluations,
                    "since": streak.since,
                    "counted_at": streak.counted_at or now,
                }
                for subject, streak in kept.items()
            ],
        )


def _holds_of(session: Session, held: Sequence[HeldBy]) -> dict[int, Hold]:
    """Return the rows of these holds that are still active, locked, so that only one of two processes ends a hold."""
    numbers = [one.record for one in held if one.record is not None]
    if not numbers:
        return {}
    active = select(Hold).where(Hold.id.in_(numbers), Hold.state == HoldState.ACTIVE).with_for_update()
    return {row.id: row for row in session.scalars(active)}


def _end(session: Session, hold: Hold, ended: Ended, by: str, now: datetime) -> None:
    state = HoldState.OVERRIDDEN if ended.how == "override" else HoldState.RELEASED
    hold_rows.end(hold, state, why=f"{ended.how}: {ended.message}", by=by, now=now)
    if ended.mute_until is not None:
        session.merge(_mute(ended.hold.rule, ended.hold.target, ended.mute_until, _why_muted(ended, by)))


def _why_muted(ended: Ended, by: str) -> str:
    """Return who decided what, so that later messages of the rule can name them."""
    told = {"undo": f"{by} undid its change", "hand": f"{by} ended its pause"}
    return told.get(ended.how) or ended.message.removeprefix(f"{ended.hold.target}: ")


def _joined(held: HeldBy, now: datetime) -> Hold:
    return Hold(
        rule_id=held.rule,
        account=held.target.account,
        integration=held.target.integration,
        kind=held.target.kind,
        target_id=held.target.id,
        subject=subjects.dump(held.subject),
        since=now,
        until=held.until,
        count=held.count,
        we_paused=held.active_before,
    )


def _mute(rule: str, target: Target, until: datetime, why: str) -> Mute:
    return Mute(rule_id=rule, account=target.account, kind=target.kind, target_id=target.id, until=until, why=why)
