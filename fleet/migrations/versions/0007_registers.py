"""Columns that the list is sorted and filtered by, addresses, groups, notices and views."""

from collections.abc import Iterator

import sqlalchemy as sa
import structlog
from alembic import op

from fleet.kit.database import BigId, UtcDateTime

log = structlog.get_logger(__name__)

revision = "0007_registers"
down_revision = "0006_people"
branch_labels = None
depends_on = None

LISTED_BY = (
    "platform",
    "ffd_version",
    "owner_inn",
    "owner_name",
    "shown_address",
    "group_id",
    "silent_since",
    "condition_mask",
    "model",
)
OF_MODEL = ("firmware_version", "ffd_version", "silent_since")
UNGROUPED = ("owner_inn", "owner_name", "shown_address")
RARE = {"blocked": "blocked", "fresh": "NOT fiscalised"}
TEXTS = ("installed_address", "shown_address")

FILL = """
UPDATE registers SET shown_address = address,
silent_since = coalesce((SELECT s.seen_at FROM register_states s
WHERE s.serial_number = registers.serial_number), {never}),
condition_mask = coalesce((SELECT s.condition_mask FROM register_states s
WHERE s.serial_number = registers.serial_number), 0)
"""
NEVER = {
    "postgresql": "TIMESTAMPTZ '2000-01-01 00:00:00+00'",
    "sqlite": "'2000-01-01 00:00:00.000000'",
}

# Searches for parts of texts.  Not every account may create an extension, and without this index
# all works, only slower: then an administrator of the database runs these by hand.
TRIGRAMS = "CREATE EXTENSION IF NOT EXISTS pg_trgm"
SEARCH = "CREATE INDEX ix_registers_trigrams ON registers USING gin (search_text gin_trgm_ops)"
NAMES = (
    "CREATE INDEX ix_registers_names ON registers "
    "USING gin (ltrim(search_text, E'0123456789\\n') gin_trgm_ops)"
)


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    with op.batch_alter_table("registers", schema=None) as batch_op:
        for name in TEXTS:
            batch_op.add_column(
                sa.Column(name, sa.String(length=256), server_default="", nullable=False)
            )
        batch_op.add_column(sa.Column("address_id", BigId, nullable=True))
        batch_op.add_column(sa.Column("group_id", BigId, nullable=True))
        batch_op.add_column(
            sa.Column("notices", sa.Boolean(), server_default=sa.text("true"), nullable=False)
        )
        batch_op.add_column(
            sa.Column("condition_mask", sa.Integer(), server_default="0", nullable=False)
        )
        batch_op.add_column(sa.Column("silent_since", UtcDateTime(timezone=True), nullable=True))
    op.execute(FILL.format(never=NEVER[dialect]))
    with op.batch_alter_table("registers", schema=None) as batch_op:
        batch_op.alter_column(
            "silent_since", existing_type=UtcDateTime(timezone=True), nullable=False
        )
        batch_op.drop_index("ix_registers_partner_id_model_serial_number")
        for name in LISTED_BY:
            batch_op.create_index(_index(name), ["partner_id", "hidden", name, "serial_number"])
    for name, columns, condition in _partial():
        where = sa.text(condition)
        op.create_index(name, "registers", columns, postgresql_where=where, sqlite_where=where)
    for name in OF_MODEL:
        columns = ["partner_id", "hidden", "model", name, "serial_number"]
        op.create_index(f"ix_registers_model_{name}", "registers", columns)
    if dialect == "postgresql":
        _index_trigrams()
    op.create_table(
        "register_list_views",
        sa.Column("employee_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("columns", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("compact", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["employee_id"],
            ["employees.id"],
            name=op.f("fk_register_list_views_employee_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("employee_id", name=op.f("pk_register_list_views")),
    )


def downgrade() -> None:
    op.drop_table("register_list_views")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP INDEX IF EXISTS ix_registers_trigrams, ix_registers_names")
    for name in OF_MODEL:
        op.drop_index(f"ix_registers_model_{name}", "registers")
    for name, _, _ in _partial():
        op.drop_index(name, "registers")
    with op.batch_alter_table("registers", schema=None) as batch_op:
        for name in LISTED_BY:
            batch_op.drop_index(_index(name))
        batch_op.create_index(
            "ix_registers_partner_id_model_serial_number", ["partner_id", "model", "serial_number"]
        )
        for name in (*TEXTS, "address_id", "group_id", "notices", "condition_mask", "silent_since"):
            batch_op.drop_column(name)


def _partial() -> Iterator[tuple[str, list[str], str]]:
    """Name, columns and condition of the indexes that hold some registers only."""
    for name, condition in RARE.items():
        yield f"ix_registers_{name}", ["partner_id", "hidden", "serial_number"], condition
    for name in UNGROUPED:
        columns = ["partner_id", "hidden", name, "serial_number"]
        yield f"ix_registers_ungrouped_{name}", columns, "group_id IS NULL"


def _index(name: str) -> str:
    return f"ix_registers_partner_id_hidden_{name}_serial_number"


def _index_trigrams() -> None:
    try:
        with op.get_bind().begin_nested():
            op.execute(TRIGRAMS)
            op.execute(SEARCH)
            op.execute(NAMES)
    except sa.exc.DBAPIError:
        log.warning("searches_stay_slow", why="pg_trgm is not to be had here", see=revision)
