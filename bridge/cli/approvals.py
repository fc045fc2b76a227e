"""`approvals`: plans that wait for a person."""

import getpass
from datetime import UTC, datetime

import click

from bridge.cli.session import Session, json_option, outcome, show, subject_targets
from bridge.operations.approvals import Person, approve, reject
from bridge.store import ledger


@click.group()
def approvals() -> None:
    """Plans that wait for a yes or a no, the most money first."""


@approvals.command("list")
@json_option
@click.pass_obj
def list_(session: Session, json: bool) -> None:
    """Show what waits, until when, and why it waits."""
    with session.read() as database:
        rows = [
            {
                "plan": plan.id,
                "rule": plan.rule_id,
                "since": plan.created_at,
                "decide_by": plan.decide_by,
                "targets": len({effect.target_id for effect in plan.effects}),
                "revenue_24h": plan.money_24h,
                "why": "; ".join(stop["message"] for stop in plan.stops[:2]) or "the rule asks for a yes",
            }
            for plan in ledger.waiting(database)
        ]
    columns = ("plan", "rule", "since", "decide_by", "targets", "revenue_24h", "why")
    show(rows, columns, json=json, empty="nothing waits for you")


@approvals.command("approve")
@click.argument("plan", type=int)
@click.option("--only", multiple=True, metavar="KIND=ID", help="Say yes to these targets alone: --only offer=42")
@json_option
@click.pass_obj
def approve_(session: Session, plan: int, only: tuple[str, ...], json: bool) -> None:
    """Say yes. The rule looks again first: what recovered drops out.

    \b
    Example:
      integr8-bridge approvals approve 12 --only offer=42
    """
    with session.operating() as house:
        wanted = subject_targets(only) if only else None
        answer = approve(house, plan, person=Person(name=getpass.getuser()), now=datetime.now(UTC), only=wanted)
    lines = [f"plan {plan}: {answer.state}, {answer.kept} effects", *(f"dropped: {why}" for why in answer.dropped)]
    outcome(answer, lines, json=json)


@approvals.command("reject")
@click.argument("plan", type=int)
@click.option("--why", required=True, help="The reason, for the audit.")
@json_option
@click.pass_obj
def reject_(session: Session, plan: int, why: str, json: bool) -> None:
    """Say no. The rule may ask again at its next look."""
    with session.operating() as house:
        answer = reject(house, plan, person=Person(name=getpass.getuser()), why=why, now=datetime.now(UTC))
    outcome(answer, [f"plan {plan}: rejected"], json=json)
