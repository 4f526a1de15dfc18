"""Refunds are taken down, and what was bought with the money is taken back."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from fleet.kit.database import UtcDateTime

revision = "0015_refunds"
down_revision = "0014_whole_numbers"
branch_labels = None
depends_on = None

PAYMENTS = sa.table(
    "payments",
    sa.column("status", sa.String()),
    sa.column("due_at", UtcDateTime()),
    sa.column("settled_at", UtcDateTime()),
)
MOVEMENTS = sa.table("subscription_movements", sa.column("reason", sa.String()))
ASKED_FOR = timedelta(days=30)


def upgrade() -> None:
    op.add_column(
        "payments",
        sa.Column("refunded_kopecks", sa.BigInteger(), server_default="0", nullable=False),
    )
    op.add_column(
        "subscription_orders",
        sa.Column("taken_back", sa.Integer(), server_default="0", nullable=False),
    )
    op.create_table(
        "refunds",
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("refund_id", sa.String(length=64), nullable=False),
        sa.Column("payment_id", sa.String(length=36), nullable=False),
        sa.Column("amount_kopecks", sa.BigInteger(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["payments.id"], name=op.f("fk_refunds_payment_id")
        ),
        sa.PrimaryKeyConstraint("provider", "refund_id", name=op.f("pk_refunds")),
    )
    op.create_index(op.f("ix_refunds_payment_id"), "refunds", ["payment_id"])
    op.create_table(
        "sandbox_refunds",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("sandbox_payment_id", sa.String(length=36), nullable=False),
        sa.Column("amount_kopecks", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["sandbox_payment_id"],
            ["sandbox_payments.id"],
            name=op.f("fk_sandbox_refunds_sandbox_payment_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_refunds")),
    )
    op.create_index(
        op.f("ix_sandbox_refunds_sandbox_payment_id"), "sandbox_refunds", ["sandbox_payment_id"]
    )
    _ask_of_refunds()


def _ask_of_refunds() -> None:
    """Ask again about recent payments: a refund may have been made while nobody listened."""
    lately = PAYMENTS.c.settled_at > datetime.now(UTC) - ASKED_FOR
    paid = sa.update(PAYMENTS).where(PAYMENTS.c.status == "paid", lately)
    op.execute(paid.values(due_at=PAYMENTS.c.settled_at))


def downgrade() -> None:
    # The program of before would end a paid payment that is due, and does not know the reason;
    # the book must still sum up to the stock.
    op.execute(sa.update(PAYMENTS).where(PAYMENTS.c.status == "paid").values(due_at=None))
    op.execute(sa.update(MOVEMENTS).where(MOVEMENTS.c.reason == "refund").values(reason="grant"))
    op.drop_table("sandbox_refunds")
    op.drop_table("refunds")
    op.drop_column("subscription_orders", "taken_back")
    op.drop_column("payments", "refunded_kopecks")
