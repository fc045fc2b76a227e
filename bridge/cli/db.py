"""`db`: the schema of the database."""

import click

from bridge.cli.session import Session
from bridge.store import schema


@click.group()
def db() -> None:
    """Look after the database."""


@db.command()
@click.pass_obj
def upgrade(session: Session) -> None:
    """Bring the database to the schema of this version. Safe to run again, and on several machines at once."""
    engine = session.house.store.engine
    before = schema.pending(engine)
    schema.upgrade(engine)
    click.echo("the database is at the present schema" + ("" if before else " already"))
