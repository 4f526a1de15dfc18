"""Registers of several ages at one server: each is served and shown as whole as it tells itself."""

from urllib.parse import quote

from protocol.platforms import Platform
from simulator.register.simulated_register import SimulatedRegister
from tests.journeys.conftest import Deployment

FORM = "Общество с ограниченной ответственностью "
BREAD, WIND = FORM + '"Северный хлеб"', FORM + '"Северный ветер"'
PLACE = "191002, Санкт-Петербург, муниципальный округ Владимирский, пер. Учебный, д. 5, литера "


async def call_in(
    deployment: Deployment, number: int, name: str, inn: str, version: int
) -> SimulatedRegister:
    register = await deployment.enrol(Platform.V5_0, number)
    register.owner = register.owner._replace(name=name, inn=inn, address=PLACE + str(number))
    talk = await deployment.gateway.call(register, telemetry_version=version)
    assert talk.accepted, talk.result
    return register


async def found(deployment: Deployment, path: str, field: str) -> list[str]:
    answer = await deployment.api.get(path)
    assert answer.status == 200, answer.json
    return sorted(str(item[field]) for item in answer.json["items"])


async def test_owners_that_begin_alike_are_told_apart_everywhere(deployment: Deployment) -> None:
    assert BREAD[:48] == WIND[:48]
    bread = await call_in(deployment, 1, BREAD, "7802000022", 2)
    wind = await call_in(deployment, 2, WIND, "6604000043", 2)
    numbers = sorted((bread.serial_number, wind.serial_number))
    assert await found(deployment, "/registers", "serial_number") == numbers
    assert await found(deployment, "/registers", "owner_name") == sorted((BREAD, WIND))
    for query, register in (("Северный хлеб", bread), ("ветер", wind), ("литера 2", wind)):
        path = f"/registers?q={quote(query)}"
        assert await found(deployment, path, "serial_number") == [register.serial_number]
    assert await found(deployment, "/clients", "name") == sorted((BREAD, WIND))
    assert await found(deployment, f"/clients?q={quote('ветер')}", "name") == [WIND]
    card = (await deployment.api.get(f"/registers/{bread.serial_number}")).json
    assert card["telemetry"]["owner_name"]["value"] == card["owner_name"] == BREAD
    assert card["telemetry"]["address"]["value"] == card["address"] == PLACE + "1"
    history = (await deployment.api.get(f"/registers/{wind.serial_number}/telemetry")).json
    assert [row["values"]["owner_name"] for row in history["items"]] == [WIND]


async def test_a_register_that_sends_version_1_is_served_and_learns_version_2(
    deployment: Deployment,
) -> None:
    register = await call_in(deployment, 1, BREAD, "7802000022", 1)
    assert await found(deployment, "/registers", "owner_name") == [BREAD[:48]]
    operation = await deployment.order(register, "settings_download")
    await deployment.gateway.port._resync()
    await deployment.gateway.call(register, telemetry_version=1)
    assert (await deployment.operation(operation))["status"] == "succeeded"
    assert (await deployment.gateway.call(register, telemetry_version=2)).accepted
    assert await found(deployment, "/registers", "owner_name") == [BREAD]
    history = (await deployment.api.get(f"/registers/{register.serial_number}/telemetry")).json
    names = [row["values"]["owner_name"] for row in history["items"]]
    assert sorted(names) == [BREAD[:48], BREAD[:48], BREAD]
