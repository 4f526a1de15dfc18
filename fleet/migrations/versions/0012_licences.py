"""licences."""

import sqlalchemy as sa
from alembic import op

import fleet.kit.database

revision = "0012_licences"
down_revision = "0011_billing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "licences",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("serial_number", fleet.kit.database.SerialNumber(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "platform_5_0",
                "web_dkkt",
                "newger_as_printer",
                name="licencekind",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("content", sa.LargeBinary(length=128), nullable=False),
        sa.Column("issued_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("issued_by", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issued_by"], ["employees.id"], name=op.f("fk_licences_issued_by")
        ),
        sa.ForeignKeyConstraint(
            ["serial_number"], ["registers.serial_number"], name=op.f("fk_licences_serial_number")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_licences")),
        sa.UniqueConstraint("serial_number", "kind", name=op.f("uq_licences_serial_number_kind")),
    )


def downgrade() -> None:
    op.drop_table("licences")
