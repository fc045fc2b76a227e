"""`rules list`, in a module of its own: it is used most often and needs few imports."""

from typing import Any

import click

from bridge.cli.session import Session, cell, json_option, show
from rules.language.canonical import document_of
from rules.model.revision import Revision


@click.command("list")
@json_option
@click.pass_obj
def list_(session: Session, json: bool) -> None:
    """Show the live rules; a broken one keeps its last good revision and is marked stale.

    \b
    Example:
      integr8-bridge rules list --json
    """
    with session.read() as database:
        book = session.services.library.current(database)
        rows = [
            _row(one, stale=one.id in book.stale) for one in sorted(book.revisions.values(), key=lambda one: one.id)
        ]
    if not json:
        rows = [row | {"trigger": _in_words(row["trigger"])} for row in rows]
    names = ("rule", "mode", "trigger", "owner", "revision", "stale", "title")
    show(rows, names, json=json, empty="no rules are loaded")


def _in_words(trigger: dict[str, Any]) -> str:
    """Describe a trigger: `every 15m`, `cron 0 8 * * *`, `webhook crm deal.signed`."""
    kind = next(key for key in ("every", "cron", "webhook", "silence") if key in trigger)
    value = trigger[kind]
    said = [value[key] for key in ("source", "event") if key in value] if isinstance(value, dict) else [value]
    return f"{kind} {' '.join(map(cell, said))}".strip()


def _row(revision: Revision, *, stale: bool) -> dict[str, Any]:
    return {
        "rule": revision.id,
        "mode": str(revision.mode),
        "trigger": document_of(revision)["trigger"],
        "owner": revision.owner,
        "revision": revision.hash,
        "stale": stale,
        "title": revision.title,
        "file": revision.place.file,
    }
