"""Searches and orders take ё for е.

There is no way back: a text written with ё is then found by е, until it is written again.
"""

from alembic import op

revision = "0020_search_folds_yo"
down_revision = "0019_search"
branch_labels = None
depends_on = None

FOLDED = {
    "registers": ("search_names",),
    "clients": ("search_text", "sort_key"),
    "addresses": ("sort_key",),
    "employees": ("search_text",),
    "audit_entries": ("search_text",),
}


def upgrade() -> None:
    for table, columns in FOLDED.items():
        for name in columns:
            op.execute(
                f"UPDATE {table} SET {name} = replace({name}, 'ё', 'е') WHERE {name} LIKE '%ё%'"
            )


def downgrade() -> None:
    """The texts stay as they are."""
