"""Letters know whom they are about, when they lose their use and why they were given up; the audit
log is read by time and searched through an index."""

import sqlalchemy as sa
import structlog
from alembic import op

from fleet.kit.database import UtcDateTime

log = structlog.get_logger(__name__)

revision = "0017_letters_and_audit"
down_revision = "0016_rollout_resumed"
branch_labels = None
depends_on = None


CAUSES = ("refused", "unreadable", "too_late", "expired", "withdrawn")

LISTED_BY = (["partner_id"], ["partner_id", "object"])

# As in 0007: not every account may create an extension, and without the index all works, only
# slower; then an administrator of the database runs these by hand.
TRIGRAMS = "CREATE EXTENSION IF NOT EXISTS pg_trgm"
SEARCH = (
    "CREATE INDEX ix_audit_entries_trigrams ON audit_entries USING gin (search_text gin_trgm_ops)"
)


def upgrade() -> None:
    with op.batch_alter_table("letters", schema=None) as batch_op:
        batch_op.add_column(sa.Column("about", sa.String(64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("expires_at", UtcDateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("cause", _causes(), nullable=True))
        batch_op.create_index("ix_letters_about_id", ["about", "id"])
    for columns in LISTED_BY:
        _index([*columns, "at", "id"])
        _drop([*columns, "id"])
    if op.get_bind().dialect.name == "postgresql":
        _index_trigrams()


def downgrade() -> None:
    op.execute("UPDATE password_links SET kind = 'recovery' WHERE kind = 'reset'")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP INDEX IF EXISTS ix_audit_entries_trigrams")
    for columns in LISTED_BY:
        _index([*columns, "id"])
        _drop([*columns, "at", "id"])
    with op.batch_alter_table("letters", schema=None) as batch_op:
        batch_op.drop_index("ix_letters_about_id")
        for name in ("about", "expires_at", "cause"):
            batch_op.drop_column(name)


def _index(columns: list[str]) -> None:
    op.create_index(_name(columns), "audit_entries", columns)


def _drop(columns: list[str]) -> None:
    op.drop_index(_name(columns), "audit_entries")


def _name(columns: list[str]) -> str:
    return f"ix_audit_entries_{'_'.join(columns)}"


def _index_trigrams() -> None:
    try:
        with op.get_bind().begin_nested():
            op.execute(TRIGRAMS)
            op.execute(SEARCH)
    except sa.exc.DBAPIError:
        log.warning("searches_stay_slow", why="pg_trgm is not to be had here", see=revision)


def _causes() -> sa.Enum:
    return sa.Enum(*CAUSES, name="cause", native_enum=False, length=32)
