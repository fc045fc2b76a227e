"""Alembic's entry: it is handed a connection by bridge.store.migrate and never reads a settings file."""

from alembic import context

from bridge.store.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=False,
)
with context.begin_transaction():
    context.run_migrations()
