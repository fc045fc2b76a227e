"""`holds`: list and release what rules keep paused."""

import getpass

import click
from sqlalchemy import select

from bridge.cli.session import ROW_ID, Session, json_option, outcome, show
from bridge.cli.subjects import subject_targets
from bridge.operations.holds import release_holds
from bridge.store import entities
from bridge.store.holds import Hold, HoldState


@click.group()
def holds() -> None:
    """List and release what rules keep paused."""


@holds.command("list")
@click.option("--all", "everything", is_flag=True, help="Include those that have ended.")
@click.option("--rule", help="Only those of this rule.")
@click.option("--target", metavar="KIND=ID", help="Only holds of this target: --target offer=42")
@click.option("--account", metavar="NAME", help="Only those of this account.")
@json_option
@click.pass_obj
def list_(
    session: Session, everything: bool, rule: str | None, target: str | None, account: str | None, json: bool
) -> None:
    """Show active holds, the next to end first; those without an end come last.

    \b
    Examples:
      integr8-bridge holds list
      integr8-bridge holds list --target offer=42 --all
    """
    session.refuse_unknown(rule=rule, account=account, target=target)
    query = select(Hold).order_by(Hold.until.nulls_last(), Hold.id)
    if account is not None:
        query = query.where(Hold.account == account)
    if not everything:
        query = query.where(Hold.state == HoldState.ACTIVE)
    if rule is not None:
        query = query.where(Hold.rule_id == rule)
    with session.read() as database:
        if target is not None:
            [wanted] = subject_targets([target])
            query = query.where(entities.is_of_item(database, Hold, wanted.kind, wanted.id, account=account))
        rows = [
            {
                "hold": one.id,
                "target": f"{one.kind} {one.target_id}",
                "account": one.account,
                "rule": one.rule_id,
                "since": one.since,
                "until": one.until or "someone lets go",
                "count": one.count,
                "state": str(one.state),
                "ended_why": one.ended_why,
            }
            for one in database.scalars(query)
        ]
    columns = [
        "hold",
        "target",
        "account",
        "rule",
        "since",
        "until",
        "count",
        *(["state", "ended_why"] if everything else []),
    ]
    show(rows, columns, json=json, empty="nothing is held")


@holds.command("release")
@click.argument("hold", type=ROW_ID, nargs=-1, required=True)
@json_option
@click.pass_obj
def release(session: Session, hold: tuple[int, ...], json: bool) -> None:
    """Release a hold. The target is activated unless another rule holds it; this rule leaves it alone for a while.

    \b
    Example:
      integr8-bridge holds release 3 4
    """
    with session.operating() as services:
        done = release_holds(services, hold, who=getpass.getuser(), now=services.clock())
    lines = [*(f"activated again: {target}" for target in done.returns), *done.stays]
    outcome(done, lines, json=json)
