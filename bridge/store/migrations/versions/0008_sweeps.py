"""Sweeps and comparisons as jobs beside backtests, with their question and answer"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.add_column("trials", sa.Column("kind", sa.String(), server_default="backtest", nullable=False))
    op.add_column("trials", sa.Column("asked", json, nullable=True))
    op.add_column("trials", sa.Column("answer", json, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("trials", schema=None) as batch_op:
        batch_op.drop_column("answer")
        batch_op.drop_column("asked")
        batch_op.drop_column("kind")
