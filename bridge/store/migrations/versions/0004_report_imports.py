"""Keep each import of report rows as a batch that can be removed"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "report_imports",
        sa.Column("id", key, nullable=False),
        sa.Column("feed_id", key, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_by", sa.String(), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("first_event", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_event", sa.DateTime(timezone=True), nullable=True),
        sa.Column("since_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("as_of_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("since_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("as_of_after", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["feed_id"], ["feeds.id"], name=op.f("fk_report_imports_feed_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_imports")),
    )
    with op.batch_alter_table("report_imports", schema=None) as batch_op:
        batch_op.create_index("ix_report_imports_feed_id", ["feed_id"], unique=False)


def downgrade() -> None:
    op.drop_table("report_imports")
