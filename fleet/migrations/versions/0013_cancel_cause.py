"""cancel cause."""

import sqlalchemy as sa
from alembic import op

revision = "0013_cancel_cause"
down_revision = "0012_licences"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "operations",
        sa.Column("cancel_cause", sa.String(length=40), server_default="", nullable=False),
    )
    # Until now only people were named as the cause.
    op.execute(
        "UPDATE operations SET cancel_cause = 'cancelled_by_employee' WHERE cancel_requested"
    )


def downgrade() -> None:
    op.drop_column("operations", "cancel_cause")
