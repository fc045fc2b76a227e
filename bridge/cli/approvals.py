"""`approvals`: list and answer plans that wait for approval."""

import getpass

import click

from bridge.cli.session import ROW_ID, Session, as_json, json_option, outcome, show
from bridge.cli.targets import chosen_targets, confirm, yes_option
from bridge.operations.approval_review import review, reviews
from bridge.operations.approvals import Person, approve, reject
from bridge.operations.confirmation import about_approval
from rules.model.formatting import counted


@click.group()
def approvals() -> None:
    """List, show, approve and reject plans that wait for approval."""


@approvals.command("list")
@json_option
@click.pass_obj
def list_(session: Session, json: bool) -> None:
    """Show waiting plans with their time limit, reason and later changes. The most money comes first.

    Exchange rates are unknown, so plans in one currency follow those in another.

    \b
    Example:
      integr8-bridge approvals list --json
    """
    with session.operating() as services:
        found = reviews(services, now=services.clock())
    if json:
        click.echo(as_json([one.as_json() for one in found]))
        return
    rows = [
        {
            "plan": one.plan_id,
            "rule": one.rule,
            "since": one.since,
            "decide_by": one.decide_by,
            "targets": len({effect.target_id for effect in one.effects}),
            "revenue_24h": one.money_24h,
            "currency": one.currency if one.money_24h is not None else None,
            "why": "; ".join(one.why[:2]) or "the rule asks for a yes",
            "changed_since": one.changed,
        }
        for one in found
    ]
    columns = ("plan", "rule", "since", "decide_by", "targets", "revenue_24h", "currency", "why", "changed_since")
    show(rows, columns, json=False, empty="nothing waits for you")


@approvals.command("show")
@click.argument("plan", type=ROW_ID)
@json_option
@click.pass_obj
def show_(session: Session, plan: int, json: bool) -> None:
    """Show one plan: its changes, and what an approval at this moment would leave out.

    \b
    Example:
      integr8-bridge approvals show 12
    """
    with session.operating() as services:
        found = review(services, plan, now=services.clock())
    if json:
        click.echo(as_json(found.as_json()))
        return
    click.echo(f"plan {plan}: {found.rule}, waiting since {found.since:%Y-%m-%d %H:%M} UTC")
    click.echo(f"changed since: {found.changed}")
    rows = [
        {
            "does": one.does,
            "revenue_24h": one.money_24h,
            "by_now": one.money_now,
            "why": one.reason,
            "now": one.gone or "still so",
        }
        for one in found.effects
    ]
    show(rows, ("does", "revenue_24h", "by_now", "why", "now"), json=False, empty="")
    for text in found.new_since:
        click.echo(f"new since, and not part of it: {text}")


@approvals.command("approve")
@click.argument("plan", type=ROW_ID)
@click.option("--only", multiple=True, metavar="KIND=ID", help="Approve these targets only: --only offer=42")
@yes_option
@json_option
@click.pass_obj
def approve_(session: Session, plan: int, only: tuple[str, ...], yes: bool, json: bool) -> None:
    """Approve a plan. The rule is evaluated again first, and items that recovered are left out.

    \b
    Example:
      integr8-bridge approvals approve 12 --only offer=42
    """
    with session.operating() as services:
        selection = chosen_targets(only)
        confirm(lambda: about_approval(services, plan, selection, services.clock()), yes=yes)
        me = Person(name=getpass.getuser())
        answer = approve(services, plan, person=me, now=services.clock(), selection=selection)
    kept = counted(answer.kept, "effect")
    lines = [f"plan {plan}: {answer.state}, {kept}", *(f"dropped: {why}" for why in answer.dropped)]
    outcome(answer, lines, json=json)


@approvals.command("reject")
@click.argument("plan", type=ROW_ID)
@click.option("--why", required=True, help="Reason for the audit log.")
@json_option
@click.pass_obj
def reject_(session: Session, plan: int, why: str, json: bool) -> None:
    """Reject a plan. The rule may ask again at its next evaluation.

    \b
    Example:
      integr8-bridge approvals reject 12 --why "a campaign that starts today"
    """
    with session.operating() as services:
        answer = reject(services, plan, person=Person(name=getpass.getuser()), why=why, now=services.clock())
    outcome(answer, [f"plan {plan}: rejected"], json=json)
