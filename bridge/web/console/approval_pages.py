"""Approvals: plans that wait, ranked by money, with what changed since each was made."""

from collections.abc import Collection, Sequence
from operator import neg

from flask import Response
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from bridge.operations.approval_review import Review, Wanted, reviews
from bridge.operations.confirmation import Item, display_names
from bridge.store.entities import Entity
from bridge.store.ledger import PlanState, StoredPlan, plan_currency_place
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.console import formatting
from bridge.web.console.blueprint import blueprint
from bridge.web.console.lists import Order, as_csv, days, filters, in_order_asked, is_csv
from bridge.web.console.show import show
from bridge.web.request_context import number_asked, services

MAX_SHOWN = 400  # changes on one page, of all plans together
MIN_SHOWN = 10  # of each plan
AT_ONCE = 500  # ids of one question
PLANS_PER_PAGE = 25  # as many as are evaluated again for one page
REVENUE = func.coalesce(StoredPlan.money_24h, -1)
BY_TIME = {"longest wait": Order(descending=False), "newest": Order()}


@blueprint.get("/approvals")
@needs(Role.VIEWER, page=True)
def approvals() -> Response | str:
    found = filters("rule", "plan", "from", "to", "sort")
    only = number_asked("plan")
    wanted = [StoredPlan.state == PlanState.WAITING, *days(found, StoredPlan.created_at, formatting.zone(services()))]
    wanted += [StoredPlan.rule_id == found["rule"]] if found["rule"] else []
    wanted += [StoredPlan.id == only] if only is not None else []
    places = services().settings.currency_places
    orders = {"most revenue": Order((*map(neg, plan_currency_place(places)), REVENUE))} | BY_TIME
    with services().store.read() as session:
        total = session.scalar(select(func.count()).select_from(StoredPlan).where(*wanted)) or 0
        query = in_order_asked(session, select(StoredPlan).where(*wanted), StoredPlan.id, orders, found)
        chosen = list(session.scalars(query if is_csv() else query.limit(PLANS_PER_PAGE + 1)))
        rules = sorted(session.scalars(select(StoredPlan.rule_id).where(wanted[0]).distinct()))
    older = chosen[PLANS_PER_PAGE - 1].id if len(chosen) > PLANS_PER_PAGE and not is_csv() else None
    shown = [one.id for one in (chosen if is_csv() else chosen[:PLANS_PER_PAGE])]
    plans = reviews(services(), now=services().clock(), plans=shown)
    ranked = _ranked(plans, MAX_SHOWN if only is None and not is_csv() else None)
    items = {(one.account, one.kind, one.target_id) for effects in ranked.values() for one in effects}
    with services().store.read() as session:
        names = display_names(session, items)
        advertisers = _advertisers(session, {item for item in items if item[1] == "offer"})
    if is_csv():
        headings = (
            "plan",
            "rule",
            "kind",
            "id",
            "name",
            "advertiser",
            "revenue_24h",
            "revenue_now",
            "why",
            "waits_since",
            "account",
        )
        return as_csv(
            "approvals", headings,
            [
                (plan.plan_id, plan.rule, one.kind, one.target_id, names.get((one.account, one.kind, one.target_id)),
                 advertisers.get((one.account, one.kind, one.target_id)), one.money_24h, one.money_now,
                 one.reason, plan.since, one.account)
                for plan in plans for one in plan.effects
            ],
        )  # fmt: skip
    return show(
        "approvals.html", plans=plans, names=names, advertisers=advertisers, ranked=ranked, filters=found,
        total=total, rules=rules, orders=tuple(orders), older=older,
    )  # fmt: skip


def _ranked(plans: Sequence[Review], room: int | None) -> dict[int, list[Wanted]]:
    """Return plan → its changes, the most money first; of all plans together no more than fit."""
    found = {}
    for one in plans:
        most = len(one.effects) if room is None else max(MIN_SHOWN, room)
        found[one.plan_id] = sorted(one.effects, key=lambda each: each.ranked)[:most]
        room = None if room is None else room - len(found[one.plan_id])
    return found


def _advertisers(session: Session, offers: Collection[Item]) -> dict[Item, str]:
    """Return offer, by either id → the name of its advertiser."""
    owners: dict[Item, str] = {}
    ids = sorted({identity for _, _, identity in offers})
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        query = select(Entity).where(Entity.kind == "offer", or_(Entity.ref.in_(some), Entity.number.in_(some)))
        for one in session.scalars(query):
            owner = one.fields.get("advertiser_id") or one.fields.get("advertiser")
            owner = owner.get("id") if isinstance(owner, dict) else owner
            owners |= {(one.account, one.kind, name): str(owner) for name in (one.ref, one.number) if name and owner}
    whose = {offer: (offer[0], "advertiser", owner) for offer, owner in owners.items()}
    names = display_names(session, set(whose.values()))
    return {offer: names[owner] or f"advertiser {owner[2]}" for offer, owner in whose.items()}
