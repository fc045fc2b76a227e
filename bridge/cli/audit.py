"""`audit`: show who did what."""

from datetime import datetime, timedelta

import click

from bridge.cli.session import Session, json_option, show, since_option
from bridge.operations.change_authors import authors
from bridge.operations.item_history import changed_by
from bridge.store import audit_log, entities

COLUMNS = ("at", "who", "what", "about", "detail")


@click.command()
@click.option("--who", help="Only actions of this user, token or part of the service.")
@click.option("--what", help="Only this action, for example 'sign in', 'failed sign-in', undo, approved.")
@click.option("--changes", is_flag=True, help="Changes of items at Integr8 instead, by rules and by people.")
@since_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@json_option
@click.pass_obj
def audit(
    session: Session,
    who: str | None,
    what: str | None,
    changes: bool,
    since: timedelta | None,
    limit: int,
    json: bool,
) -> None:
    """Show who did what, newest first: sign-ins and failed ones, approvals, undos, changes of users and tokens.

    \b
    Examples:
      integr8-bridge audit --who anna --since 7d
      integr8-bridge audit --what 'failed sign-in' --json
      integr8-bridge audit --changes --since 1d
    """
    after = session.services.clock() - since if since else None
    if changes:
        if who is not None or what is not None:
            raise click.UsageError("--changes goes with --since and --limit; --who and --what are about the audit log")
        _changes(session, after, limit, json=json)
        return
    session.refuse_unknown(who=who, what=what)
    with session.read() as database:
        rows = [
            {name: getattr(one, name) for name in COLUMNS}
            for one in audit_log.entries(database, who=who, what=what, after=after, limit=limit)
        ]
    show(rows, COLUMNS, json=json, empty="nothing of that kind is in the audit")


def _changes(session: Session, after: datetime | None, limit: int, *, json: bool) -> None:
    """Print the differences found at Integr8, with who made them."""
    with session.read() as database:
        found = entities.latest_changes(database, after=after, limit=limit)
        by_whom = authors(database, {one.effect_id for one in found if one.effect_id})
        rows = [
            {
                "seen": one.seen_at,
                "item": f"{one.kind} {one.ref}",
                "account": one.account,
                "field": one.field,
                "before": one.before,
                "after": one.after,
                "by": changed_by(one, by_whom.get(one.effect_id) if one.effect_id else None),
            }
            for one in found
        ]
    show(rows, ("seen", "item", "account", "field", "before", "after", "by"), json=json, empty="nothing was changed")
