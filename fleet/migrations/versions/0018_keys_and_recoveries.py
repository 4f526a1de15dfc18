"""Idempotency keys of each employee instead of all the partner's; recoveries that wait."""

import sqlalchemy as sa
from alembic import op

import fleet.kit.database

revision = "0018_keys_and_recoveries"
down_revision = "0017_letters_and_audit"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _replace_keys("employee_id")
    op.create_table(
        "recoveries",
        sa.Column("id", BIG, nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column(
            "language",
            sa.Enum("ru", "en", name="language", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("asked_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recoveries")),
    )


def downgrade() -> None:
    op.drop_table("recoveries")
    _replace_keys("partner_id")


def _replace_keys(owner: str) -> None:
    """The table anew: whose a key of before was is not known, and none is kept over a day."""
    op.drop_table("order_keys")
    op.create_table(
        "order_keys",
        sa.Column(owner, BIG, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("asked_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("reply", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(owner, "key", name=op.f("pk_order_keys")),
    )
    op.create_index(op.f("ix_order_keys_created_at"), "order_keys", ["created_at"])
