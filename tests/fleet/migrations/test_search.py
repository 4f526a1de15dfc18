"""Migrations 0019: what the search looks through is cut where the numbers end, and joined again;
0021: ё is taken for е."""

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
    await upgrade(empty_url, "0019_search")
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


KNOWN = (
    "INSERT INTO registers (serial_number, model, silent_since, search_names) VALUES"
    " (106900000001, 69, '2000-01-01', 'ооо «ёлка и ёж»'), (106900000002, 69, '2000-01-01', 'ель')",
    "INSERT INTO partners (id, uuid, name, created_at) VALUES (1, 'u', 'n', '2000-01-01')",
    "INSERT INTO clients (partner_id, inn, sort_key, search_text)"
    " VALUES (1, '7703864827', 'ёлка', '7703864827\nёлка')",
    "INSERT INTO addresses (partner_id, text, search_text, sort_key, created_at, changed_at)"
    " VALUES (1, 'Лётная', 'лётная', 'лётная', '2000-01-01', '2000-01-01')",
)


async def test_what_is_there_is_found_by_either_letter(empty_url: str) -> None:
    await upgrade(empty_url, "0019_search")
    engine = create_engine(empty_url)
    async with engine.begin() as connection:
        for statement in KNOWN:
            await connection.execute(text(statement))
    await engine.dispose()
    await upgrade(empty_url)
    engine = create_engine(empty_url)
    async with engine.connect() as connection:
        for statement, expected in (
            ("SELECT search_names FROM registers ORDER BY serial_number", "ооо «елка и еж» ель"),
            ("SELECT search_text || ' ' || sort_key FROM clients", "7703864827\nелка елка"),
            ("SELECT search_text || ' ' || sort_key FROM addresses", "лётная летная"),
        ):
            rows = await connection.execute(text(statement))
            assert " ".join(row[0] for row in rows) == expected
    await engine.dispose()
