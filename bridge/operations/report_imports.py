"""List imports of report rows, and remove one."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bridge.operations.errors import NotThere
from bridge.reports import import_removal
from bridge.reports.import_removal import NoSuchImport
from bridge.store import audit_log, report_imports
from bridge.store.engine import Store
from bridge.store.feeds import Feed


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportState:
    """One import for people. `state`: complete, broken off or removed."""

    id: int
    name: str
    file: str
    feed: str
    by: str
    begun_at: datetime
    state: str
    rows: int
    new: int
    changed: int
    refused_rows: int
    first_event: datetime | None
    last_event: datetime | None


def import_states(session: Session) -> list[ImportState]:
    """Return all imports, the newest first."""
    return [
        ImportState(
            id=one.id,
            name=one.name,
            file=one.file,
            feed=session.get_one(Feed, one.feed_id).name,
            by=one.by,
            begun_at=one.begun_at,
            state="removed" if one.removed_at else "complete" if one.ended_at else "broken off",
            rows=one.rows,
            new=one.new,
            changed=one.changed,
            refused_rows=one.refused,
            first_event=one.first_event,
            last_event=one.last_event,
        )
        for one in report_imports.newest_first(session)
    ]


def remove_import(store: Store, import_id: int, *, by: str, now: datetime) -> int:
    """Remove the rows of an import; returns how many facts that took. Raises NotThere."""
    try:
        written = import_removal.remove(store, import_id, by=by, now=now)
    except NoSuchImport as error:
        raise NotThere(str(error)) from error
    with store.write() as session:
        audit_log.note(session, who=by, what="import removed", about=f"import {import_id}", now=now)
    return written
