"""Observations whose rows lie in ClickHouse, and batches there that no chunk names"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.add_column("observation_chunks", sa.Column("batch", sa.BigInteger(), nullable=True))
    op.add_column("observation_chunks", sa.Column("about", json, nullable=True))
    op.create_table(
        "unused_batches",
        sa.Column("batch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("batch", name=op.f("pk_unused_batches")),
    )


def downgrade() -> None:
    op.drop_table("unused_batches")
    with op.batch_alter_table("observation_chunks", schema=None) as batch_op:
        batch_op.drop_column("about")
        batch_op.drop_column("batch")
