"""Letters know whom they are about, when they lose their use and why they were given up."""

import sqlalchemy as sa
from alembic import op

from fleet.kit.database import UtcDateTime

revision = "0017_letters_and_audit"
down_revision = "0016_rollout_resumed"
branch_labels = None
depends_on = None


CAUSES = ("refused", "unreadable", "too_late", "expired", "withdrawn")


def upgrade() -> None:
    with op.batch_alter_table("letters", schema=None) as batch_op:
        batch_op.add_column(sa.Column("about", sa.String(64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("expires_at", UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("cause", _causes(), nullable=True))
        batch_op.create_index("ix_letters_about_id", ["about", "id"])


def downgrade() -> None:
    with op.batch_alter_table("letters", schema=None) as batch_op:
        batch_op.drop_index("ix_letters_about_id")
        for name in ("about", "expires_at", "cause"):
            batch_op.drop_column(name)


def _causes() -> sa.Enum:
    return sa.Enum(*CAUSES, name="cause", native_enum=False, length=32)
