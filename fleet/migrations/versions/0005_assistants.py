"""assistants."""

import sqlalchemy as sa
from alembic import op

import fleet.kit.database

revision = "0005_assistants"
down_revision = "0004_firmware"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "conversations",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("serial_number", fleet.kit.database.SerialNumber(), nullable=False),
        sa.Column("ended_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("road", sa.String(length=8), nullable=False),
        sa.Column("peer", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.Column("why", sa.String(length=128), nullable=False),
        sa.Column("reached", sa.String(length=16), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("operations", sa.JSON(), nullable=False),
        sa.Column("ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversations")),
    )
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_conversations_ended_at"), ["ended_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_conversations_serial_number_id"), ["serial_number", "id"], unique=False
        )

    op.create_table(
        "broker_accounts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("assistant", "terminal", name="accountkind", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("login", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.String(length=256), nullable=False),
        sa.Column("title", sa.String(length=128), nullable=False),
        sa.Column("created_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("reported_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("version", sa.String(length=128), nullable=False),
        sa.Column("computer", sa.String(length=128), nullable=False),
        sa.Column("report", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_broker_accounts_partner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_broker_accounts")),
        sa.UniqueConstraint("login", name=op.f("uq_broker_accounts_login")),
    )
    with op.batch_alter_table("broker_accounts", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_broker_accounts_partner_id"), ["partner_id"], unique=False
        )

    op.create_table(
        "broker_account_registers",
        sa.Column(
            "serial_number", fleet.kit.database.SerialNumber(), autoincrement=False, nullable=False
        ),
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("added_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["broker_accounts.id"],
            name=op.f("fk_broker_account_registers_account_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("serial_number", name=op.f("pk_broker_account_registers")),
    )
    with op.batch_alter_table("broker_account_registers", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_broker_account_registers_account_id"), ["account_id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("broker_account_registers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_broker_account_registers_account_id"))

    op.drop_table("broker_account_registers")
    with op.batch_alter_table("broker_accounts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_broker_accounts_partner_id"))

    op.drop_table("broker_accounts")
    with op.batch_alter_table("conversations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_conversations_serial_number_id"))
        batch_op.drop_index(batch_op.f("ix_conversations_ended_at"))

    op.drop_table("conversations")
