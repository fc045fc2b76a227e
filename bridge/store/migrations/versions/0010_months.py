"""On PostgreSQL verdicts, calls and effect_calls lie in partitions by month

No row is moved: the table as it is becomes the first partition of a new one, so that its bounds are checked and one
index is made. Numbers are unique by an index and not by a primary key: pg_restore --clean cannot drop the key of a
partition ("cannot drop inherited constraint").
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

#: Table → the column with the number, its other indexes, and what refers to other tables.
TABLES = {
    "verdicts": (
        "id",
        {"ix_verdicts_run_id": "run_id", "ix_verdicts_subject_run_id": "subject, run_id"},
        {"fk_verdicts_run_id": ("run_id", "runs")},
    ),
    "calls": ("id", {"ix_calls_started_at": "started_at"}, {}),
    "effect_calls": (
        "call_id",
        {"ix_effect_calls_call_id": "call_id"},
        {"fk_effect_calls_effect_id": ("effect_id", "effects"), "fk_effect_calls_call_id": ("call_id", "calls")},
    ),
}
KEYS = {"verdicts": "id", "calls": "id", "effect_calls": "effect_id, call_id"}
TOTAL = {"verdicts": "SELECT max(id) FROM verdicts", "calls": "SELECT max(id) FROM calls"}


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("ALTER TABLE effect_calls DROP CONSTRAINT fk_effect_calls_call_id")
    first = {table: (op.get_bind().scalar(sa.text(query)) or 0) + 1 for table, query in TOTAL.items()}
    for table in TABLES:
        _partition(table, first["verdicts" if table == "verdicts" else "calls"])


def _partition(table: str, bound: int) -> None:
    number, indexes, _references = TABLES[table]
    old = f"{table}_first"
    op.execute(f"ALTER TABLE {table} RENAME TO {old}")
    op.execute(f"CREATE UNIQUE INDEX uq_{old} ON {old} ({KEYS[table]})")
    op.execute(f"ALTER TABLE {old} DROP CONSTRAINT pk_{table}")
    for index in indexes:
        op.execute(f"ALTER INDEX {index} RENAME TO {index.replace(table, old)}")
    op.execute(f"CREATE TABLE {table} (LIKE {old} INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE ({number})")
    op.execute(f"CREATE UNIQUE INDEX uq_{table} ON {table} ({KEYS[table]})")
    _index_and_refer(table)
    if "id" in KEYS[table].split(", "):
        sequence = op.get_bind().scalar(sa.text(f"SELECT pg_get_serial_sequence('{old}', 'id')"))
        op.execute(f"ALTER SEQUENCE {sequence} OWNED BY {table}.id")
    op.execute(f"ALTER TABLE {table} ATTACH PARTITION {old} FOR VALUES FROM (MINVALUE) TO ({bound})")
    op.execute(f"CREATE TABLE {table}_later PARTITION OF {table} FOR VALUES FROM ({bound}) TO (MAXVALUE)")


def _index_and_refer(table: str) -> None:
    _number, indexes, references = TABLES[table]
    for index, columns in indexes.items():
        op.execute(f"CREATE INDEX {index} ON {table} ({columns})")
    for name, (column, target) in references.items():
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({column}) REFERENCES {target} (id) ON DELETE CASCADE"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("ALTER TABLE effect_calls DROP CONSTRAINT fk_effect_calls_call_id")
    for table in TABLES:
        _join(table)


def _join(table: str) -> None:
    """Copy back into one table, row by row."""
    parts = f"{table}_parts"
    op.execute(f"ALTER TABLE {table} RENAME TO {parts}")
    op.execute(f"CREATE TABLE {table} (LIKE {parts} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    op.execute(f"INSERT INTO {table} SELECT * FROM {parts}")
    if "id" in KEYS[table].split(", "):
        sequence = op.get_bind().scalar(sa.text(f"SELECT pg_get_serial_sequence('{parts}', 'id')"))
        op.execute(f"ALTER SEQUENCE {sequence} OWNED BY {table}.id")
    op.execute(f"DROP TABLE {parts}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT pk_{table} PRIMARY KEY ({KEYS[table]})")
    _index_and_refer(table)
