"""`mutes`: list, add and end mutes: items that one rule or all rules leave alone."""

import getpass
from datetime import datetime

import click

from bridge.cli.session import MOMENT, Session, json_option, outcome, show
from bridge.operations.item_mutes import EVERY_RULE, FOR_EVER, end_mutes, mute_item
from bridge.store import holds
from rules.model.spelling import listed


@click.group()
def mutes() -> None:
    """List, add and end mutes: items that rules leave alone."""


@mutes.command("list")
@json_option
@click.pass_obj
def list_(session: Session, json: bool) -> None:
    """Show active mutes, the next to end first.

    \b
    Example:
      integr8-bridge mutes list
    """
    with session.read() as database:
        rows = [
            {
                "item": f"{one.kind}={one.target_id}",
                "account": one.account,
                "rule": "all rules" if one.rule_id == EVERY_RULE else one.rule_id,
                "until": "someone ends it" if one.until >= FOR_EVER else one.until,
                "why": one.why,
            }
            for one in holds.muted(database, session.services.clock())
        ]
    show(rows, ("item", "account", "rule", "until", "why"), json=json, empty="no rule is muted for any item")


@mutes.command("add")
@click.argument("item", metavar="KIND=ID")
@click.option("--rule", default=EVERY_RULE, help="Only for this rule; without it for all rules.")
@click.option("--account", metavar="NAME", help="Only the item of this account; by default of every account.")
@click.option("--until", type=MOMENT, help="End of the mute; without it the mute lasts until someone ends it.")
@click.option("--why", required=True, help="Reason, shown beside the mute.")
@json_option
@click.pass_obj
def add(
    session: Session, item: str, rule: str, account: str | None, until: datetime | None, why: str, json: bool
) -> None:
    """Mute an item: rules leave it alone.

    \b
    Example:
      integr8-bridge mutes add offer=42 --why "contract until March" --until 2027-03-31
    """
    with session.operating() as services:
        made = mute_item(
            services, item, account=account, rule=rule, until=until, why=why, who=getpass.getuser(),
            now=services.clock(),
        )  # fmt: skip
        accounts = [one.account for one in made]
        told = {"item": item, "accounts": accounts, "rule": made[0].rule_id, "until": made[0].until}
    outcome(told, [f"{item} of {listed(accounts, last='and')} is left alone"], json=json)


@mutes.command("end")
@click.argument("item", metavar="KIND=ID")
@click.option("--rule", default=EVERY_RULE, help="The rule whose mute ends; without it the mute for all rules.")
@click.option("--account", metavar="NAME", help="Account of the item, needed if several accounts muted that id.")
@json_option
@click.pass_obj
def end(session: Session, item: str, rule: str, account: str | None, json: bool) -> None:
    """End a mute: a rule may act on the item again.

    \b
    Example:
      integr8-bridge mutes end offer=42 --rule low-cr
    """
    with session.operating() as services:
        ended = end_mutes(
            services.store, rule, item, account=account, who=getpass.getuser(), now=services.clock()
        )  # fmt: skip
    if not ended:
        raise click.ClickException(f"{item}: has no mute; `integr8-bridge mutes list` shows what is")
    outcome({"item": item, "rule": rule, "ended": True}, [f"{item} may be acted on again"], json=json)
