"""`reports`: read now, show how far each feed is, back-fill history by export and import."""

from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from bridge import feeding
from bridge.cli.session import MOMENT, Session, as_json, json_option, show
from bridge.data import polling
from bridge.data.importing import Imported, import_file
from bridge.integr8.errors import ApiError, BudgetError
from bridge.integr8.exports import Exporter
from bridge.integr8.startlog import StartsInFile
from bridge.store import feeds, slots
from bridge.store.feeds import FeedKey, Kind

FIELDS = {
    "conversions": (
        "transaction_id", "conversion_time", "click_time", "status", "rejection_reason", "offer_id", "publisher",
        "advertiser", "sub_id", "geo_country", "payout", "revenue", "currency", "event_id", "event_name",
    ),
    "clicks": (
        "transaction_id", "request_time", "status", "rejection_reason", "offer_id", "publisher", "advertiser", "sub_id",
        "geo_country",
    ),
}  # fmt: skip
FIELDS["impressions"] = FIELDS["clicks"]
KINDS = click.Choice(["clicks", "conversions", "impressions"])
account_options = (
    click.option("--account", default="main", show_default=True),
    click.option("--integration", default="default", show_default=True),
)


def _of_account(command: click.decorators.FC) -> click.decorators.FC:
    for option in account_options:
        command = option(command)
    return command


@click.group()
def reports() -> None:
    """What is read from Integr8: feeds, exports, imports."""


@reports.command("status")
@json_option
@click.pass_obj
def status(session: Session, json: bool) -> None:
    """Show how far each feed is complete, and what is wrong with it."""
    now = datetime.now(UTC)
    with session.read() as database:
        rows = [
            {
                "feed": feed.name,
                "complete_from": feed.since,
                "as_of": feed.as_of,
                "age_minutes": round((now - feed.as_of).total_seconds() / 60, 1) if feed.as_of else None,
                "refused_rows": feed.refused_rows,
                "problem": feed.problem,
            }
            for feed in feeds.everything(database)
        ]
    columns = ("feed", "complete_from", "as_of", "age_minutes", "refused_rows", "problem")
    show(rows, columns, json=json, empty="nothing has been read yet; `integr8-bridge reports poll` reads now")


@reports.command("poll")
@json_option
@click.pass_obj
def poll(session: Session, json: bool) -> None:
    """Read every feed now, in this process, whatever the workers do. Doing both reads nothing twice.

    \b
    Example:
      integr8-bridge reports poll
    """
    session.migrated()
    house, now = session.house, datetime.now(UTC)
    with house.store.write() as database:
        for account in house.settings.accounts.values():
            for plan in feeding.plans(account):
                feeds.ensure(database, plan.key)
                slots.open_slots(database, [(polling.KIND, polling.slot_key(plan.key, polling.Purpose.HEAD), now)])
        feeding.open_due(database, house, now)
    while feeding.read_due(house, datetime.now(UTC)):
        continue
    status.callback(json)  # type: ignore[misc]


@reports.command("export")
@click.argument("kind", type=KINDS)
@click.option("--from", "start", type=MOMENT, required=True, help="Beginning, UTC unless it names a zone.")
@click.option("--to", "end", type=MOMENT, required=True, help="End.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write; KIND.csv by default.")
@_of_account
@json_option
@click.pass_obj
def export(
    session: Session,
    kind: str,
    start: datetime,
    end: datetime,
    out: Path | None,
    account: str,
    integration: str,
    json: bool,
) -> None:
    """Have Integr8's download centre write a CSV, wait for it, fetch it. Ten a day are allowed.

    \b
    Example:
      integr8-bridge reports export conversions --from 2026-10-01 --to 2026-11-01 --out october.csv
      integr8-bridge reports import october.csv --kind conversions
    """
    path = out or Path(f"{kind}.csv")
    session.settings.var.mkdir(parents=True, exist_ok=True)
    exporter = Exporter(
        session.client(account, integration), StartsInFile(session.settings.var / f"exports-{account}.log")
    )
    try:
        with _bar() as bar:
            task = bar.add_task("waiting for Integr8", total=None)
            begun = exporter.start(kind, start, end, fields=FIELDS[kind])  # type: ignore[arg-type]
            ready = exporter.wait(
                begun["id"],
                progress=lambda now: bar.update(task, description=f"{now.status.lower()}, {now.waited:.0f} s"),
            )
            size = exporter.save(ready, path, progress=lambda done: bar.update(task, description=f"{done:,} bytes"))
    except (ApiError, BudgetError) as error:
        raise click.ClickException(str(error)) from error
    left = exporter.budget()
    result = {"file": str(path), "bytes": size, "exports_left_today": left.limit - left.used}
    click.echo(as_json(result) if json else f"{path}: {size:,} bytes; {left.limit - left.used} exports left today")


@reports.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--kind", type=KINDS, required=True, help="What the rows are.")
@_of_account
@json_option
@click.pass_obj
def import_(session: Session, file: Path, kind: str, account: str, integration: str, json: bool) -> None:
    """Add the rows of a CSV to the observations, in constant memory. Running it again counts nothing twice.

    \b
    Example:
      integr8-bridge reports import october.csv --kind conversions
    """
    session.migrated()
    key = FeedKey(account=account, integration=integration, kind=Kind(kind))
    try:
        with _bar() as bar:
            task = bar.add_task("reading", total=None)

            def progress(so_far: Imported) -> None:
                bar.update(task, description=f"{so_far.rows:,} rows, {so_far.new:,} new")

            found = import_file(session.house.store, key, file, now=datetime.now(UTC), progress=progress)
    except ValueError as error:
        raise click.ClickException(
            f"{file}: {error}; what was read before is kept, mend the file and run it again"
        ) from error
    for line in found.refused:
        click.secho(line, fg="yellow", err=True)
    result = {"rows": found.rows, "new": found.new, "changed": found.changed, "refused": list(found.refused)}
    click.echo(as_json(result) if json else f"{found.rows:,} rows: {found.new:,} new, {found.changed:,} changed")


def _bar() -> Bar:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    return Bar(*columns, console=Console(stderr=True), transient=True)
