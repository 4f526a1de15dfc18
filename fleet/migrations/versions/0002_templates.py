"""Templates of settings, receipts, info-receipts and tips, and their outlets."""

import sqlalchemy as sa
from alembic import op

import fleet.kit.database

revision = "0002_templates"
down_revision = "0001_spine"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "info_receipts",
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("created_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_info_receipts_partner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_info_receipts")),
        sa.UniqueConstraint("partner_id", "name", name=op.f("uq_info_receipts_partner_id_name")),
    )
    op.create_table(
        "outlets",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("created_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_outlets_partner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outlets")),
        sa.UniqueConstraint("partner_id", "name", name=op.f("uq_outlets_partner_id_name")),
    )
    op.create_table(
        "receipt_templates",
        sa.Column("tape_width_mm", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("created_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_receipt_templates_partner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipt_templates")),
        sa.UniqueConstraint(
            "partner_id", "name", name=op.f("uq_receipt_templates_partner_id_name")
        ),
    )
    op.create_table(
        "settings_templates",
        sa.Column(
            "platform",
            sa.Enum("2.5", "5.0", name="platform", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("values", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("created_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_settings_templates_partner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_settings_templates")),
        sa.UniqueConstraint(
            "partner_id", "name", name=op.f("uq_settings_templates_partner_id_name")
        ),
    )
    op.create_table(
        "tips_templates",
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column(
            "outlet_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("created_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["outlet_id"], ["outlets.id"], name=op.f("fk_tips_templates_outlet_id")
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_tips_templates_partner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tips_templates")),
        sa.UniqueConstraint("partner_id", "name", name=op.f("uq_tips_templates_partner_id_name")),
    )
    with op.batch_alter_table("tips_templates", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_tips_templates_outlet_id"), ["outlet_id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("tips_templates", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tips_templates_outlet_id"))

    op.drop_table("tips_templates")
    op.drop_table("settings_templates")
    op.drop_table("receipt_templates")
    op.drop_table("outlets")
    op.drop_table("info_receipts")
