"""firmware."""

import sqlalchemy as sa
from alembic import op

import fleet.kit.database

revision = "0004_firmware"
down_revision = "0003_orders"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "firmware_images",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("model", sa.Integer(), nullable=False),
        sa.Column(
            "platform",
            sa.Enum("2.5", "5.0", name="platform", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.Column("block_size", sa.Integer(), nullable=False),
        sa.Column("published_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("added_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_firmware_images")),
        sa.UniqueConstraint("model", "version", name=op.f("uq_firmware_images_model_version")),
    )


def downgrade() -> None:
    op.drop_table("firmware_images")
