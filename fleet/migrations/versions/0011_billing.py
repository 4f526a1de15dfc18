"""billing."""

import sqlalchemy as sa
from alembic import op

import fleet.kit.database

revision = "0011_billing"
down_revision = "0010_subscriptions"
branch_labels = None
depends_on = None

STATUSES = ("waiting", "paid", "cancelled", "failed")


def upgrade() -> None:
    op.create_table(
        "payments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.Column("employee_id", sa.Integer(), nullable=False),
        sa.Column("amount_kopecks", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.Column("description", sa.String(length=128), nullable=False),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("provider_id", sa.String(length=64), nullable=True),
        sa.Column("redirect_url", sa.String(length=2048), nullable=False),
        sa.Column(
            "status",
            sa.Enum(*STATUSES, name="paymentstatus", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("created_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("due_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("settled_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["employee_id"], ["employees.id"], name=op.f("fk_payments_employee_id")
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_payments_partner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payments")),
        sa.UniqueConstraint(
            "provider", "provider_id", name=op.f("uq_payments_provider_provider_id")
        ),
    )
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_payments_due_at"), ["due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_payments_partner_id"), ["partner_id"], unique=False)

    op.create_table(
        "sandbox_payments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("payment_id", sa.String(length=36), nullable=False),
        sa.Column("amount_kopecks", sa.BigInteger(), nullable=False),
        sa.Column("description", sa.String(length=128), nullable=False),
        sa.Column("return_url", sa.String(length=2048), nullable=False),
        sa.Column(
            "status",
            sa.Enum(*STATUSES, name="paymentstatus", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("created_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_payments")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_sandbox_payments_payment_id")),
    )


def downgrade() -> None:
    op.drop_table("sandbox_payments")
    op.drop_table("payments")
