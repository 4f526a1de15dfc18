"""A reading leaves beside its state what it replaced: by that PostgreSQL tells what changed."""

import sqlalchemy as sa
from alembic import op

revision = "0022_states_before"
down_revision = "0021_rollout_refusals"
branch_labels = None
depends_on = None

NAMES = ("was_condition_mask", "was_profile_crc")


def upgrade() -> None:
    with op.batch_alter_table("register_states", schema=None) as batch_op:
        for name in NAMES:
            batch_op.add_column(sa.Column(name, sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("register_states", schema=None) as batch_op:
        for name in NAMES:
            batch_op.drop_column(name)
