"""Groups of registers, clients, the address book."""

import sqlalchemy as sa
from alembic import op

from fleet.kit.database import BigId, UtcDateTime

revision = "0008_organisation"
down_revision = "0007_registers"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "register_groups",
        sa.Column("id", BigId, nullable=False),
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.Column("parent_id", BigId, nullable=True),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["register_groups.id"], name=op.f("fk_register_groups_parent_id")
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_register_groups_partner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_register_groups")),
        sa.UniqueConstraint(
            "partner_id",
            "parent_id",
            "name",
            name=op.f("uq_register_groups_partner_id_parent_id_name"),
        ),
    )
    with op.batch_alter_table("register_groups", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_register_groups_parent_id"), ["parent_id"], unique=False
        )
        batch_op.create_index(
            "ix_register_groups_root_name",
            ["partner_id", "name"],
            unique=True,
            postgresql_where=sa.text("parent_id IS NULL"),
            sqlite_where=sa.text("parent_id IS NULL"),
        )

    op.create_table(
        "clients",
        sa.Column("partner_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("inn", sa.String(length=12), nullable=False),
        sa.Column("reported_name", sa.String(length=256), server_default="", nullable=False),
        sa.Column("name", sa.String(length=256), server_default="", nullable=False),
        sa.Column("emails", sa.JSON(), server_default="[]", nullable=False),
        sa.Column("phone", sa.String(length=32), server_default="", nullable=False),
        sa.Column("contact", sa.String(length=256), server_default="", nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("typed_at", UtcDateTime(timezone=True), nullable=True),
        sa.Column("sort_key", sa.String(length=64), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_clients_partner_id")
        ),
        sa.PrimaryKeyConstraint("partner_id", "inn", name=op.f("pk_clients")),
    )
    with op.batch_alter_table("clients", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_clients_partner_id_sort_key_inn"),
            ["partner_id", "sort_key", "inn"],
            unique=False,
        )
    _fill_clients()

    op.create_table(
        "addresses",
        sa.Column("id", BigId, nullable=False),
        sa.Column("partner_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(length=256), nullable=False),
        sa.Column("search_text", sa.String(length=512), nullable=False),
        sa.Column("sort_key", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_at", UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_addresses_partner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_addresses")),
        sa.UniqueConstraint(
            "partner_id", "search_text", name=op.f("uq_addresses_partner_id_search_text")
        ),
    )
    with op.batch_alter_table("addresses", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_addresses_partner_id_sort_key_id"),
            ["partner_id", "sort_key", "id"],
            unique=False,
        )


def _fill_clients() -> None:
    """The owners whom registers name already.

    Lower case is Python's: the databases agree on no other (``fleet.clients.rules``).
    """
    said = sa.text(
        "SELECT partner_id, owner_inn, max(owner_name) AS name FROM registers "
        "WHERE partner_id IS NOT NULL AND length(owner_inn) IN (10, 12) "
        "GROUP BY partner_id, owner_inn"
    )
    clients = sa.table(
        "clients",
        *(
            sa.column(name)
            for name in ("partner_id", "inn", "reported_name", "sort_key", "search_text")
        ),
    )
    rows = [
        {
            "partner_id": partner_id,
            "inn": inn,
            "reported_name": name,
            "sort_key": name.lower()[:64],
            "search_text": "\n".join(filter(None, (inn, name))).lower(),
        }
        for partner_id, inn, name in op.get_bind().execute(said)
        if inn.isascii() and inn.isdigit()
    ]
    if rows:
        op.bulk_insert(clients, rows)


def downgrade() -> None:
    for table in ("addresses", "clients", "register_groups"):
        op.drop_table(table)
