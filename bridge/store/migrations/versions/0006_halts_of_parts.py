"""Halts of one rule, account or advertiser, and the events that wait for the end of one"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("halts", sa.Column("scope", sa.String(), server_default="all", nullable=False))
    op.add_column("halts", sa.Column("name", sa.String(), nullable=True))
    op.add_column("halts", sa.Column("account", sa.String(), nullable=True))
    op.add_column("events", sa.Column("deferred", sa.Boolean(), nullable=True))
    op.create_table(
        "deferred_events",
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("halt_id", key, nullable=True),
        sa.PrimaryKeyConstraint("event_id", "rule_id", name=op.f("pk_deferred_events")),
    )
    op.create_index("ix_deferred_events_halt_id", "deferred_events", ["halt_id"], unique=False)


def downgrade() -> None:
    op.drop_table("deferred_events")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_column("deferred")
    with op.batch_alter_table("halts", schema=None) as batch_op:
        batch_op.drop_column("account")
        batch_op.drop_column("name")
        batch_op.drop_column("scope")
