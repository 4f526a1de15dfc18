"""What people had before contacts and scopes came is carried over."""

from alembic import command
from sqlalchemy import Connection, text

from fleet.kit.database import WRITES, Database
from fleet.migrations.run import make_config, upgrade

BEFORE = (
    "INSERT INTO partners (id, name, created_at) VALUES (1, 'Р', '2026-03-02 09:00:00'), "
    "(2, 'Л', '2026-03-02 09:00:00')",
    "INSERT INTO employees "
    "(id, partner_id, login, full_name, role, active, password_hash, created_at) "
    "VALUES (1, 1, 'anna', 'Анна ЖУК', 'administrator', true, 'x', '2026-03-02 09:00:00')",
    "INSERT INTO audit_entries (at, partner_id, login, address, what, object) VALUES "
    "('2026-03-02 09:00:00', 1, 'Anna', '', 'accounts.signed_in', 'employee:1')",
)


async def test_the_upgrade_adds_uuids_of_partners_and_search_texts(empty_url: str) -> None:
    await upgrade(empty_url, "0005_assistants")
    database = Database(empty_url)
    async with database.transaction() as db:
        for statement in BEFORE:
            await db.execute(text(statement))
    await upgrade(empty_url, "0006_people")
    async with database.read() as db:
        uuids = list(await db.scalars(text("SELECT uuid FROM partners")))
        assert len(set(uuids)) == 2 and all(len(uuid) == 36 for uuid in uuids)
        found = text("SELECT search_text, email, limited FROM employees")
        assert [tuple(row) for row in await db.execute(found)] == [("anna анна жук", "", False)]
        logged = await db.scalar(text("SELECT search_text FROM audit_entries"))
        assert logged == "anna accounts.signed_in employee:1"
    await database.close()


async def test_the_migration_of_people_can_be_reverted(empty_url: str) -> None:
    await upgrade(empty_url, "0006_people")
    database = Database(empty_url)

    def downgrade(connection: Connection) -> None:
        command.downgrade(make_config(connection), "0005_assistants")

    async with database.engine.execution_options(**{WRITES: True}).begin() as connection:
        await connection.run_sync(downgrade)
    await database.close()
    await upgrade(empty_url, "0006_people")
