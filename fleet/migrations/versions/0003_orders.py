"""Roll-outs, paid services, repeated requests and retries."""

import sqlalchemy as sa
from alembic import op

import fleet.kit.database

revision = "0003_orders"
down_revision = "0002_templates"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "order_keys",
        sa.Column(
            "partner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("asked_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("reply", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("partner_id", "key", name=op.f("pk_order_keys")),
    )
    with op.batch_alter_table("order_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_order_keys_created_at"), ["created_at"], unique=False)

    op.create_table(
        "rollouts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "partner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column(
            "created_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column(
            "channel",
            sa.Enum(
                "cash_server", "assistant", "local", name="channel", native_enum=False, length=32
            ),
            nullable=False,
        ),
        sa.Column("params", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("failure_percent", sa.Integer(), nullable=False),
        sa.Column("pass_percent", sa.Integer(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "running",
                "paused",
                "finished",
                "aborted",
                name="rolloutstatus",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "reason",
            sa.Enum("failures", "employee", "refused", name="reason", native_enum=False, length=32),
            nullable=True,
        ),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("wave_count", sa.Integer(), nullable=False),
        sa.Column("forgiven", sa.Integer(), nullable=False),
        sa.Column("withdrawing", sa.Boolean(), nullable=False),
        sa.Column("looked_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("finished_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollouts")),
    )
    with op.batch_alter_table("rollouts", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_rollouts_partner_id_id"), ["partner_id", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_rollouts_status"), ["status"], unique=False)

    op.create_table(
        "entitlements",
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.Column(
            "entitlement",
            sa.Enum(
                "monitoring",
                "firmware_local",
                "receipt_templates",
                "settings",
                "remote_access",
                "firmware_over_the_air",
                "platform_5_local",
                "platform_5_over_the_air",
                "tax_change",
                "fiscal_printer_mode",
                "automatic_registration",
                "paper_off",
                name="entitlement",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("granted_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_entitlements_partner_id")
        ),
        sa.PrimaryKeyConstraint("partner_id", "entitlement", name=op.f("pk_entitlements")),
    )
    op.create_table(
        "rollout_targets",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column(
            "rollout_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("serial_number", fleet.kit.database.SerialNumber(), nullable=False),
        sa.Column(
            "operation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("refusal", sa.String(length=64), nullable=True),
        sa.Column("due_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["rollout_id"], ["rollouts.id"], name=op.f("fk_rollout_targets_rollout_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollout_targets")),
    )
    with op.batch_alter_table("rollout_targets", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_rollout_targets_operation_id"), ["operation_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_rollout_targets_rollout_id_wave_id"),
            ["rollout_id", "wave", "id"],
            unique=False,
        )

    with op.batch_alter_table("operations", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "retry_of", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
            )
        )
        batch_op.create_index(batch_op.f("ix_operations_retry_of"), ["retry_of"], unique=True)


def downgrade() -> None:
    with op.batch_alter_table("operations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_operations_retry_of"))
        batch_op.drop_column("retry_of")

    with op.batch_alter_table("rollout_targets", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rollout_targets_rollout_id_wave_id"))
        batch_op.drop_index(batch_op.f("ix_rollout_targets_operation_id"))

    op.drop_table("rollout_targets")
    op.drop_table("entitlements")
    with op.batch_alter_table("rollouts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rollouts_status"))
        batch_op.drop_index(batch_op.f("ix_rollouts_partner_id_id"))

    op.drop_table("rollouts")
    with op.batch_alter_table("order_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_order_keys_created_at"))

    op.drop_table("order_keys")
