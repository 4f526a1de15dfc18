"""access_requests."""

import sqlalchemy as sa
from alembic import op

import fleet.kit.database

revision = "0009_access_requests"
down_revision = "0008_organisation"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MOMENT = fleet.kit.database.UtcDateTime(timezone=True)
_PROCESSING = sa.text("status = 'processing'")


def upgrade() -> None:
    op.create_table(
        "access_requests",
        sa.Column("id", _ID, nullable=False),
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.Column("client_inn", sa.String(length=12), nullable=False),
        sa.Column("consent_date", sa.Date(), nullable=False),
        sa.Column(
            "status",
            sa.Enum(
                "processing",
                "partial",
                "full",
                "closed",
                "refused",
                "withdrawn",
                name="requeststatus",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "reason",
            sa.Enum(
                "no_stamp",
                "inn_differs",
                "inn_missing",
                "poor_photo",
                "consent_too_old",
                "image_edited",
                "incomplete",
                "organisation_code_wrong",
                name="refusalreason",
                native_enum=False,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("comment", sa.String(length=1000), nullable=False),
        sa.Column(
            "language",
            sa.Enum("ru", "en", name="language", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("created_at", _MOMENT, nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=False),
        sa.Column("decided_at", _MOMENT, nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("changed_at", _MOMENT, nullable=False),
        *(
            sa.ForeignKeyConstraint(
                [column], [f"{table}.id"], name=op.f(f"fk_access_requests_{column}_{table}")
            )
            for column, table in (
                ("partner_id", "partners"),
                ("created_by", "employees"),
                ("decided_by", "employees"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_requests")),
    )
    for columns in (["partner_id", "id"], ["status", "id"]):
        name = op.f("_".join(["ix_access_requests", *columns]))
        op.create_index(name, "access_requests", columns)
    op.create_index(
        "uq_access_requests_processing",
        "access_requests",
        ["partner_id", "client_inn"],
        unique=True,
        postgresql_where=_PROCESSING,
        sqlite_where=_PROCESSING,
    )
    op.create_table(
        "access_request_registers",
        sa.Column("request_id", _ID, autoincrement=False, nullable=False),
        sa.Column(
            "serial_number", fleet.kit.database.SerialNumber(), autoincrement=False, nullable=False
        ),
        sa.Column("granted_at", _MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["access_requests.id"],
            name=op.f("fk_access_request_registers_request_id_access_requests"),
        ),
        sa.PrimaryKeyConstraint(
            "request_id", "serial_number", name=op.f("pk_access_request_registers")
        ),
    )
    op.create_index(
        op.f("ix_access_request_registers_serial_number"),
        "access_request_registers",
        ["serial_number"],
    )
    op.create_table(
        "consent_files",
        sa.Column("id", _ID, nullable=False),
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.Column("request_id", _ID, nullable=True),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("pdf", "jpg", "doc", "docx", name="filekind", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("uploaded_at", _MOMENT, nullable=False),
        sa.Column("uploaded_by", sa.Integer(), nullable=False),
        *(
            sa.ForeignKeyConstraint(
                [column], [f"{table}.id"], name=op.f(f"fk_consent_files_{column}_{table}")
            )
            for column, table in (
                ("partner_id", "partners"),
                ("request_id", "access_requests"),
                ("uploaded_by", "employees"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_files")),
    )
    for columns in (["partner_id", "request_id"], ["request_id"], ["uploaded_at"]):
        op.create_index(op.f("_".join(["ix_consent_files", *columns])), "consent_files", columns)


def downgrade() -> None:
    op.drop_table("consent_files")
    op.drop_table("access_request_registers")
    op.drop_table("access_requests")
