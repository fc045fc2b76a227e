"""Migrate a database to the schema of this version. `bridge.store.schema_version` says whether that is needed."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine

from bridge.store.schema_version import MIGRATIONS
from bridge.store.tables import METADATA


def config(connection: Connection | None = None) -> Config:
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))  # % means something in such a file
    made.set_main_option("path_separator", "os")
    if connection is not None:
        made.attributes["connection"] = connection
    return made


def upgrade(engine: Engine, to: str = "head") -> None:
    """Run the missing migrations in one transaction. Safe to run again, and by several processes at once."""
    with engine.execution_options(writing=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(8427151)")
        command.upgrade(config(connection), to)


def drift(engine: Engine) -> list[object]:
    """Differences between the migrated database and the tables in the code; empty when they agree."""
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), METADATA))
