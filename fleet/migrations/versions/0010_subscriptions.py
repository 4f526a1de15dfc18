"""Subscriptions: orders, stock, assignments, transfers; bonuses."""

import sqlalchemy as sa
from alembic import op

import fleet.kit.database

revision = "0010_subscriptions"
down_revision = "0009_access_requests"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bonuses",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "assignment_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.Column("employee_id", sa.Integer(), nullable=False),
        sa.Column("serial_number", fleet.kit.database.SerialNumber(), nullable=False),
        sa.Column("client_inn", sa.String(length=12), nullable=False),
        sa.Column("client_name", sa.String(length=256), nullable=False),
        sa.Column("plan", sa.String(length=32), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bonuses")),
        sa.UniqueConstraint("assignment_id", name=op.f("uq_bonuses_assignment_id")),
    )
    with op.batch_alter_table("bonuses", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_bonuses_partner_id_client_inn"),
            ["partner_id", "client_inn"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_bonuses_partner_id_employee_id"),
            ["partner_id", "employee_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_bonuses_partner_id_id"), ["partner_id", "id"], unique=False
        )

    op.create_table(
        "subscriptions",
        sa.Column(
            "serial_number", fleet.kit.database.SerialNumber(), autoincrement=False, nullable=False
        ),
        sa.Column("plan", sa.String(length=32), nullable=False),
        sa.Column("started_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ends_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("expired_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("serial_number", "plan", name=op.f("pk_subscriptions")),
    )
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_subscriptions_due",
            ["ends_at"],
            unique=False,
            postgresql_where=sa.text("expired_at IS NULL"),
            sqlite_where=sa.text("expired_at IS NULL"),
        )

    op.create_table(
        "subscription_assignments",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.Column("employee_id", sa.Integer(), nullable=False),
        sa.Column("serial_number", fleet.kit.database.SerialNumber(), nullable=False),
        sa.Column("plan", sa.String(length=32), nullable=False),
        sa.Column("bonus_points", sa.Integer(), nullable=False),
        sa.Column("starts_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ends_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_subscription_assignments_partner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_assignments")),
    )
    with op.batch_alter_table("subscription_assignments", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_subscription_assignments_partner_id_id"),
            ["partner_id", "id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_subscription_assignments_serial_number_id"),
            ["serial_number", "id"],
            unique=False,
        )

    op.create_table(
        "subscription_movements",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.Column("plan", sa.String(length=32), nullable=False),
        sa.Column("bonus_points", sa.Integer(), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.Column(
            "reason",
            sa.Enum(
                "purchase",
                "grant",
                "assignment",
                "transfer_out",
                "transfer_in",
                name="movementreason",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reference", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("employee_id", sa.Integer(), nullable=True),
        sa.Column("at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_subscription_movements_partner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_movements")),
    )
    with op.batch_alter_table("subscription_movements", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_subscription_movements_partner_id_plan_id"),
            ["partner_id", "plan", "id"],
            unique=False,
        )

    op.create_table(
        "subscription_orders",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.Column("employee_id", sa.Integer(), nullable=False),
        sa.Column("plan", sa.String(length=32), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("price_kopecks", sa.BigInteger(), nullable=False),
        sa.Column("bonus_points", sa.Integer(), nullable=False),
        sa.Column("payment_id", sa.String(length=36), server_default="", nullable=False),
        sa.Column("created_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("paid_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_subscription_orders_partner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_orders")),
    )
    with op.batch_alter_table("subscription_orders", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_subscription_orders_partner_id_id"), ["partner_id", "id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_subscription_orders_payment_id"), ["payment_id"], unique=False
        )

    op.create_table(
        "subscription_stock",
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.Column("plan", sa.String(length=32), nullable=False),
        sa.Column("bonus_points", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_subscription_stock_not_below_nothing")),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_subscription_stock_partner_id")
        ),
        sa.PrimaryKeyConstraint(
            "partner_id", "plan", "bonus_points", name=op.f("pk_subscription_stock")
        ),
    )
    op.create_table(
        "subscription_transfers",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("from_partner_id", sa.Integer(), nullable=False),
        sa.Column("to_partner_id", sa.Integer(), nullable=False),
        sa.Column("employee_id", sa.Integer(), nullable=False),
        sa.Column("plan", sa.String(length=32), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["from_partner_id"],
            ["partners.id"],
            name=op.f("fk_subscription_transfers_from_partner_id"),
        ),
        sa.ForeignKeyConstraint(
            ["to_partner_id"], ["partners.id"], name=op.f("fk_subscription_transfers_to_partner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_transfers")),
    )
    with op.batch_alter_table("subscription_transfers", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_subscription_transfers_from_partner_id_id"),
            ["from_partner_id", "id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_subscription_transfers_to_partner_id_id"),
            ["to_partner_id", "id"],
            unique=False,
        )


def downgrade() -> None:
    with op.batch_alter_table("subscription_transfers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subscription_transfers_to_partner_id_id"))
        batch_op.drop_index(batch_op.f("ix_subscription_transfers_from_partner_id_id"))

    op.drop_table("subscription_transfers")
    op.drop_table("subscription_stock")
    with op.batch_alter_table("subscription_orders", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subscription_orders_payment_id"))
        batch_op.drop_index(batch_op.f("ix_subscription_orders_partner_id_id"))

    op.drop_table("subscription_orders")
    with op.batch_alter_table("subscription_movements", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subscription_movements_partner_id_plan_id"))

    op.drop_table("subscription_movements")
    with op.batch_alter_table("subscription_assignments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subscription_assignments_serial_number_id"))
        batch_op.drop_index(batch_op.f("ix_subscription_assignments_partner_id_id"))

    op.drop_table("subscription_assignments")
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_subscriptions_due",
            postgresql_where=sa.text("expired_at IS NULL"),
            sqlite_where=sa.text("expired_at IS NULL"),
        )

    op.drop_table("subscriptions")
    with op.batch_alter_table("bonuses", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_bonuses_partner_id_id"))
        batch_op.drop_index(batch_op.f("ix_bonuses_partner_id_employee_id"))
        batch_op.drop_index(batch_op.f("ix_bonuses_partner_id_client_inn"))

    op.drop_table("bonuses")
