"""Build the commands that write to collections: create, update, delete, set-status, bulk-delete."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import click

from bridge.cli.api_arguments import above, arguments_of, finish, options_of
from bridge.cli.api_csv_progress import import_file
from bridge.cli.api_options import field_options, given
from bridge.cli.api_session import as_text, client_of, nothing_sent, show_request
from bridge.cli.session import Session, json_option
from bridge.integr8 import Client, Operation, bulk, flows
from bridge.integr8.flows import CollectionPath

dry_run_option = click.option("--dry-run", is_flag=True, help="Show the request and send nothing.")
yes_option = click.option("--yes", is_flag=True, help="Skip the confirmation.")


def creating(operation: Operation) -> click.Command:
    assert operation.request is not None
    takes_password = "password" in operation.request().fields

    @dry_run_option
    @click.option(
        "--from-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A CSV file with a column per field; lists with ';' between their values.",
    )
    @click.option(
        "--result",
        type=click.Path(dir_okay=False, path_type=Path),
        help="File for the result of each line (default: FILE.result.csv). Run again to continue.",
    )
    @click.option("--key", default=None, help="The natural key for --find-first and for rows with an unknown result.")
    @click.option("--find-first", is_flag=True, help="Create only objects that do not exist yet, found by --key.")
    @click.option("--json", "json", is_flag=True, help="Print the new object as JSON.")
    def options() -> None: ...

    def run(session: Session, account: str, integration: str, **values: Any) -> None:
        client = client_of(session, account, integration)
        collection = CollectionPath(operation.resource, above(operation, values))
        settings = {name: values.pop(name) for name in ("dry_run", "from_file", "result", "key", "find_first", "json")}
        password_file: TextIO | None = values.pop("password_file", None)
        key = settings["key"] or ("email" if "email" in request.fields else "name")
        if settings["from_file"]:
            import_file(client, collection, given(values), key=key, **_import_settings(settings))
            return
        fields = given(values)
        if takes_password:
            fields["password"] = _password(password_file, ask=not settings["dry_run"])
        _create(client, collection, fields, key, settings)

    request = operation.request()
    extra: list[click.Parameter] = list(field_options(operation.request))
    if takes_password:
        extra.append(_password_option())
    shown = [*extra, *options_of(options)]
    return finish(operation, run, arguments=arguments_of(operation), options=shown)  # fmt: skip


def _import_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "path": settings["from_file"],
        "result": settings["result"],
        "find_first": settings["find_first"],
        "dry_run": settings["dry_run"],
    }


def _password(file: TextIO | None, *, ask: bool) -> str:
    """Read the password. It is never an argument: those appear in the shell's history and in the list of processes."""
    if file is not None:
        return file.read().rstrip("\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)) if ask else "***"


def _create(
    client: Client, collection: CollectionPath, fields: dict[str, Any], key: str, settings: Mapping[str, Any]
) -> None:
    name = f"{collection.resource}.create"
    request = client.context.request(name, path=collection.above, body=fields)
    if settings["dry_run"]:
        show_request(request, fields)
        nothing_sent()
        return
    if settings["find_first"]:
        row, created = client.run(flows.ensure(client.context, collection, key, fields, None))
    else:
        row, created = client.run(flows.create(client.context, collection, fields, None)), True
    if settings["json"]:
        click.echo(as_text(row))
    else:
        click.echo(f"{'created' if created else 'already there:'} {row.get('id')}")


def updating(operation: Operation) -> click.Command:
    assert operation.request is not None
    takes_password = "password" in operation.request().fields

    def run(session: Session, account: str, integration: str, *, dry_run: bool, json: bool, **values: Any) -> None:
        client = client_of(session, account, integration)
        collection = CollectionPath(operation.resource, above(operation, values))
        id_ = values.pop("id")
        password_file: TextIO | None = values.pop("password_file", None)
        fields = given(values)
        if password_file is not None:
            fields["password"] = _password(password_file, ask=False)
        if dry_run:
            _show_update(client, collection, id_, fields)
            return
        client.run(flows.update(client.context, collection, id_, fields, None))
        click.echo(as_text({"updated": id_}) if json else f"updated {id_}")

    extra: list[click.Parameter] = list(field_options(operation.request))
    if takes_password:
        extra.append(_password_option())
    return finish(operation, run, arguments=arguments_of(operation), options=[*extra, _dry_run(), _json()])


def _password_option() -> click.Option:
    return click.Option(["--password-file"], type=click.File(), help="Read the password from this file; - is stdin.")


def _dry_run() -> click.Option:
    return click.Option(["--dry-run"], is_flag=True, help="Show the request and send nothing.")


def _json() -> click.Option:
    return click.Option(["--json", "json"], is_flag=True, help="Print the id as JSON.")


def _show_update(client: Client, collection: CollectionPath, id_: str, fields: dict[str, Any]) -> None:
    name = f"{collection.resource}.update"
    stand_ins = {
        field: 0 if field == "advertiser_id" else "(as it is now)" for field in flows.missing_fields(collection, fields)
    }
    request = client.context.request(name, path=collection.item(id_), body=stand_ins | fields)
    show_request(request, {**dict.fromkeys(stand_ins, "(read first, sent unchanged)"), **fields})
    nothing_sent()


def deleting(operation: Operation) -> click.Command:
    @dry_run_option
    @yes_option
    @json_option
    def options() -> None: ...

    def run(
        session: Session, account: str, integration: str, *, dry_run: bool, yes: bool, json: bool, **values: Any
    ) -> None:
        client = client_of(session, account, integration)
        path = CollectionPath(operation.resource, above(operation, values)).item(values["id"])
        request = client.context.request(operation.name, path=path)
        if dry_run:
            show_request(request, None)
            nothing_sent()
            return
        if not yes:
            click.confirm(f"{operation.title} {values['id']}?", abort=True)
        client.call(operation.name, path=path)
        click.echo(as_text({"deleted": values["id"]}) if json else f"deleted {values['id']}")

    return finish(operation, run, arguments=arguments_of(operation), options=options_of(options))


def switching(operation: Operation) -> click.Command:
    @click.argument("ids", nargs=-1, required=True)
    @click.option("--active/--inactive", "active", required=True, help="The new status.")
    @dry_run_option
    @click.option("--json", "json", is_flag=True, help="Print the ids as JSON.")
    def options() -> None: ...

    def run(
        session: Session,
        account: str,
        integration: str,
        ids: tuple[str, ...],
        *,
        active: bool,
        dry_run: bool,
        json: bool,
    ) -> None:
        client = client_of(session, account, integration)
        collection = CollectionPath(operation.resource)
        if dry_run:
            _show_bulk(client, operation, ids, {"active": active})
            return
        done = client.run(bulk.set_status(client.context, collection, ids, active=active, priority=None))
        click.echo(
            as_text({"active": active, "ids": done})
            if json
            else f"{len(done)} {operation.resource} {'active' if active else 'inactive'}: {', '.join(done)}"
        )

    return finish(operation, run, arguments=(), options=options_of(options))  # fmt: skip


def deleting_many(operation: Operation) -> click.Command:
    @click.argument("ids", nargs=-1, required=True)
    @dry_run_option
    @yes_option
    @click.option("--json", "json", is_flag=True, help="Print the ids as JSON.")
    def options() -> None: ...

    def run(
        session: Session, account: str, integration: str, ids: tuple[str, ...], *, dry_run: bool, yes: bool, json: bool
    ) -> None:
        client = client_of(session, account, integration)
        if dry_run:
            _show_bulk(client, operation, ids, {})
            return
        if not yes:
            click.confirm(f"Delete {len(ids)} {operation.resource}?", abort=True)
        done = client.run(bulk.bulk_delete(client.context, CollectionPath(operation.resource), ids, None))
        click.echo(as_text({"ids": done}) if json else f"deleted {len(done)} {operation.resource}: {', '.join(done)}")

    return finish(operation, run, arguments=(), options=options_of(options))  # fmt: skip


def _show_bulk(client: Client, operation: Operation, ids: Sequence[str], body: Mapping[str, Any]) -> None:
    whole = tuple(dict.fromkeys(ids))
    chunk = client.context.chunk
    for start in range(0, len(whole), chunk):
        sent = {**body, "data": list(whole[start : start + chunk])}
        show_request(client.context.request(operation.name, body=sent), sent)
    nothing_sent()
