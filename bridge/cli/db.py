"""`db`: migrate the database, back it up and restore it."""

import getpass
from pathlib import Path

import click

from bridge.cli.session import Session, as_json, json_option, outcome
from bridge.operations.restore import DoubtfulEffect, distrust
from bridge.store import backups, migrate, schema_version
from bridge.store.backups import Copy, CopyError
from bridge.store.clock import own

WHY = "restored from a copy; compare with Integr8, then `integr8-bridge resume`"


@click.group()
def db() -> None:
    """Migrate, back up and restore the database."""


@db.command()
@json_option
@click.pass_obj
def upgrade(session: Session, json: bool) -> None:
    """Migrate the database to the schema of this version. Safe to run again, and on several machines at once.

    \b
    Example:
      integr8-bridge db upgrade
    """
    engine = session.services.store.engine
    before = schema_version.pending(engine)
    migrate.upgrade(engine)
    said = "the database is at the present schema" + ("" if before else " already")
    outcome({"upgraded": bool(before)}, [said], json=json)


@db.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace FILE if it exists, once the new copy is complete.")
@json_option
@click.pass_obj
def backup(session: Session, file: Path, overwrite: bool, json: bool) -> None:
    """Back the whole database up to FILE while the service runs, and check the copy.

    FILE appears when it is complete. Keep BRIDGE_SECRET_KEY (or var/secret.key) in another place: without it encrypted
    passwords cannot be read.

    \b
    Example:
      integr8-bridge db backup /backup/bridge-$(date +%F).db
    """
    try:
        made = backups.back_up(session.settings.database_url, file, overwrite=overwrite)
    except CopyError as error:
        raise click.ClickException(str(error)) from error
    outcome(made, [f"{made.file}: {made.size / 1e6:.1f} MB, schema {made.revision}, checked"], json=json)


@db.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace a database that holds data.")
@json_option
@click.pass_obj
def restore(session: Session, file: Path, overwrite: bool, json: bool) -> None:
    """Restore the database from a backup, migrate it to this version's schema, and halt.

    Refused while web, worker or beat have the database open. The service starts halted: Integr8 has not gone back in
    time. Check what is printed, then `integr8-bridge resume`; effects that were executed since the copy was made
    are found to be applied already.

    \b
    Example:
      integr8-bridge db restore /backup/bridge-2026-11-24.db
    """
    try:  # not the service's clock: its connection would count as somebody who has the database open
        put = backups.restore(session.settings.database_url, file, now=own(), overwrite=overwrite)
    except CopyError as error:
        raise click.ClickException(str(error)) from error
    migrate.upgrade(session.services.store.engine)
    _tell(_distrusted(session), put, json=json)


@db.command()
@json_option
@click.pass_obj
def restored(session: Session, json: bool) -> None:
    """Finish a restore by PostgreSQL's tools or a snapshot: upgrade, halt, and list effects in doubt.

    Run it before any process is started. `db restore` does the same by itself.

    \b
    Example:
      integr8-bridge db restored
    """
    migrate.upgrade(session.services.store.engine)
    _tell(_distrusted(session), None, json=json)


def _distrusted(session: Session) -> DoubtfulEffect:
    with session.write() as database:
        return distrust(database, by=getpass.getuser(), why=WHY, now=session.services.clock())


def _tell(doubt: DoubtfulEffect, put: Copy | None, *, json: bool) -> None:
    if json:
        click.echo(as_json({"doubt": doubt, "restored": put}))
        return
    if put is not None:
        click.echo(f"{put.file}: restored, {put.size / 1e6:.1f} MB")
        if put.aside is not None:
            click.echo(f"what was there before is {put.aside}; remove it when all is well")
    newest = f"{doubt.newest:%Y-%m-%d %H:%M:%S} UTC" if doubt.newest else "never"
    click.echo(f"the last sign of life in it is of {newest}; nothing later is known here")
    click.echo(f"events that wait: {doubt.events:,}; rules decide about them again")
    click.echo(f"effects that were under way: {doubt.effects:,}; Integr8 is read before anything is sent")
    click.echo(f"requests to other servers that may have been sent, and are not sent again: {doubt.given_up:,}")
    click.echo(f"plans that wait for a person, who may have said yes since: {doubt.plans:,}")
    click.echo(f"active holds: {doubt.holds:,}; one whose target is active in Integr8 by now ends")
    click.echo("HALTED: start the service, look at `runs list` and `holds list`, then `integr8-bridge resume`")
