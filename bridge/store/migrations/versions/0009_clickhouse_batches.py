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
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "chunk_batches",
        sa.Column("chunk_id", key, nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("about", json, nullable=False),
        sa.ForeignKeyConstraint(
            ["chunk_id"],
            ["observation_chunks.id"],
            name=op.f("fk_chunk_batches_chunk_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("chunk_id", name=op.f("pk_chunk_batches")),
        sa.UniqueConstraint("batch", name=op.f("uq_chunk_batches_batch")),
    )
    op.create_table(
        "unused_batches",
        sa.Column("batch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("batch", name=op.f("pk_unused_batches")),
    )


def downgrade() -> None:
    op.drop_table("unused_batches")
    op.drop_table("chunk_batches")
