"""A roll-out knows when it was resumed and by whom."""

import sqlalchemy as sa
from alembic import op

import fleet.kit.database

revision = "0016_rollout_resumed"
down_revision = "0015_refunds"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = fleet.kit.database.UtcDateTime(timezone=True)
    op.add_column("rollouts", sa.Column("resumed_at", moment, nullable=True))
    op.add_column("rollouts", sa.Column("resumed_by", fleet.kit.database.BigId, nullable=True))
    # Nothing else changes a roll-out between its resumption and the next wave, which forgives none.
    op.execute("UPDATE rollouts SET resumed_at = changed_at WHERE forgiven > 0")
    op.drop_column("rollouts", "forgiven")


def downgrade() -> None:
    forgiven = sa.Column("forgiven", sa.Integer(), server_default="0", nullable=False)
    op.add_column("rollouts", forgiven)
    op.drop_column("rollouts", "resumed_by")
    op.drop_column("rollouts", "resumed_at")
