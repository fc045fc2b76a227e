"""`reports`: read reports now, show how complete each feed is, and import history."""

import getpass
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

from bridge.cli.choice import Choice
from bridge.cli.session import MOMENT, ROW_ID, Session, as_json, json_option, show
from bridge.integr8.errors import ApiError, BudgetError
from bridge.operations import exports, feeds
from bridge.operations.feed_status import feed_states
from bridge.operations.observation_moves import CLICKHOUSE, PLACES, move_observations
from bridge.operations.observation_repair import described, lost_rows, repair
from bridge.operations.report_backfill import fetch
from bridge.operations.report_imports import import_states, remove_import
from bridge.reports import postbacks
from bridge.reports.clickhouse_moves import Moved
from bridge.reports.csv_import import Imported, ImportName, import_file, preview
from bridge.reports.shadow_report import shadow_report
from bridge.sources.csv_file import CsvProblem
from bridge.store.feeds import FeedKey, Kind
from rules.model.formatting import counted

REPORT_KINDS = Choice(["clicks", "conversions", "impressions"])
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
    """Read, export and import reports, and show the state of the feeds."""


@reports.command("status")
@json_option
@click.pass_obj
def status(session: Session, json: bool) -> None:
    """Show up to when each feed is complete, and its problems.

    \b
    Example:
      integr8-bridge reports status
    """
    now = session.services.clock()
    with session.read() as database:
        rows = [
            {
                "feed": one.feed,
                "complete_from": one.complete_from,
                "as_of": one.as_of,
                "age_minutes": round(one.age / timedelta(minutes=1), 1) if one.age is not None else None,
                "facts": one.facts,
                "megabytes": round(one.size / 1e6, 2),
                "refused_rows": one.refused_rows,
                "problem": one.problem,
            }
            for one in feed_states(database, now)
        ]
    columns = ("feed", "complete_from", "as_of", "age_minutes", "facts", "megabytes", "refused_rows", "problem")
    show(rows, columns, json=json, empty="nothing has been read yet; `integr8-bridge reports poll` reads now")


@reports.command("poll")
@json_option
@click.pass_obj
def poll(session: Session, json: bool) -> None:
    """Read every feed now, in this process. Workers may read at the same time; nothing is counted twice.

    \b
    Example:
      integr8-bridge reports poll
    """
    session.migrated()
    services, now = session.services, session.services.clock()
    with services.store.write() as database:
        feeds.ask_all(database, services, now)
    while feeds.read_due(services, datetime.now(UTC)):
        continue
    status.callback(json)  # type: ignore[misc]


@reports.command("fetch")
@click.option("--days", type=click.IntRange(1, 36_500), default=30, show_default=True, help="How far back.")
@click.option("--account", default="main", show_default=True)
@json_option
@click.pass_obj
def fetch_(session: Session, days: int, account: str, json: bool) -> None:
    """Let the workers read earlier days from Integr8; `reports status` shows their progress.

    \b
    Example:
      integr8-bridge reports fetch --days 30
    """
    with session.operating() as services:
        found = fetch(services, days, account=account, who=getpass.getuser(), now=services.clock())
    rows = [{"feed": one.kind, "since": one.since, "reading_from": one.start, "rows": one.rows} for one in found]
    show(rows, ("feed", "since", "reading_from", "rows"), json=json, empty="no feed is read")


@reports.command("agreement")
@click.option("--from", "start", type=MOMENT, help="Start; a day ago by default.")
@click.option("--to", "end", type=MOMENT, help="End; now by default.")
@_of_account
@json_option
@click.pass_obj
def agreement(
    session: Session, start: datetime | None, end: datetime | None, account: str, integration: str, json: bool
) -> None:
    """Show where postbacks and reports differ, per hour and offer. The report fills in lost postbacks.

    \b
    Example:
      integr8-bridge reports agreement --from 2026-11-23
    """
    until = end or session.services.clock()
    with session.read() as database:
        found = postbacks.compare(database, account, integration, start or until - timedelta(days=1), until)
    differing = found.differing if found else ()
    rows = [
        {"hour": one.hour, "offer": one.offer, "reports": one.reports, "postbacks": one.postbacks, "lost": one.lost}
        for one in differing
    ]
    counts = f"{found.reports} by reports, {found.postbacks} by postbacks" if found else "one of the two was never read"
    columns = ("hour", "offer", "reports", "postbacks", "lost")
    show(rows, columns, json=json, empty=f"no difference: {counts}" if found else counts)


