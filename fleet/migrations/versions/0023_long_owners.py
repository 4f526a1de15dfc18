"""The searched texts have room for an owner's name and address of 256 characters each.

Wider only: processes of before go on writing what they cut.  On PostgreSQL it touches the
catalogue alone, neither rows nor indexes; SQLite does not ask for lengths.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023_long_owners"
down_revision = "0022_states_before"
branch_labels = None
depends_on = None

BEFORE, AFTER = 768, 1280


def upgrade() -> None:
    _resize(BEFORE, AFTER)


def downgrade() -> None:
    op.execute(f"UPDATE registers SET search_names = substr(search_names, 1, {BEFORE})")
    _resize(AFTER, BEFORE)


def _resize(before: int, after: int) -> None:
    with op.batch_alter_table("registers", schema=None) as batch_op:
        batch_op.alter_column(
            "search_names", existing_type=sa.String(before), type_=sa.String(after)
        )
