"""Runs, approvals and holds: what was decided, and what people decide about it."""

from datetime import UTC, datetime
from typing import Any

from flask import g
from flask_smorest import Blueprint
from sqlalchemy import select

from bridge.operations import NotThere
from bridge.operations.approvals import approve, reject
from bridge.operations.letting_go import release_holds
from bridge.operations.reviewing import review
from bridge.operations.undoing import undo
from bridge.store import ledger
from bridge.store.holds import Hold, HoldState
from bridge.store.ledger import Effect, StoredPlan
from bridge.store.people import Role
from bridge.store.runs import Run, StoredVerdict
from bridge.web.access import needs
from bridge.web.api.answers import newest, one, page, picked, refusing, targets
from bridge.web.api.shapes import OnlyBody, Page, PageQuery, RunQuery, Thing, WhyBody
from bridge.web.current import house, person

blueprint = Blueprint("decisions", "decisions", description="Runs, approvals, holds")
RUN = (
    "id", "rule_id", "revision", "mode", "cause", "event_id", "by", "due_at", "started_at", "data_as_of", "yes", "no",
    "no_decision", "outcome", "error",
)  # fmt: skip
EFFECT = ("id", "verb", "kind", "target_id", "subject", "wanted", "prior", "state", "reason", "error", "ended_at")
HOLD = ("id", "rule_id", "kind", "target_id", "subject", "since", "until", "count", "state", "ended_at", "ended_why")


def _plan(plan: StoredPlan) -> dict[str, Any]:
    names = ("id", "state", "created_at", "stops", "money_24h", "decide_by", "decision", "decided_by", "difference")
    return picked(plan, names) | {"effects": [_effect(effect) for effect in plan.effects]}


def _effect(effect: Effect) -> dict[str, Any]:
    calls = [{"id": call.id, "operation": call.operation, "outcome": call.outcome} for call in effect.calls]
    return picked(effect, EFFECT) | {"calls": calls}


@blueprint.get("/runs")
@needs(Role.VIEWER)
@blueprint.arguments(RunQuery, location="query")
@blueprint.response(200, Page)
def list_runs(query: dict[str, Any]) -> dict[str, Any]:
    """Newest first."""
    return newest(Run, RUN, query, equal={"rule": Run.rule_id, "outcome": Run.outcome})


@blueprint.get("/runs/<int:run_id>")
@needs(Role.VIEWER)
@blueprint.response(200, Thing)
@refusing
def show_run(run_id: int) -> dict[str, Any]:
    """One run as a story: verdicts with their traces, plans with what stopped them, effects, calls."""
    with house().store.read() as session:
        run = session.get(Run, run_id)
        if run is None:
            raise NotThere(f"run {run_id}: there is none")
        verdicts = session.scalars(select(StoredVerdict).where(StoredVerdict.run_id == run_id).limit(1_000))
        told = [picked(one_, ("subject", "answer", "why", "reason", "trace")) for one_ in verdicts]
        return one(
            picked(run, RUN) | {"verdicts": told, "plans": [_plan(plan) for plan in ledger.plans_of(session, run_id)]}
        )


@blueprint.post("/runs/<int:run_id>/undo")
@needs(Role.OPERATOR)
@blueprint.arguments(OnlyBody)
@blueprint.response(200, Thing)
@refusing
def undo_run(body: dict[str, Any], run_id: int) -> dict[str, Any]:
    """Take a run back, or a part of it."""
    return one(undo(house(), run_id, who=g.who, now=datetime.now(UTC), only=targets(body.get("targets"))))


@blueprint.get("/approvals")
@needs(Role.VIEWER)
@blueprint.response(200, Page)
def list_approvals() -> dict[str, Any]:
    """Plans that wait for a person, the most money first."""
    with house().store.read() as session:
        rows = [_plan(plan) | {"rule_id": plan.rule_id, "run_id": plan.run_id} for plan in ledger.waiting(session)]
    return page(rows, len(rows), "id")


@blueprint.get("/approvals/<int:plan_id>")
@needs(Role.VIEWER)
@blueprint.response(200, Thing)
@refusing
def show_approval(plan_id: int) -> dict[str, Any]:
    """One waiting plan, and what a yes at this moment would leave out."""
    return one(review(house(), plan_id, now=datetime.now(UTC)).as_json())


@blueprint.post("/approvals/<int:plan_id>/approve")
@needs(Role.OPERATOR)
@blueprint.arguments(OnlyBody)
@blueprint.response(200, Thing)
@refusing
def approve_plan(body: dict[str, Any], plan_id: int) -> dict[str, Any]:
    """Say yes. The rule looks again first: what recovered drops out."""
    return one(approve(house(), plan_id, person=person(), now=datetime.now(UTC), only=targets(body.get("targets"))))


@blueprint.post("/approvals/<int:plan_id>/reject")
@needs(Role.OPERATOR)
@blueprint.arguments(WhyBody)
@blueprint.response(200, Thing)
@refusing
def reject_plan(body: dict[str, Any], plan_id: int) -> dict[str, Any]:
    """Say no."""
    return one(reject(house(), plan_id, person=person(), why=body["why"], now=datetime.now(UTC)))


@blueprint.get("/holds")
@needs(Role.VIEWER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, Page)
def list_holds(query: dict[str, Any]) -> dict[str, Any]:
    """Active holds, newest first."""
    return newest(Hold, HOLD, query, Hold.state == HoldState.ACTIVE)


@blueprint.post("/holds/<int:hold_id>/release")
@needs(Role.OPERATOR)
@blueprint.response(200, Thing)
@refusing
def release_hold(hold_id: int) -> dict[str, Any]:
    """Let go: the target goes back unless another rule holds it."""
    return one(release_holds(house(), [hold_id], who=g.who, now=datetime.now(UTC)))
