"""Registers that named their owners before there were clients."""

from typing import Any

from sqlalchemy import Connection, MetaData, Table, insert, select

from fleet.clients.models import Client
from fleet.kit.database import WRITES, Database
from fleet.migrations.run import upgrade
from tests.fleet.conftest import START

SHOP = "7707083893"
OWNERS = ((SHOP, "ООО Ромашка"), (SHOP, 'ООО "Ромашка"'), ("", ""), ("7700000000??", "Кто?"))


def put(connection: Connection, table_name: str, **values: Any) -> None:
    """A row of a table as it was at that revision."""
    table = Table(table_name, MetaData(), autoload_with=connection)
    connection.execute(insert(table).values(values))


def settle(connection: Connection) -> None:
    moment = START if connection.dialect.name == "postgresql" else START.replace(tzinfo=None)
    put(connection, "partners", id=1, name="P", created_at=moment, uuid="u")
    for number, (inn, owner) in enumerate(OWNERS, start=106900000001):
        said = {"owner_inn": inn, "owner_name": owner, "silent_since": moment}
        put(connection, "registers", serial_number=number, model=69, partner_id=1, **said)


async def test_owners_of_registers_are_clients_after_the_migration(empty_url: str) -> None:
    await upgrade(empty_url, "0007_registers")
    database = Database(empty_url)
    writing = database.engine.execution_options(**{WRITES: True})
    async with writing.begin() as connection:
        await connection.run_sync(settle)
    await upgrade(empty_url)
    async with database.read() as db:
        client = (await db.scalars(select(Client))).one()
    await database.close()
    assert (client.inn, client.reported_name, client.emails) == (SHOP, "ООО Ромашка", [])
    assert (client.sort_key, client.typed_at) == ("ооо ромашка", None)
    assert client.search_text == f"{SHOP}\nооо ромашка"
