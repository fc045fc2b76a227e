"""`items`: offers, publishers and advertisers as Integr8 last told of them; `search`: anything by what it is called."""

from dataclasses import asdict

import click
from sqlalchemy import select

from bridge.cli.choice import Choice
from bridge.cli.session import Session, as_json, json_option, outcome, show
from bridge.cli.subjects import subject_targets
from bridge.operations.item_history import story
from bridge.operations.item_lookup import find_item
from bridge.operations.search import search as search_
from bridge.store import entities
from bridge.store.entities import ITEM_KINDS, Entity

COLUMNS = ("kind", "number", "ref", "name", "account", "active", "changed_at", "gone_at")


@click.group()
def items() -> None:
    """List items, and show the history of one."""


@items.command("list")
@click.option("--kind", type=Choice(list(ITEM_KINDS)), help="Only offers, publishers or advertisers.")
@click.option("--text", help="Only those with this in their name, or with this id.")
@click.option("--account", metavar="NAME", help="Only those of this account.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@json_option
@click.pass_obj
def list_(session: Session, kind: str | None, text: str | None, account: str | None, limit: int, json: bool) -> None:
    """Show items as Integr8 last returned them.

    \b
    Examples:
      integr8-bridge items list --kind offer --text summer
      integr8-bridge items list --json
    """
    wanted = [Entity.kind == kind if kind else Entity.kind.in_(ITEM_KINDS)]
    wanted += [entities.matches(text)] if text else []
    wanted += [Entity.account == account] if account else []
    query = select(Entity).where(*wanted).order_by(Entity.kind, Entity.id).limit(limit)
    with session.read() as database:
        rows = [{name: getattr(one, name) for name in COLUMNS} for one in database.scalars(query)]
    show(rows, COLUMNS, json=json, empty="no such item was read from Integr8")


@items.command("show")
@click.argument("item", metavar="KIND=ID")
@click.option("--account", metavar="NAME", help="Account of the item, needed if several accounts have that id.")
@json_option
@click.pass_obj
def show_(session: Session, item: str, account: str | None, json: bool) -> None:
    """Show one item and its history, newest first: checks, pauses, approvals, undos, changes in Integr8.

    \b
    Example:
      integr8-bridge items show offer=42
    """
    [wanted] = subject_targets([item])
    with session.operating() as services, services.store.read() as database:
        found = find_item(database, wanted.kind, wanted.id, account)
        rules = services.library.current(database).revisions.values()
        told = story(database, found, [one.id for one in rules if one.account != found.account])
        rows = [asdict(one) for one in told.moments]
        about = {name: getattr(found, name) for name in COLUMNS}
    if json:
        click.echo(as_json(about | {"moments": rows}))
        return
    state = "archived" if found.gone_at else "active" if found.active else "inactive"
    outcome(about, [f"{found.kind} {found.number or found.ref}: {found.name or 'without a name'}, {state}"], json=False)
    show(rows, ("at", "who", "what", "state", "detail", "times", "run_id"), json=False, empty="nothing happened to it")


@click.command()
@click.argument("text")
@click.option("--every", is_flag=True, help="Search all webhooks, and not only the newest 20,000.")
@json_option
@click.pass_obj
def search(session: Session, text: str, every: bool, json: bool) -> None:
    """Find an offer, publisher, advertiser, rule, run or webhook by id, name, e-mail address or transaction.

    \b
    Examples:
      integr8-bridge search 1009
      integr8-bridge search ann@example.com
    """
    services = session.services
    with session.read() as database:
        rules, several = services.library.current(database).revisions, len(services.settings.accounts) > 1
        hits = search_(database, text, rules, several_accounts=several, every_event=every)
    rows = [asdict(one) for one in hits]
    show(rows, ("kind", "name", "hint", "address"), json=json, empty="nothing is called that or contains it")
