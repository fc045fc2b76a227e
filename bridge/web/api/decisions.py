"""Runs, approvals and holds: what rules decided, and how people answer."""

from dataclasses import asdict
from typing import Any

from flask import g
from sqlalchemy import ColumnElement, select

from bridge.operations import NotThere
from bridge.operations.approval_review import review
from bridge.operations.approvals import approve, reject
from bridge.operations.confirmation import about_approval, about_undo, about_undo_of_runs, must_be_confirmed
from bridge.operations.holds import release_holds
from bridge.operations.item_mutes import end_mutes, mute_item
from bridge.operations.undo import undo, undo_runs
from bridge.store import entities, holds, ledger
from bridge.store.holds import Hold, Mute
from bridge.store.ledger import Effect, StoredPlan
from bridge.store.roles import Role
from bridge.store.runs import Run, StoredVerdict
from bridge.web.access import needs
from bridge.web.api import schemas_out_decisions
from bridge.web.api.blueprint import Blueprint
from bridge.web.api.fields import listing, thing
from bridge.web.api.responses import listed, newest, one, page, picked, refusing, selection, targets, whole
from bridge.web.api.schemas_in import EndMuteBody, HoldQuery, MuteBody, OnlyBody, PageQuery, RunQuery, RunsBody, WhyBody
from bridge.web.api.words import must_be_known
from bridge.web.request_context import person, services
from rules.model.plan import Target

blueprint = Blueprint("decisions", "decisions", description="Runs, approvals, holds")


def _plan(plan: StoredPlan) -> dict[str, Any]:
    return picked(plan, schemas_out_decisions.PlanRow) | {"effects": [_effect(effect) for effect in plan.effects]}


def _effect(effect: Effect) -> dict[str, Any]:
    calls = [{"id": call.id, "operation": call.operation, "outcome": call.outcome} for call in effect.calls]
    return picked(effect, schemas_out_decisions.EffectCore) | {"calls": calls}


@blueprint.get("/runs")
@needs(Role.VIEWER)
@blueprint.arguments(RunQuery, location="query")
@blueprint.response(200, listing(schemas_out_decisions.RunRow))
def list_runs(query: dict[str, Any]) -> dict[str, Any]:
    """List runs, newest first."""
    must_be_known(rule=query.get("rule"), account=query.get("account"), target=query.get("target"))
    found = [Run.started_at >= query["since"]] if "since" in query else []
    if "target" in query:
        [wanted] = targets([query["target"]])
        found.append(_touching(wanted, query.get("account")))
    equal = {"rule": Run.rule_id, "outcome": Run.outcome, "event": Run.event_id}
    return newest(Run, schemas_out_decisions.RunRow, query, *found, equal=equal)


@blueprint.get("/runs/<int:run_id>")
@needs(Role.VIEWER)
@blueprint.response(200, thing(schemas_out_decisions.RunStory))
@refusing
def show_run(run_id: int) -> dict[str, Any]:
    """Show one run: verdicts with their traces, plans with what stopped them, effects, calls."""
    with services().store.read() as session:
        run = session.get(Run, run_id)
        if run is None:
            raise NotThere(f"run {run_id}: not found")
        verdicts = session.scalars(select(StoredVerdict).where(StoredVerdict.run_id == run_id).limit(1_000))
        told = [picked(one_, schemas_out_decisions.VerdictRow) for one_ in verdicts]
        return one(
            picked(run, schemas_out_decisions.RunRow)
            | {"verdicts": told, "plans": [_plan(plan) for plan in ledger.plans_of(session, run.plan_of or run_id)]}
        )


@blueprint.post("/runs/undo")
@needs(Role.OPERATOR)
@blueprint.arguments(RunsBody)
@blueprint.response(200, thing(schemas_out_decisions.UndoneRunsRow))
@refusing
def undo_several(body: dict[str, Any]) -> dict[str, Any]:
    """Undo several runs, the newest first, each by itself. With `confirm` only if it is that many changes."""
    if body["confirm"] is not None:
        must_be_confirmed(about_undo_of_runs(services(), body["runs"]), body["confirm"])
    found = undo_runs(services(), body["runs"], who=g.who, now=services().clock())
    return one({"runs": [asdict(each) for each in found]})


@blueprint.post("/runs/<int:run_id>/undo")
@needs(Role.OPERATOR)
@blueprint.arguments(OnlyBody)
@blueprint.response(200, thing(schemas_out_decisions.UndoneRow))
@refusing
def undo_run(body: dict[str, Any], run_id: int) -> dict[str, Any]:
    """Undo a run, or a part of it. With `confirm` only if it is that many changes: otherwise 409."""
    wanted, now = selection(body), services().clock()
    if body["confirm"] is not None:
        must_be_confirmed(about_undo(services(), run_id, wanted, now), body["confirm"])
    return one(undo(services(), run_id, who=g.who, now=now, selection=wanted))


@blueprint.get("/approvals")
@needs(Role.VIEWER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, listing(schemas_out_decisions.WaitingPlan))
def list_approvals(query: dict[str, Any]) -> dict[str, Any]:
    """List plans that wait for approval, by currency, the most money first."""
    places = services().settings.currency_places
    with services().store.read() as session:
        waiting = ledger.waiting(session, places)
        before = ledger.plan(session, whole(query["after"]) or 0)
        if before is not None:  # it may have been answered since: its place in the ranking stays
            last = ledger.rank(session, before, places)
            waiting = [plan for plan in waiting if ledger.rank(session, plan, places) > last]
        few = waiting[: query["limit"] + 1]
        found = [_plan(plan) | {"rule_id": plan.rule_id, "run_id": plan.run_id} for plan in few]
    return page(found, query["limit"], "id")


