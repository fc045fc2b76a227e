"""`audit`: show who did what."""

from datetime import timedelta

import click

from bridge.cli.session import Session, json_option, show, since_option
from bridge.store import audit_log

COLUMNS = ("at", "who", "what", "about", "detail")


@click.command()
@click.option("--who", help="Only actions of this user, token or part of the service.")
@click.option("--what", help="Only this action, for example 'sign in', 'failed sign-in', undo, approved.")
@since_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000))
@json_option
@click.pass_obj
def audit(session: Session, who: str | None, what: str | None, since: timedelta | None, limit: int, json: bool) -> None:
    """Show who did what, newest first: sign-ins and failed ones, approvals, undos, changes of users and tokens.

    \b
    Examples:
      integr8-bridge audit --who anna --since 7d
      integr8-bridge audit --what 'failed sign-in' --json
    """
    after = session.services.clock() - since if since else None
    with session.read() as database:
        rows = [
            {name: getattr(one, name) for name in COLUMNS}
            for one in audit_log.entries(database, who=who, what=what, after=after, limit=limit)
        ]
    show(rows, COLUMNS, json=json, empty="nothing of that kind is in the audit")
