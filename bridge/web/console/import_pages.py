"""Imports: history from a file, or fetched from Integr8; what was imported, and how to take it out again."""

import tempfile
from pathlib import Path

from flask import Response, g, redirect, request

from bridge.operations import OperationError
from bridge.operations.report_backfill import backfills, fetch
from bridge.operations.report_imports import import_states, remove_import
from bridge.reports.csv_import import ImportName, import_file
from bridge.sources.csv_file import CsvProblem
from bridge.store.feeds import FeedKey, Kind
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.console.actions import done
from bridge.web.console.blueprint import blueprint
from bridge.web.console.formatting import many
from bridge.web.console.show import show
from bridge.web.request_context import services

IMPORT_KINDS = (str(Kind.CONVERSIONS), str(Kind.CLICKS), str(Kind.IMPRESSIONS))
MAX_IMPORTS_SHOWN = 200


@blueprint.get("/imports")
@needs(Role.VIEWER, page=True)
def imports() -> str:
    with services().store.read() as session:
        found = import_states(session)[:MAX_IMPORTS_SHOWN]
    return show(
        "imports.html", imports=found, kinds=IMPORT_KINDS, feeds=backfills(services()),
        accounts={name: tuple(one.integrations) for name, one in services().settings.accounts.items()},
    )  # fmt: skip


@blueprint.get("/imports/fetched")
@needs(Role.VIEWER, page=True)
def fetched() -> Response | str:
    """Show the progress of the fetching: a fragment that the page requests while something is read."""
    if "HX-Request" not in request.headers:
        return redirect("/imports")  # type: ignore[return-value]
    return show("imports_fetched.html", feeds=backfills(services()))


@blueprint.post("/imports")
@needs(Role.OPERATOR, page=True)
def upload() -> Response:
    """Add the rows of a file, up to 8 MB."""

    def do() -> str:
        sent = request.files.get("file")
        if sent is None or not sent.filename:
            raise OperationError("choose a file; nothing was imported")
        account, _, integration = request.form.get("feed", "main/default").partition("/")
        kind = request.form.get("kind", "")
        known = services().settings.accounts.get(account)
        if known is None or integration not in known.integrations or kind not in IMPORT_KINDS:
            raise OperationError("choose an account and what the rows are; nothing was imported")
        key = FeedKey(account=account, integration=integration, kind=Kind(kind))
        with tempfile.NamedTemporaryFile(suffix=".csv") as file:
            sent.save(file)
            file.flush()
            name = ImportName(Path(sent.filename).stem[:80] or "upload", sent.filename[:200], g.who)
            seen_column = request.form.get("seen", "").strip() or None
            try:
                found = import_file(
                    services().store, key, Path(file.name), now=services().clock(), seen_column=seen_column, name=name
                )
            except CsvProblem as error:
                raise OperationError(f"{sent.filename}: {error}") from error
        told = f"{many(found.rows, 'row')} read, {found.new:,} new, {found.changed:,} changed."
        refused = (
            f" {many(found.refused_rows, 'row')} refused: {'; '.join(found.refused)}." if found.refused_rows else ""
        )
        summed = (
            f" {many(found.summed, 'row')} left out: of their hours only sums are kept, and they may be in these."
            if found.summed
            else ""
        )
        notes = "".join(f" {note[:1].upper()}{note[1:]}." for note in found.notes)
        apart = " Time between the file and what was read is missing; fetch or import it too." if found.apart else ""
        return f"{told}{refused}{summed}{notes}{apart}"

    return done("/imports", do)


@blueprint.post("/imports/fetch")
@needs(Role.OPERATOR, page=True)
def fetch_days() -> Response:
    def do() -> str:
        days = request.form.get("days", type=int) or 0
        found = fetch(services(), days, account=request.form.get("account", "main"), who=g.who, now=services().clock())
        return f"The workers read {many(sum(one.is_open for one in found), 'feed')}. You may leave the page."

    return done("/imports", do)


@blueprint.post("/imports/<int:number>/remove")
@needs(Role.OPERATOR, page=True)
def remove(number: int) -> Response:
    def do() -> str:
        gone = remove_import(services().store, number, by=g.who, now=services().clock())
        return f"Import {number} is removed: {many(gone, 'row')} less."

    return done("/imports", do)