@blueprint.get("/approvals/<int:plan_id>")
@needs(Role.VIEWER)
@blueprint.response(200, thing(schemas_out_decisions.ReviewRow))
@refusing
def show_approval(plan_id: int) -> dict[str, Any]:
    """Show one waiting plan, and what an approval at this moment would leave out."""
    return one(review(services(), plan_id, now=services().clock()))


@blueprint.post("/approvals/<int:plan_id>/approve")
@needs(Role.OPERATOR)
@blueprint.arguments(OnlyBody)
@blueprint.response(200, thing(schemas_out_decisions.AnsweredRow))
@refusing
def approve_plan(body: dict[str, Any], plan_id: int) -> dict[str, Any]:
    """Approve a plan. The rule is evaluated again first, and recovered items are left out.

    With `confirm` only if it is that many changes: otherwise 409.
    """
    wanted, now = selection(body), services().clock()
    if body["confirm"] is not None:
        must_be_confirmed(about_approval(services(), plan_id, wanted, now), body["confirm"])
    return one(approve(services(), plan_id, person=person(), now=now, selection=wanted))


@blueprint.post("/approvals/<int:plan_id>/reject")
@needs(Role.OPERATOR)
@blueprint.arguments(WhyBody)
@blueprint.response(200, thing(schemas_out_decisions.AnsweredRow))
@refusing
def reject_plan(body: dict[str, Any], plan_id: int) -> dict[str, Any]:
    """Reject a plan."""
    return one(reject(services(), plan_id, person=person(), why=body["why"], now=services().clock()))


@blueprint.get("/holds")
@needs(Role.VIEWER)
@blueprint.arguments(HoldQuery, location="query")
@blueprint.response(200, listing(schemas_out_decisions.HoldRow))
def list_holds(query: dict[str, Any]) -> dict[str, Any]:
    """List active holds, or ended ones too, newest first."""
    must_be_known(rule=query.get("rule"), account=query.get("account"), target=query.get("target"))
    found = [] if query["state"] == "all" else [Hold.state == query["state"]]
    if "target" in query:
        [wanted] = targets([query["target"]])
        with services().store.read() as session:
            found.append(entities.is_of_item(session, Hold, wanted.kind, wanted.id, account=query.get("account")))
    equal = {"rule": Hold.rule_id, "account": Hold.account}
    return newest(Hold, schemas_out_decisions.HoldRow, query, *found, equal=equal)


def _touching(target: Target, account: str | None) -> ColumnElement[bool]:
    with services().store.read() as session:
        return ledger.touches(session, target.kind, target.id, account=account)


@blueprint.get("/mutes")
@needs(Role.VIEWER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, listing(schemas_out_decisions.MuteRow))
def list_mutes(query: dict[str, Any]) -> dict[str, Any]:
    """List items that a rule, or all of them (`*`), leaves alone, the next to end first."""
    with services().store.read() as session:
        found = [
            {"id": _name_of(each)} | picked(each, schemas_out_decisions.MuteRow)
            for each in holds.muted(session, services().clock())
        ]
    return listed(found, "id", query)


@blueprint.post("/mutes")
@needs(Role.OPERATOR)
@blueprint.arguments(MuteBody)
@blueprint.response(201, thing(schemas_out_decisions.MadeMuteRow))
@refusing
def make_mute(body: dict[str, Any]) -> dict[str, Any]:
    """Keep a rule, or all of them, from an item until then, or until somebody ends it.

    Without `account` the item of each account that has one is meant. The answer is the first mute, and `accounts`
    names them all.
    """
    made = mute_item(
        services(), body["item"], account=body["account"], rule=body["rule"], until=body["until"], why=body["why"],
        who=g.who, now=services().clock(),
    )  # fmt: skip
    more = {"id": _name_of(made[0]), "accounts": [each.account for each in made]}
    return one(picked(made[0], schemas_out_decisions.MuteRow) | more)


def _name_of(mute: Mute) -> str:
    return f"{mute.rule_id}:{mute.account}:{mute.kind}={mute.target_id}"


@blueprint.post("/mutes/end")
@needs(Role.OPERATOR)
@blueprint.arguments(EndMuteBody)
@blueprint.response(200, thing(schemas_out_decisions.EndedMuteRow))
@refusing
def end_mute(body: dict[str, Any]) -> dict[str, Any]:
    """End a mute: a rule may act on the item again. 409 if it is muted in several accounts and no account is named."""
    ended = end_mutes(
        services().store, body["rule"], body["item"], account=body["account"], who=g.who, now=services().clock()
    )  # fmt: skip
    return one({"item": body["item"], "rule": body["rule"], "ended": ended})


@blueprint.post("/holds/<int:hold_id>/release")
@needs(Role.OPERATOR)
@blueprint.response(200, thing(schemas_out_decisions.ReleasedRow))
@refusing
def release_hold(hold_id: int) -> dict[str, Any]:
    """Release a hold: the target is activated unless another rule holds it."""
    return one(release_holds(services(), [hold_id], who=g.who, now=services().clock()))
