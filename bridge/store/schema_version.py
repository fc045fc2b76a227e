"""Check whether a database has this version's schema, without loading Alembic: every command asks."""

from pathlib import Path

from sqlalchemy import Engine, inspect, text

MIGRATIONS = Path(__file__).parent / "migrations"
#: The newest revision, read from the file names (`0001_initial.py`); a test compares it with Alembic's own answer.
HEAD = max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def pending(engine: Engine) -> bool:
    """Return True if the database is not at the newest migration."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return True
        return bool(connection.scalar(text("SELECT version_num FROM alembic_version")) != HEAD)


def is_fresh(engine: Engine) -> bool:
    """Return True if the database holds no table at all."""
    return not inspect(engine).get_table_names()
