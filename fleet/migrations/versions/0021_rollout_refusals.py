"""A register that a roll-out leaves out knows why, in words."""

import sqlalchemy as sa
from alembic import op

revision = "0021_rollout_refusals"
down_revision = "0020_search_folds_yo"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rollout_targets", sa.Column("why", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    op.drop_column("rollout_targets", "why")