@reports.command("shadow")
@click.option("--from", "start", type=MOMENT, help="Start; a week ago by default.")
@click.option("--to", "end", type=MOMENT, help="End; now by default.")
@click.option("--rule", help="Only this rule.")
@click.option("--account", default="main", show_default=True)
@json_option
@click.pass_obj
def shadow(
    session: Session, start: datetime | None, end: datetime | None, rule: str | None, account: str, json: bool
) -> None:
    """Compare what shadow rules would have done with what people did to the same targets within a day.

    \b
    Example:
      integr8-bridge reports shadow --rule low-cr
    """
    session.refuse_unknown(rule=rule, account=account)
    until = end or session.services.clock()
    with session.read() as database:
        found = shadow_report(database, account, start or until - timedelta(days=7), until, rule=rule)
    rows = [
        {
            "at": one.at, "rule": one.rule, "would": f"{one.verb} {one.kind} {one.target}", "people": one.people,
            "hours_earlier": round(one.lead / timedelta(hours=1), 1) if one.lead is not None else None,
            "reason": one.reason,
        }
        for one in found.would_have
    ]  # fmt: skip
    if json:
        missed = [{"at": one.at, "kind": one.kind, "target": one.target} for one in found.missed]
        click.echo(as_json({"would_have": rows, "paused_by_hand_only": missed}))
        return
    columns = ("at", "rule", "would", "people", "hours_earlier", "reason")
    show(rows, columns, json=False, empty="no shadow rule wanted anything")
    click.echo(
        f"how often people did the same: {found.count('same'):,}; the opposite: {found.count('opposite'):,}; nothing: "
        f"{found.count('nobody'):,}. Pauses by hand that no shadow rule asked for: {len(found.missed):,}"
    )


