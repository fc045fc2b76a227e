"""Build the commands for reports, downloads and signed addresses."""

import csv
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import click
from rich.console import Console

from bridge.cli.api_options import dashed
from bridge.cli.api_session import account_options, as_text, client_of, guarded, limited, page_size, print_rows
from bridge.cli.choice import Choice
from bridge.cli.session import MOMENT, Session, Span, cell, json_option, outcome
from bridge.integr8 import ApiError, Listing, Operation
from bridge.integr8.body_types import ReportFilter
from bridge.integr8.core import Row
from bridge.integr8.exports import Exporter, Progress, Table
from bridge.integr8.query_schemas import PAGE_SIZE_MAX, STATUSES
from bridge.store import migrate, schema_version
from bridge.store.csv_cells import LinesOfUnix, safe_cell
from bridge.store.exports import Starts
from rules.model.formatting import counted


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def apply(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return apply


span_options = _options(
    click.option("--since", type=Span(), help="The newest time range: 30m, 24h, 7d."),
    click.option("--start", type=MOMENT, help="From this time on (UTC unless it has an offset)."),
    click.option("--end", type=MOMENT, help="Until this time (default: now)."),
)
narrow_options = _options(
    click.option("--status", type=Choice(STATUSES), help="Only rows with this status."),
    click.option("--offer-id", help="Only rows of this offer."),
    click.option("--publisher", help="Only rows of this publisher."),
    click.option("--advertiser", help="Only rows of this advertiser."),
)


def span(since: timedelta | None, start: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    until = end or datetime.now(UTC)
    if (since is None) == (start is None):
        raise click.UsageError("give either --since or --start")
    return start or until - cast("timedelta", since), until


def _narrowed(**values: str | None) -> ReportFilter:
    return cast("ReportFilter", {name: value for name, value in values.items() if value is not None})


# --- reports ---------------------------------------------------------------------------------------


def report(operation: Operation) -> click.Command:
    @click.command(dashed(operation.action), help=_report_help(operation))
    @span_options
    @narrow_options
    @click.option("--after", help="Continue with older rows from this cursor.")
    @click.option("--before", help="Continue with newer rows from this cursor.")
    @click.option("--size", type=click.IntRange(1, PAGE_SIZE_MAX), default=PAGE_SIZE_MAX, help="Rows per request.")
    @click.option("--limit", type=click.IntRange(0), default=0, help="Stop after this many rows; 0 reads all.")
    @click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
    @click.option("--columns", help="The columns of --csv, with commas between (default: those of the first page).")
    @click.option("--json", "json", is_flag=True, help="Print JSON instead of a table.")
    @account_options
    @click.pass_obj
    @guarded
    def run(
        session: Session,
        account: str,
        integration: str,
        since: timedelta | None,
        start: datetime | None,
        end: datetime | None,
        status: str | None,
        offer_id: str | None,
        publisher: str | None,
        advertiser: str | None,
        after: str | None,
        before: str | None,
        size: int,
        limit: int,
        columns: str | None,
        *,
        as_csv: bool,
        json: bool,
    ) -> None:
        if as_csv and json:
            raise click.UsageError("give either --csv or --json")
        begin, until = span(since, start, end)
        narrowed = _narrowed(status=status, offer_id=offer_id, publisher=publisher, advertiser=advertiser)
        reports = client_of(session, account, integration).reports
        ask = {"clicks": reports.clicks, "conversions": reports.conversions, "impressions": reports.impressions}
        rows = ask[operation.action](
            begin, until, filter=narrowed, after=after, before=before, size=page_size(size, limit)
        )
        _print(rows, limit, columns.split(",") if columns else None, as_csv=as_csv, json=json)

    return run  # fmt: skip


def _report_help(operation: Operation) -> str:
    return (
        f"{operation.title}, newest rows first. Reports cannot be sorted.\n\n\b\nExample:\n"
        f"  integr8-bridge api reports {operation.action} --since 24h --csv > {operation.action}.csv"
    )


def _print(rows: Listing, limit: int, columns: Sequence[str] | None, *, as_csv: bool, json: bool) -> None:
    try:
        if as_csv:
            _print_csv(rows, limit, columns)
        else:
            print_rows(limited(rows, limit), json=json, empty="no rows")
    except ApiError:
        if rows.cursor:
            click.echo(f"broken off; go on with --after {rows.cursor}", err=True)
        raise


def _print_csv(rows: Listing, limit: int, columns: Sequence[str] | None) -> None:
    """Print row by row in constant memory; the header has the columns of the first page, or the requested ones."""
    writer: csv.DictWriter[str] | None = None
    left = limit or None
    for page in rows.pages():
        if writer is None:
            names = columns or list(dict.fromkeys(key for row in page.rows for key in row))
            writer = csv.DictWriter(LinesOfUnix(sys.stdout), names, extrasaction="ignore")
            if names:
                writer.writerow({name: safe_cell(name) for name in names})
        for row in page.rows[:left]:
            writer.writerow({key: safe_cell(cell(value)) for key, value in row.items()})
        left = None if left is None else left - len(page.rows)
        if left is not None and left <= 0:
            return


# --- downloads -------------------------------------------------------------------------------------


def exporter(session: Session, account: str, integration: str) -> Exporter:
    """Return the account's exporter; its count is in the database, which every machine shares.

    A fresh home has no database yet: this creates it, as `up` does, because `api` needs nothing else of it.
    """
    engine = session.services.store.engine
    if schema_version.is_fresh(engine):
        migrate.upgrade(engine)
    session.migrated()
    return Exporter(client_of(session, account, integration), Starts(session.services.store, account))


NOT_FOR_POSTBACK_LOGS = {"status", "offer_id", "publisher", "advertiser", "extra_parameters"}


def download(operation: Operation) -> click.Command:
    @click.command(dashed(operation.action), help=_download_help(operation))
    @span_options
    @narrow_options
    @click.option("--fields", required=True, help="The columns of the file, with commas between.")
    @click.option("--extra-parameters", default="", help="Extra parameters as further columns, with commas between.")
    @click.option("--delimiter", default=None, help="Separator of cells (default: a comma).")
    @click.option(
        "--output",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Wait for the export, and write it to this file.",
    )
    @click.option("--keep/--delete", default=True, help="Keep the export at Integr8 after --output, or delete it.")
    @click.option("--json", "json", is_flag=True, help="Print the export object as JSON.")
    @account_options
    @click.pass_obj
    @guarded
    def run(
        session: Session,
        account: str,
        integration: str,
        since: timedelta | None,
        start: datetime | None,
        end: datetime | None,
        fields: str,
        delimiter: str | None,
        output: Path | None,
        *,
        keep: bool,
        json: bool,
        status: str | None = None,
        offer_id: str | None = None,
        publisher: str | None = None,
        advertiser: str | None = None,
        extra_parameters: str = "",
    ) -> None:
        begin, until = span(since, start, end)
        exports = exporter(session, account, integration)
        export = exports.start(
            cast("Table", operation.action),
            begin,
            until,
            fields=_names(fields),
            extra_parameters=_names(extra_parameters),
            delimiter=delimiter,
            filter=_narrowed(status=status, offer_id=offer_id, publisher=publisher, advertiser=advertiser),
        )
        left = exports.budget()
        click.echo(f"export {export['id']} started; {left.left} of {left.limit} left in 24 hours", err=True)
        if output is not None:
            export = _fetch(exports, export, output)
            if not keep:
                exports.delete(str(export["id"]))
        click.echo(as_text(export) if json else str(output or export["id"]))

    if operation.action == "postback_logs":  # Integr8 takes no filters and no further columns there
        run.params = [one for one in run.params if one.name not in NOT_FOR_POSTBACK_LOGS]
    return run


_SHOWN_FIELDS = {
    "clicks": "transaction_id,offer_id",
    "conversions": "transaction_id,payout",
    "impressions": "transaction_id,offer_id",
    "postback_logs": "transaction_id,url",
}


def _download_help(operation: Operation) -> str:
    return (
        f"{operation.title}. Ten exports a day are allowed; `api budget` shows what is left. "
        "The file is as Integr8 wrote it: a spreadsheet may run a cell that begins with `=`.\n\n\b\nExample:\n"
        f"  integr8-bridge api downloads {dashed(operation.action)} --since 7d "
        f"--fields {_SHOWN_FIELDS[operation.action]} --output week.csv"
    )


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _fetch(exports: Exporter, export: Row, output: Path) -> Row:
    with Console(file=sys.stderr).status("waiting for Integr8") as line:

        def tell(progress: Progress) -> None:
            rows = f", {counted(progress.rows, 'row')}" if progress.rows is not None else ""
            line.update(f"{progress.status} after {progress.waited:.0f} s{rows}")

        ready = exports.wait(str(export["id"]), progress=tell)
        exports.save(ready, output, progress=lambda size: line.update(f"{size / 1e6:.1f} MB"))
    return ready


# --- signed addresses ------------------------------------------------------------------------------


def _example(operation: Operation) -> str:
    return f"\b\nExample:\n  integr8-bridge api {dashed(operation.resource)} {dashed(operation.action)} export-7.csv"


def address(operation: Operation) -> click.Command:
    @click.command(
        dashed(operation.action),
        help=f"{operation.title}. Whoever has the address can read the file.\n\n{_example(operation)}",
    )
    @click.argument("artifact_name")
    @account_options
    @json_option
    @click.pass_obj
    @guarded
    def run(
        session: Session, /, account: str, integration: str, artifact_name: str, *, json: bool, **values: Any
    ) -> None:
        query = {"artifact_name": artifact_name, **{key: value for key, value in values.items() if value}}
        found = client_of(session, account, integration).call(operation.name, query=query)
        outcome({"url": found}, [str(found)], json=json)

    if operation.action == "shared_url":
        run.params.append(click.Option(["--token"], help="The token of the guest.", envvar="INTEGR8_GUEST_TOKEN"))
    return run
