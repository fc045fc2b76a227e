"""Show the progress of `create --from-file`. `api_csv_import` does the work."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.cli.api_csv_import import Entry, ImportProblems, Journal, carry_out, read, waiting
from bridge.cli.api_session import nothing_sent
from bridge.integr8 import ApiError, BudgetError, Client
from bridge.integr8.flows import CollectionPath
from rules.model.formatting import counted

UNKNOWN_IN_A_ROW = 3  # then something is wrong beyond single rows


def import_file(
    client: Client,
    collection: CollectionPath,
    options: Mapping[str, Any],
    *,
    path: Path,
    result: Path | None,
    key: str,
    find_first: bool,
    dry_run: bool,
) -> None:
    """Create the rows of the file that the result file does not have yet."""
    if options:
        raise click.UsageError("give either --from-file or single fields, not both")
    entries, open_end = _checked(client, collection, path)
    journal = Journal(result or path.with_name(path.name + ".result.csv"))
    changed = journal.changed(entries)
    if changed:
        lines = ", ".join(str(line) for line in changed)
        raise click.ClickException(
            f"{path}: line {lines} has changed since {journal.path} was written; name another --result"
        )
    todo = waiting(entries, journal)
    click.echo(f"{path}: {counted(len(entries), 'valid row')}, {len(todo):,} to create", err=True)
    if open_end:
        click.secho(f"{path}: {open_end}", fg="yellow", err=True)
    if dry_run:
        nothing_sent()
        return
    counts = _carry_out(client, collection, todo, journal, key=key, find_first=find_first)
    click.echo(f"{', '.join(f'{number} {status}' for status, number in counts.items()) or 'nothing to do'}; "
               f"see {journal.path}")  # fmt: skip
    if any(status not in {"created", "exists"} for status in counts):
        raise SystemExit(1)


def _checked(client: Client, collection: CollectionPath, path: Path) -> tuple[list[Entry], str]:
    try:
        return read(path, client, collection)
    except (ImportProblems, UnicodeDecodeError) as error:
        raise click.ClickException(f"nothing was sent\n{error}") from None


def _carry_out(
    client: Client, collection: CollectionPath, todo: list[Entry], journal: Journal, *, key: str, find_first: bool
) -> dict[str, int]:
    counts: dict[str, int] = {}
    in_a_row = 0
    try:
        with _bar() as bar:
            for entry in bar.track(todo, description="creating"):
                status = carry_out(client, collection, entry, journal, key=key, find_first=find_first)
                counts[status] = counts.get(status, 0) + 1
                in_a_row = in_a_row + 1 if status == "unknown" else 0
                if in_a_row == UNKNOWN_IN_A_ROW:
                    raise click.ClickException(f"the outcome of {in_a_row} rows in a row is unknown; {_again(journal)}")
    except (ApiError, BudgetError) as error:
        raise click.ClickException(f"{error}\n{_again(journal)}") from None
    finally:
        journal.close()
    return counts


def _again(journal: Journal) -> str:
    return f"what was done stands in {journal.path}; run the same command again to go on"


def _bar() -> Progress:
    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)
