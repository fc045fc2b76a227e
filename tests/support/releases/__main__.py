"""`make release-dump`: write what this version leaves in a database into tests/samples/databases.

Run once for each release, before it is tagged. A file of a released version is never written again.
"""

import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from postgresql import started

from bridge.store import backups, migrate
from bridge.store.engine import make_engine
from bridge.version import VERSION
from releases.life import live

PSQL_ONLY = ("\\", "--", "SET transaction_timeout")  # what a driver does not know, and what no older server knows


def _migrated(url: str) -> str:
    engine = make_engine(url)
    migrate.upgrade(engine)
    engine.dispose()
    return url


def sqlite(directory: Path) -> str:
    """As SQL text, which shows in a review what a release stores."""
    path = directory / "bridge.db"
    live(directory / "sqlite", _migrated(f"sqlite:///{path}"))
    with closing(sqlite3.connect(path)) as database:
        return "\n".join(database.iterdump()) + "\n"


def postgresql(directory: Path) -> str:
    server = started(directory / "postgres")
    try:
        address = server.get_uri("postgres")
        live(directory / "postgresql", _migrated(address.replace("postgresql://", "postgresql+psycopg://")))
        options = ["--inserts", "--no-owner", "--no-privileges", "--rows-per-insert=50", f"--dbname={address}"]
        dump = [backups.program("pg_dump", 18), *options]
        text = subprocess.run(dump, capture_output=True, text=True, check=True).stdout
        return "".join(
            line for line in text.splitlines(keepends=True) if not line.startswith(("\\", "--", "SET trans"))
        )
    finally:
        server.cleanup()


def main(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    with tempfile.TemporaryDirectory() as directory:
        for name, make in (("sqlite", sqlite), ("postgresql", postgresql)):
            file = target / f"{VERSION}.{name}.sql"
            file.write_text(make(Path(directory)))
            sys.stderr.write(f"{file}: {file.stat().st_size // 1000} kB\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
