"""Migrate a database to the schema of this version. `bridge.store.schema_version` says whether that is needed."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, ForeignKeyConstraint
from sqlalchemy.schema import SchemaItem

from bridge.store import partitions
from bridge.store.schema_version import MIGRATIONS
from bridge.store.tables import METADATA

PARTS = "SELECT relname FROM pg_class WHERE relispartition AND relnamespace = current_schema()::regnamespace"


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
        if to == "head":
            partitions.prepare(connection)  # before the first row would lie outside every month


def drift(engine: Engine) -> list[object]:
    """Return differences between the migrated database and the tables in the code; empty if they agree."""
    with engine.connect() as connection:
        parts = set(connection.exec_driver_sql(PARTS).scalars()) if connection.dialect.name == "postgresql" else set()

        def counts(found: SchemaItem, name: str | None, kind: str, *_: object) -> bool:
            if isinstance(found, ForeignKeyConstraint):  # PostgreSQL adds one for each partition that is referred to
                return found.elements[0].target_fullname.partition(".")[0] not in parts
            if kind == "index" and name in {f"uq_{table}" for table in partitions.TABLES}:
                return False  # in the place of the primary key
            return not (kind == "table" and name in parts)

        context = MigrationContext.configure(connection, opts={"include_object": counts})
        return list(compare_metadata(context, METADATA))
