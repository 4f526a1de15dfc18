"""Registers are found by a whole registration or fiscal drive number through an index."""

from alembic import op

revision = "0014_whole_numbers"
down_revision = "0013_cancel_cause"
branch_labels = None
depends_on = None

NUMBERS = ("registration_number", "fiscal_drive_number")


def upgrade() -> None:
    for name in NUMBERS:
        op.create_index(_index(name), "registers", ["partner_id", "hidden", name])


def downgrade() -> None:
    for name in NUMBERS:
        op.drop_index(_index(name), "registers")


def _index(name: str) -> str:
    return f"ix_registers_partner_id_hidden_{name}"
