"""Numbers of registers and their names are searched apart, each through an index of its own."""

import sqlalchemy as sa
import structlog
from alembic import op

log = structlog.get_logger(__name__)

revision = "0019_search"
down_revision = "0018_keys_and_recoveries"
branch_labels = None
depends_on = None

LENGTHS = {"search_numbers": 96, "search_names": 768}

# The text began with the numbers, a line for each that was there.
NUMBERS = ("registration_number", "fiscal_drive_number", "owner_inn")
END = "14" + "".join(
    f" + CASE WHEN {name} = '' THEN 0 ELSE 1 + length({name}) END" for name in NUMBERS
)
SPLIT = f"""
UPDATE registers SET search_numbers = substr(search_text, 1, {END}),
search_names = substr(search_text, {END} + 2)
"""
JOIN = """
UPDATE registers SET search_text = search_numbers ||
CASE WHEN search_names = '' THEN '' ELSE '\n' || search_names END
"""

# As in 0007: without the extension all works, only slower; then an administrator of the database
# runs these by hand.
TRIGRAMS = "CREATE EXTENSION IF NOT EXISTS pg_trgm"
INDEXES = tuple(
    f"CREATE INDEX ix_registers_{name} ON registers USING gin ({name} gin_trgm_ops)"
    for name in LENGTHS
)
BEFORE = (
    "CREATE INDEX ix_registers_trigrams ON registers USING gin (search_text gin_trgm_ops)",
    "CREATE INDEX ix_registers_names ON registers "
    "USING gin (ltrim(search_text, E'0123456789\\n') gin_trgm_ops)",
)


def upgrade() -> None:
    _drop_indexes("ix_registers_trigrams", "ix_registers_names")
    with op.batch_alter_table("registers", schema=None) as batch_op:
        for name, length in LENGTHS.items():
            column = sa.Column(name, sa.String(length), server_default="", nullable=False)
            batch_op.add_column(column)
    op.execute(SPLIT)
    with op.batch_alter_table("registers", schema=None) as batch_op:
        batch_op.drop_column("search_text")
    _create_indexes(*INDEXES)


def downgrade() -> None:
    _drop_indexes(*(f"ix_registers_{name}" for name in LENGTHS))
    with op.batch_alter_table("registers", schema=None) as batch_op:
        column = sa.Column("search_text", sa.String(768), server_default="", nullable=False)
        batch_op.add_column(column)
    op.execute(JOIN)
    with op.batch_alter_table("registers", schema=None) as batch_op:
        for name in LENGTHS:
            batch_op.drop_column(name)
    _create_indexes(*BEFORE)


def _drop_indexes(*names: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP INDEX IF EXISTS {', '.join(names)}")


def _create_indexes(*statements: str) -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    try:
        with op.get_bind().begin_nested():
            for statement in (TRIGRAMS, *statements):
                op.execute(statement)
    except sa.exc.DBAPIError:
        log.warning("searches_stay_slow", why="pg_trgm is not to be had here", see=revision)
