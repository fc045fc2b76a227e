"""What fails by itself while everything around it goes on"""

import sqlalchemy as sa
from alembic import op

from bridge.store import engine

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "failing_items",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("since", engine.UtcDateTime(timezone=True), nullable=False),
        sa.Column("seen_at", engine.UtcDateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "step", name=op.f("pk_failing_items")),
    )


def downgrade() -> None:
    op.drop_table("failing_items")