@reports.command("export")
@click.argument("kind", type=REPORT_KINDS)
@click.option("--from", "start", type=MOMENT, required=True, help="Start, UTC unless it names a zone.")
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
    """Export a CSV by Integr8's download centre: start, wait, download. Ten a day are allowed.

    The file is as Integr8 wrote it, so that it can be imported: a spreadsheet may run a cell that begins with `=`.

    \b
    Example:
      integr8-bridge reports export conversions --from 2026-10-01 --to 2026-11-01 --out october.csv
      integr8-bridge reports import october.csv --kind conversions
    """
    path = out or Path(f"{kind}.csv")
    try:
        with session.operating() as services, _bar() as bar:
            task = bar.add_task("waiting for Integr8", total=None)
            exporter = exports.exporter(services, account, integration)
            begun = exports.begin(services, account, integration, table=kind, start=start, end=end)  # type: ignore[arg-type]
            ready = exporter.wait(
                begun,
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
@click.option("--kind", type=REPORT_KINDS, required=True, help="Kind of rows.")
@click.option("--from", "start", type=MOMENT, help="Start of the time that the file covers; its first row by default.")
@click.option("--to", "end", type=MOMENT, help="End of the time that the file covers; its last row by default.")
@click.option("--name", help="Name of the import in `reports imports list`; the file name by default.")
@click.option("--seen-column", metavar="COLUMN", help="The column that says when each row was seen, for backtests.")
@click.option("--dry-run", is_flag=True, help="Write nothing; show how the first rows would be read.")
@_of_account
@json_option
@click.pass_obj
def import_(
    session: Session,
    file: Path,
    kind: str,
    start: datetime | None,
    end: datetime | None,
    name: str | None,
    seen_column: str | None,
    dry_run: bool,
    account: str,
    integration: str,
    json: bool,
) -> None:
    """Import the rows of a CSV, in constant memory. Importing a file again counts nothing twice.

    Rows that polling has read already are not added twice. Each import is a batch: `reports imports list` shows them,
    and `reports imports remove` removes one. Exit code 1 if a row was refused; all others are imported.

    Live rules use the time range of the file only if it adjoins the reports from polling: a missing day in between
    would look like a day without traffic.

    \b
    Examples:
      integr8-bridge reports import october.csv --kind conversions --dry-run
      integr8-bridge reports import october.csv --kind conversions
      integr8-bridge reports import october.csv --kind clicks --from 2026-10-01 --to 2026-11-01
    """
    if dry_run:
        _preview(file, Kind(kind), seen_column, json=json)
        return
    session.migrated()
    if account not in session.settings.accounts:
        raise click.UsageError(f"account {account}: not in bridge.yaml")
    key = FeedKey(account=account, integration=integration, kind=Kind(kind))
    called = ImportName(name or file.stem, file.name, getpass.getuser())
    try:
        with _bar() as bar:
            task = bar.add_task("reading", total=None)

            def progress(so_far: Imported) -> None:
                bar.update(task, description=f"{counted(so_far.rows, 'row')}, {so_far.new:,} new")

            now = session.services.clock()
            found = import_file(
                session.services.store, key, file, now=now, start=start, end=end, seen_column=seen_column, name=called,
                progress=progress,
            )  # fmt: skip
    except CsvProblem as error:
        raise click.ClickException(f"{file}: {error}") from error
    _tell(found, file, json=json)
    raise SystemExit(1 if found.refused_rows else 0)


def _tell(found: Imported, file: Path, *, json: bool) -> None:
    warnings = [*found.refused]
    if found.refused_rows > len(found.refused):
        warnings.append(f"rows that were refused beside these: {found.refused_rows - len(found.refused):,}")
    if found.summed:
        warnings.append(
            f"left out, because they may be in the sums already: {counted(found.summed, 'row')} of hours of which only "
            "sums are kept (`keep.rows` in bridge.yaml)"
        )
    if found.apart:
        (begins, ends), (since, as_of) = found.apart
        warnings.append(
            f"{file} covers {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC, the reports were read from "
            f"{since:%Y-%m-%d %H:%M} to {as_of:%Y-%m-%d %H:%M}; what lies between is missing, so live rules do not "
            "look at the file's time. Import what is missing first, or say with --from and --to what the file covers."
        )
    for line in [*found.notes, *warnings]:
        click.secho(line, fg="yellow", err=True)
    result = {
        "id": found.id, "rows": found.rows, "new": found.new, "changed": found.changed,
        "refused": list(found.refused), "refused_rows": found.refused_rows, "left_out": found.summed,
        "joined": found.apart is None, "notes": list(found.notes),
    }  # fmt: skip
    called = "nothing was imported" if found.id is None else f"import {found.id}"
    words = f"{called}: {counted(found.rows, 'row')}: {found.new:,} new, {found.changed:,} changed"
    if found.refused_rows:
        words += f", {found.refused_rows:,} refused"
    click.echo(as_json(result) if json else words)


def _preview(file: Path, kind: Kind, seen_column: str | None, *, json: bool) -> None:
    try:
        found = preview(file, kind, seen_column, now=datetime.now(UTC))
    except CsvProblem as error:
        raise click.ClickException(f"{file}: {error}") from error
    if json:
        told = {"notes": list(found.notes), "rows": found.rows, "refused": list(found.refused)}
        click.echo(as_json({"first_rows": list(found.first), **told}))
    else:
        for line in [*found.notes, *found.refused]:
            click.secho(line, fg="yellow", err=True)
        show(found.first, found.columns, json=False, empty="no row can be read")
        click.echo(f"{counted(found.rows, 'row')}, {found.refused_rows:,} refused; nothing was written")
    raise SystemExit(1 if found.refused_rows else 0)


@reports.command("move")
@click.argument("to", type=Choice(PLACES))
@json_option
@click.pass_obj
def move(session: Session, to: str, json: bool) -> None:
    """Move all observations into ClickHouse (OBSERVATIONS_URL), or back into the database.

    Workers may run while observations move to ClickHouse; they would move them within hours anyway. For the way back
    stop them first, and start them without OBSERVATIONS_URL. A move that was interrupted continues.

    \b
    Examples:
      integr8-bridge reports move clickhouse
      integr8-bridge reports move database
    """
    with session.operating() as services, _bar() as bar:
        task = bar.add_task("moving", total=None)

        def progress(so_far: Moved) -> None:
            bar.update(task, description=f"{so_far.facts:,} of {so_far.of:,} facts")

        found = move_observations(services, to, progress)
    words = f"{found.facts:,} of {found.of:,} facts lie in {'ClickHouse' if to == CLICKHOUSE else 'the database'}"
    click.echo(as_json({"to": to, **asdict(found)}) if json else words)
    if found.facts < found.of:
        click.secho("others were changed meanwhile; run the same command again", fg="yellow", err=True)


@reports.command("repair")
@click.option("--yes", is_flag=True, help="Do it; otherwise only show what is lost.")
@click.option("--all", "everything", is_flag=True, help="Also repair feeds without a single complete batch.")
@json_option
@click.pass_obj
def repair_(session: Session, yes: bool, everything: bool, json: bool) -> None:
    """Find rows that ClickHouse has lost, and have the workers read their time ranges from Integr8 again.

    If there is a backup of ClickHouse, restore it first: rows that are read again count as seen now, so a backtest of
    that time sees them too late. Until all rows are read, windows that reach back that far are no_decision. Exit code 1
    if rows are lost and --yes is missing.

    \b
    Examples:
      integr8-bridge reports repair
      integr8-bridge reports repair --yes
    """
    with session.operating() as services:
        if yes:
            found = repair(services, everything=everything, who=getpass.getuser(), now=services.clock())
        else:
            found = [described(one) for one in lost_rows(services)]
    columns = ("feed", "batches", "rows", "start", "end", *(("reading_from",) if yes else ()))
    show([asdict(one) for one in found], columns, json=json, empty="ClickHouse has every row")
    for one in found if yes else ():
        if one.older:
            words = "what is older than Integr8 is asked for; `reports import` brings it from a file"
            click.secho(f"{one.feed}: {words}", fg="yellow", err=True)
    if found and not yes:
        click.secho("nothing was changed; say --yes to read these ranges again", fg="yellow", err=True)
        raise SystemExit(1)


@reports.group("imports")
def imports() -> None:
    """List and remove imports of report rows."""


@imports.command("list")
@json_option
@click.pass_obj
def list_imports(session: Session, json: bool) -> None:
    """Show every import, the newest first.

    \b
    Example:
      integr8-bridge reports imports list
    """
    with session.read() as database:
        rows = [asdict(one) for one in import_states(database)]
    columns = ("id", "name", "feed", "begun_at", "by", "state", "rows", "new", "changed", "first_event", "last_event")
    show(rows, columns, json=json, empty="nothing was imported")


@imports.command("remove")
@click.argument("import_id", metavar="ID", type=ROW_ID)
@json_option
@click.pass_obj
def remove(session: Session, import_id: int, json: bool) -> None:
    """Remove an import. Rows that it changed are restored; rows that polling read since stay.

    \b
    Example:
      integr8-bridge reports imports remove 7
    """
    with session.operating() as services:
        written = remove_import(services.store, import_id, by=getpass.getuser(), now=services.clock())
    told = {"id": import_id, "facts": written}
    click.echo(as_json(told) if json else f"import {import_id} was removed")


def _bar() -> Bar:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    return Bar(*columns, console=Console(stderr=True), transient=True)
