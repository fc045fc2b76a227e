"""Convert decisions to database rows. All expensive work happens here, before the transaction begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np

from bridge.decisions import subjects
from bridge.decisions.answer_history import Before, Change, change
from bridge.decisions.decide import Decision
from bridge.store import json_text, runs
from bridge.store.exact_json import freeze, plain
from bridge.store.ledger import EffectState, PlanState
from rules.model.facts import Why
from rules.model.plan import Plan, PlannedEffect
from rules.model.verdicts import Answer, Evaluation, Trace

MAX_VERDICTS_PER_RUN = 1_000  # rows of one run; the packed answers have all of them
MAX_NO_DECISIONS = 50


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """A plan and its effects. The effects get their plan's number when the plan has one."""

    plan: dict[str, Any]
    effects: Sequence[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class RunRecord:
    """One decision, ready to be written.

    A run has up to two plans: what the rule wants now, and what is released because holds ended. They are separate
    because a plan that waits for approval must not keep other targets paused beyond their time.
    """

    decision: Decision
    run: dict[str, Any]
    verdicts: Sequence[dict[str, Any]] = ()
    wanted: PlanRecord | None = None
    returning: PlanRecord | None = None
    change: Change | None = None  # of the answers, where the rule looks at several items

    @cached_property
    def size(self) -> int:
        """The size in bytes of the answers and reasons."""
        return len(self.run["answers"] or b"") + sum(len(json_text.dumps(one["trace"])) for one in self.verdicts)


def run_records(
    decisions: Sequence[Decision], now: datetime, before: Mapping[str, Before] | None = None
) -> list[RunRecord]:
    """Return the rows of these decisions; nothing is written.

    `before`: the answers of the rules' last runs, if only differences are to be written.
    """
    made = [_draft(one, now, before) for one in decisions]
    for one in made:
        _ = one.size  # worked out before a transaction holds others up
    return made


def _draft(decision: Decision, now: datetime, known: Mapping[str, Before] | None) -> RunRecord:
    run, evaluation, plan = _run(decision), decision.evaluation, decision.plan
    if evaluation is None or plan is None:
        return RunRecord(decision, run)
    found = None if known is None else change(decision, known.get(decision.revision.id), now)
    if found is None:
        run["answers"] = _packed(evaluation)
        verdicts = _verdicts(evaluation) if _is_told(run, evaluation) else []
        return RunRecord(decision, run, verdicts, _wanted(decision, plan, now), _returning(decision, plan, now))
    run |= {"answers": found.packed, "base_id": found.after.base_id or None, "plan_of": found.after.plan_of or None}
    if found.before is None:
        verdicts = _verdicts(evaluation) if _is_told(run, evaluation) else []
    else:
        verdicts = [_verdict(evaluation, row) for row in found.told[:MAX_VERDICTS_PER_RUN].tolist()]
    wanted = _wanted(decision, plan, now) if found.plan else None
    return RunRecord(decision, run, verdicts, wanted, _returning(decision, plan, now), found)


def _run(decision: Decision) -> dict[str, Any]:
    evaluation, plan, cause = decision.evaluation, decision.plan, decision.cause
    counts = evaluation.count() if evaluation is not None else {"yes": 0, "no": 0, "no_decision": 0}
    return {
        "rule_id": decision.revision.id,
        "revision": decision.revision.hash,
        "mode": decision.revision.mode,
        "cause": cause.kind,
        "cause_key": cause.key,
        "event_id": cause.event_id,
        "by": cause.by,
        "due_at": cause.due_at,
        "started_at": decision.started_at,
        "data_as_of": decision.data_as_of,
        **counts,
        "outcome": plan.outcome if plan else "error",
        "error": decision.error,
        "answers": None,
        "base_id": None,
        "plan_of": None,
    }


def _packed(evaluation: Evaluation) -> bytes | None:
    """Return all answers of a run over several subjects; for a single subject the counts are enough."""
    if len(evaluation.subjects) < 2:
        return None
    named = [subjects.dump(one) for one in evaluation.subjects]
    return runs.pack(named, evaluation.answers.astype(np.int8).tobytes())


def _verdicts(evaluation: Evaluation) -> list[dict[str, Any]]:
    yes = np.flatnonzero(evaluation.answers == Answer.YES)[:MAX_VERDICTS_PER_RUN].tolist()
    no_decision = np.flatnonzero(evaluation.answers == Answer.NO_DECISION)[:MAX_NO_DECISIONS].tolist()
    over = evaluation.over_loss_limit
    late = [] if over is None else np.flatnonzero(over)[:MAX_VERDICTS_PER_RUN].tolist()
    return [_verdict(evaluation, row) for row in (*yes, *late, *no_decision)]


def _is_told(run: Mapping[str, Any], evaluation: Evaluation) -> bool:
    """Return whether a run has verdicts that need a row each."""
    late = evaluation.over_loss_limit is not None and bool(evaluation.over_loss_limit.any())
    return bool(run["yes"] or run["no_decision"] or late)


def _verdict(evaluation: Evaluation, row: int) -> dict[str, Any]:
    verdict = evaluation.explain(row)
    return {
        "subject": subjects.dump(verdict.subject),
        "answer": int(verdict.answer),
        "why": Why(verdict.why).name.lower(),
        "reason": verdict.reason,
        "trace": trace_json(verdict.trace),
    }


def trace_json(trace: Trace) -> dict[str, Any]:
    """Return a trace as JSON without its empty parts."""
    found: dict[str, Any] = {"text": trace.text}
    if trace.answer is not None:
        found["answer"] = trace.answer.word
    if trace.why != Why.KNOWN:
        found["why"] = Why(trace.why).name.lower()
    for name in ("value", "threshold", "sample", "flip"):
        value = getattr(trace, name)
        if value is not None:
            found[name] = plain(value)
    for name in ("start", "end"):
        value = getattr(trace, name)
        if value is not None:
            found[name] = value.isoformat()
    if trace.age is not None:
        found["age"] = trace.age.total_seconds()
    if trace.parts:
        found["parts"] = [trace_json(part) for part in trace.parts]
    return found


# --- plans -----------------------------------------------------------------------------------------


def _wanted(decision: Decision, plan: Plan, now: datetime) -> PlanRecord | None:
    if not (plan.effects or plan.stops or plan.canary):
        return None
    revision, state = decision.revision, PlanState(plan.outcome.value)
    ready, tz = state == PlanState.READY, revision.data.tz
    stored = _plan(decision, state, plan.effects, now)
    stored |= {"stops": [_stop(stop) for stop in plan.stops], "canary": plan.canary}
    rows = [effect_row(revision.id, one, now, due=ready and not one.after, tz=tz) for one in plan.effects]
    return PlanRecord(stored, rows)


def _returning(decision: Decision, plan: Plan, now: datetime) -> PlanRecord | None:
    if not plan.releases:
        return None
    rows = [effect_row(decision.revision.id, one, now, due=True) for one in plan.releases]
    return PlanRecord(_plan(decision, PlanState.READY, plan.releases, now), rows)


def _plan(decision: Decision, state: PlanState, effects: Sequence[PlannedEffect], now: datetime) -> dict[str, Any]:
    money = [effect.money_24h for effect in effects if effect.money_24h is not None]
    return {
        "rule_id": decision.revision.id,
        "state": state,
        "created_at": now,
        "stops": [],
        "money_24h": sum(money, Decimal(0)) if money else None,
        "on_failure": decision.revision.on_failure,
        "decide_by": now + decision.revision.approve.within if state == PlanState.WAITING else None,
        "canary": None,
    }


def _stop(stop: Any) -> dict[str, Any]:
    return {
        "guard": stop.guard,
        "message": stop.message,
        "subject": subjects.dump(stop.subject) if stop.subject else None,
        "target": str(stop.target) if stop.target else None,
    }


def effect_row(rule: str, effect: PlannedEffect, now: datetime, *, due: bool, tz: str = "UTC") -> dict[str, Any]:
    """Return one planned effect as a row of the ledger, without its plan. `due` False: it waits for a person or a step.

    `tz` is the rule's, for a hold that ends at midnight.
    """
    return {
        "rule_id": rule,
        "step": effect.step,
        "verb": effect.verb,
        "kind": effect.target.kind,
        "target_id": effect.target.id,
        "account": effect.target.account,
        "integration": effect.target.integration,
        "subject": subjects.dump(effect.subject),
        "wanted": freeze(effect.wanted),
        "key": freeze(effect.key),
        "prior": None if effect.prior is None else freeze(effect.prior),
        "after": list(effect.after),
        "hold": _hold_json(effect, tz),
        "releases": None,
        "urgent": effect.urgent,
        "money_24h": effect.money_24h,
        "reason": effect.reason,
        "state": EffectState.PLANNED,
        "due_at": now if due else None,
        "fence": 0,
        "attempts": 0,
    }


def _hold_json(effect: PlannedEffect, tz: str) -> dict[str, Any] | None:
    """Return the hold as the plan saw it.

    Its end is computed again when the pause is in effect, which may be much later.
    """
    if effect.hold is None:
        return None
    return {
        "kind": effect.hold.kind,
        "seconds": effect.hold.duration.total_seconds() if effect.hold.duration else None,
        "tz": tz,
        "until": effect.hold_until.isoformat() if effect.hold_until else None,
        "count": effect.hold_count,
    }
