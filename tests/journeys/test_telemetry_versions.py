"""Registers of several ages at one server: each is served and shown as whole as it tells itself."""

from urllib.parse import quote

from protocol.platforms import Platform
from simulator.register.simulated_register import SimulatedRegister
from tests.journeys.conftest import Deployment

FORM = "Общество с ограниченной ответственностью "
BREAD, WIND = FORM + '"Северный хлеб"', FORM + '"Северный ветер"'
PLACE = "191002, Санкт-Петербург, муниципальный округ Владимирский, пер. Учебный, д. 5, литера "


async def call_in(
    town: Deployment, number: int, name: str, inn: str, version: int
) -> SimulatedRegister:
    register = await town.enrol(Platform.V5_0, number)
    register.owner = register.owner._replace(name=name, inn=inn, address=PLACE + str(number))
    talk = await town.gateway.call(register, telemetry_version=version)
    assert talk.accepted, talk.result
    return register


async def found(town: Deployment, path: str, field: str) -> list[str]:
    answer = await town.api.get(path)
    assert answer.status == 200, answer.json
    return sorted(str(item[field]) for item in answer.json["items"])


async def test_owners_that_begin_alike_are_told_apart_everywhere(town: Deployment) -> None:
    assert BREAD[:48] == WIND[:48]
    bread = await call_in(town, 1, BREAD, "7802000022", 2)
    wind = await call_in(town, 2, WIND, "6604000043", 2)
    numbers = sorted((bread.serial_number, wind.serial_number))
    assert await found(town, "/registers", "serial_number") == numbers
    assert await found(town, "/registers", "owner_name") == sorted((BREAD, WIND))
    for query, register in (("Северный хлеб", bread), ("ветер", wind), ("литера 2", wind)):
        path = f"/registers?q={quote(query)}"
        assert await found(town, path, "serial_number") == [register.serial_number]
    assert await found(town, "/clients", "name") == sorted((BREAD, WIND))
    assert await found(town, f"/clients?q={quote('ветер')}", "name") == [WIND]
    card = (await town.api.get(f"/registers/{bread.serial_number}")).json
    assert card["telemetry"]["owner_name"]["value"] == card["owner_name"] == BREAD
    assert card["telemetry"]["address"]["value"] == card["address"] == PLACE + "1"
    history = (await town.api.get(f"/registers/{wind.serial_number}/telemetry")).json
    assert [row["values"]["owner_name"] for row in history["items"]] == [WIND]


async def test_a_register_that_sends_version_1_is_served_and_learns_version_2(
    town: Deployment,
) -> None:
    register = await call_in(town, 1, BREAD, "7802000022", 1)
    assert await found(town, "/registers", "owner_name") == [BREAD[:48]]
    operation = await town.order(register, "settings_download")
    await town.gateway.port._resync()
    await town.gateway.call(register, telemetry_version=1)
    assert (await town.operation(operation))["status"] == "succeeded"
    assert (await town.gateway.call(register, telemetry_version=2)).accepted
    assert await found(town, "/registers", "owner_name") == [BREAD]
    history = (await town.api.get(f"/registers/{register.serial_number}/telemetry")).json
    names = [row["values"]["owner_name"] for row in history["items"]]
    assert sorted(names) == [BREAD[:48], BREAD[:48], BREAD]
