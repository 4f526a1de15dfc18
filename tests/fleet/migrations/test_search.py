"""Migration 0019: what the search looks through is cut where the numbers end, and joined again."""

from alembic import command
from sqlalchemy import text

from fleet.kit.database import create_engine
from fleet.migrations.run import make_config, upgrade

REGISTER = text(
    "INSERT INTO registers (serial_number, model, silent_since, registration_number, owner_inn,"
    " search_text) VALUES (:serial, 69, '2000-01-01', :registration, :inn, :found_by)"
)
TEXTS = {
    106900000001: (
        "0000000003027865",
        "7703864827",
        ["0000000003027865", "7703864827"],
        "ооо ёлка",
    ),
    106900000002: ("", "", [], "630099, новосибирск\n7 км"),
    106900000003: ("", "7703864827", ["7703864827"], ""),
}


async def test_a_text_is_cut_where_its_numbers_end(empty_url: str) -> None:
    await upgrade(empty_url, "0018_keys_and_recoveries")
    engine = create_engine(empty_url)
    before = {}
    async with engine.begin() as connection:
        for serial, (registration, inn, numbers, names) in TEXTS.items():
            before[serial] = "\n".join(filter(None, [f"{serial:014}", *numbers, names]))
            row = {"serial": serial, "registration": registration, "inn": inn}
            await connection.execute(REGISTER, row | {"found_by": before[serial]})
    await engine.dispose()
    await upgrade(empty_url)
    engine = create_engine(empty_url)
    async with engine.begin() as connection:
        columns = "serial_number, search_numbers, search_names"
        found = await connection.execute(text(f"SELECT {columns} FROM registers"))
        assert {row[0]: row[1:] for row in found.all()} == {
            serial: ("\n".join([f"{serial:014}", *numbers]), names)
            for serial, (_, _, numbers, names) in TEXTS.items()
        }
        back = "0018_keys_and_recoveries"
        await connection.run_sync(lambda sync: command.downgrade(make_config(sync), back))
        again = await connection.execute(text("SELECT serial_number, search_text FROM registers"))
        assert {row[0]: row[1] for row in again.all()} == before
    await engine.dispose()
    await upgrade(empty_url)
