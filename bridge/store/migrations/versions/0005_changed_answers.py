"""Store the answers of a run as the differences from the run before"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "rule_answers",
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("run_id", key, nullable=False),
        sa.Column("base_id", key, nullable=False),
        sa.Column("base_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("shape", sa.String(), nullable=False),
        sa.Column("plan_of", key, nullable=False),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_rule_answers")),
    )
    op.add_column("runs", sa.Column("base_id", key, nullable=True))
    op.add_column("runs", sa.Column("plan_of", key, nullable=True))
    op.create_index("ix_runs_base_id", "runs", ["base_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_runs_base_id", table_name="runs")
    with op.batch_alter_table("runs", schema=None) as batch_op:
        batch_op.drop_column("plan_of")
        batch_op.drop_column("base_id")
    op.drop_table("rule_answers")
