"""Contacts and scope of employees, password links, API tokens, the outbox, search in the log."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

import fleet.kit.database

revision = "0006_people"
down_revision = "0005_assistants"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("partners", schema=None) as batch_op:
        batch_op.add_column(sa.Column("uuid", sa.String(length=36), nullable=True))
        batch_op.add_column(
            sa.Column("inn", sa.String(length=12), server_default="", nullable=False)
        )
    partners = sa.table("partners", sa.column("id", sa.Integer), sa.column("uuid", sa.String))
    known = op.get_bind().scalars(sa.select(partners.c.id)).all()
    for key in known:
        op.execute(partners.update().where(partners.c.id == key).values(uuid=str(uuid4())))
    with op.batch_alter_table("partners", schema=None) as batch_op:
        batch_op.alter_column("uuid", existing_type=sa.String(length=36), nullable=False)
        batch_op.create_unique_constraint(batch_op.f("uq_partners_uuid"), ["uuid"])

    with op.batch_alter_table("employees", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("email", sa.String(length=254), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("phone", sa.String(length=32), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("limited", sa.Boolean(), server_default=sa.text("false"), nullable=False)
        )
        batch_op.add_column(sa.Column("search_text", sa.Text(), server_default="", nullable=False))
        batch_op.create_index(batch_op.f("ix_employees_email"), ["email"], unique=False)
    # By Python, as the program does it: SQLite knows the lower case of Latin letters only.
    employees = sa.table(
        "employees", *(sa.column(name) for name in ("id", "login", "full_name", "search_text"))
    )
    for key, login, name in op.get_bind().execute(sa.select(*list(employees.c)[:3])).all():
        text = f"{login} {name}".lower()
        op.execute(employees.update().where(employees.c.id == key).values(search_text=text))

    with op.batch_alter_table("sign_ins", schema=None) as batch_op:
        batch_op.add_column(sa.Column("token_name", sa.String(length=64), nullable=True))

    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.add_column(sa.Column("search_text", sa.Text(), server_default="", nullable=False))
    op.execute(
        "UPDATE audit_entries SET search_text = lower(login || ' ' || what || ' ' || object)"
    )

    op.create_table(
        "scope_entries",
        sa.Column("employee_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "kind",
            sa.Enum("client", "register", name="scopekind", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("value", sa.String(length=14), nullable=False),
        sa.ForeignKeyConstraint(
            ["employee_id"],
            ["employees.id"],
            name=op.f("fk_scope_entries_employee_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("employee_id", "kind", "value", name=op.f("pk_scope_entries")),
    )

    op.create_table(
        "password_links",
        sa.Column("token_sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("employee_id", sa.Integer(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("invitation", "recovery", name="linkkind", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("created_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("spent_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["employee_id"], ["employees.id"], name=op.f("fk_password_links_employee_id")
        ),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_password_links")),
    )
    with op.batch_alter_table("password_links", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_password_links_employee_id"), ["employee_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_password_links_expires_at"), ["expires_at"], unique=False
        )

    op.create_table(
        "letters",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("to", sa.String(length=254), nullable=False),
        sa.Column("template", sa.String(length=64), nullable=False),
        sa.Column(
            "language",
            sa.Enum("ru", "en", name="language", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("params", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("due_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("given_up_at", fleet.kit.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=256), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letters")),
    )
    with op.batch_alter_table("letters", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_letters_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_letters_due_at"), ["due_at"], unique=False)


def downgrade() -> None:
    op.drop_table("letters")
    op.drop_table("password_links")
    op.drop_table("scope_entries")
    with op.batch_alter_table("audit_entries", schema=None) as batch_op:
        batch_op.drop_column("search_text")
    # Without the name a token would pass for a sign-in.
    op.execute("DELETE FROM sign_ins WHERE token_name IS NOT NULL")
    with op.batch_alter_table("sign_ins", schema=None) as batch_op:
        batch_op.drop_column("token_name")
    with op.batch_alter_table("employees", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_employees_email"))
        batch_op.drop_column("search_text")
        batch_op.drop_column("limited")
        batch_op.drop_column("phone")
        batch_op.drop_column("email")
    with op.batch_alter_table("partners", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_partners_uuid"), type_="unique")
        batch_op.drop_column("inn")
        batch_op.drop_column("uuid")
