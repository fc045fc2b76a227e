"""Return the space of deleted rows to the disk. SQLite would keep it in its file; PostgreSQL has autovacuum.

And how much room there is: on a full disk SQLite stops all writing, so what can wait stops before that.
"""

import shutil
from pathlib import Path

from sqlalchemy.orm import Session

from bridge.store.engine import Store

LITTLE = 500_000_000  # bytes; below it only what cannot wait is written: the journal, decisions, effects
AT_ONCE = 500  # pages of 4 kB that one unit of work gives back; others write in between
KEPT_SHARE = 20  # one of so many pages stays free: the next day's rows go there
WORTH_IT = 1_000  # pages; fewer are left to the next rows


def give_back(store: Store) -> int:
    """Shorten SQLite's file if much of it is free; returns by how many bytes.

    A file from an older version keeps its size until a `VACUUM`, and reuses the space for new rows.
    """
    if store.engine.dialect.name != "sqlite":
        return 0
    with store.read() as session:
        size, pages, free = (_asked(session, name) for name in ("page_size", "page_count", "freelist_count"))
        left = free - pages // KEPT_SHARE
        possible = _asked(session, "auto_vacuum") != 0
    given = 0
    while possible and left >= (AT_ONCE if given else WORTH_IT):
        with store.write() as session:
            before = _asked(session, "freelist_count")
            driver = session.connection().connection.driver_connection
            assert driver is not None
            driver.execute(f"PRAGMA incremental_vacuum({AT_ONCE})").fetchall()  # it gives a row for each page
            step = before - _asked(session, "freelist_count")
        given, left = given + step, left - step
        if not step:
            break
    return given * size


def _asked(session: Session, name: str) -> int:
    return int(session.connection().exec_driver_sql(f"PRAGMA {name}").scalar_one())


def room(store: Store) -> int | None:
    """Return how many bytes are free on SQLite's disk; None if the database is elsewhere, or in memory."""
    url = store.engine.url
    file = Path((url.database or "").removeprefix("file:"))
    if url.get_backend_name() != "sqlite" or not file.parent.is_dir():
        return None
    return shutil.disk_usage(file.parent).free
