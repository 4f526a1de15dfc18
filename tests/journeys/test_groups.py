"""Groups of registers, as the manual tells it: made, filled, moved, deleted."""

from typing import Any

from protocol.platforms import Platform
from tests.journeys.conftest import Deployment


async def made(town: Deployment, name: str, parent_id: int | None = None) -> int:
    body = {"name": name, "description": f"{name}: кассы", "parent_id": parent_id}
    answer = await town.api.post("/groups", body)
    assert answer.status == 201, answer.json
    return int(answer.json["id"])


async def tree(town: Deployment) -> dict[str, tuple[int, int, int]]:
    """Name -> depth, own registers, all registers."""
    items = (await town.api.get("/groups")).json["items"]
    return {
        each["name"]: (each["depth"], each["registers"], each["registers_total"]) for each in items
    }


async def in_group(town: Deployment, *ids: int) -> list[str]:
    """What the list of registers shows of these groups."""
    query = "&".join(f"group_id={id_}" for id_ in ids)
    answer = await town.api.get(f"/registers?{query}")
    assert answer.status == 200, answer.json
    return [row["serial_number"] for row in answer.json["items"]]


async def test_registers_are_sorted_into_groups(town: Deployment) -> None:
    tills = [await town.enrol_and_check_in(Platform.V5_0, number) for number in (1, 2, 3)]
    serials = [till.serial_number for till in tills]

    # A group, a subgroup in it, and registers in the subgroup.
    city = await made(town, "Москва")
    shop, kiosk = await made(town, "Магазин", city), await made(town, "Киоск", city)
    added: dict[int, Any] = {}
    for group, chosen in ((shop, serials[:2]), (kiosk, serials[2:])):
        answer = await town.api.post(f"/groups/{group}/registers", {"serial_numbers": chosen})
        added[group] = [each["serial_number"] for each in answer.json["accepted"]]
    assert added == {shop: serials[:2], kiosk: serials[2:]}
    assert await tree(town) == {"Москва": (1, 0, 3), "Киоск": (2, 1, 1), "Магазин": (2, 2, 2)}
    assert await in_group(town, shop) == serials[:2]

    # Registers stand in groups of the lowest level only.
    refused = await town.api.post(f"/groups/{city}/registers", {"serial_numbers": serials[:1]})
    assert (refused.status, refused.json["code"]) == (409, "group_has_subgroups")

    # A group goes into one without registers, or to the root.
    into_full = await town.api.post(f"/groups/{kiosk}/move", {"parent_id": shop})
    assert (into_full.status, into_full.json["code"]) == (409, "group_holds_registers")
    assert (await town.api.post(f"/groups/{kiosk}/move", {"parent_id": None})).status == 200
    assert await tree(town) == {"Киоск": (1, 1, 1), "Москва": (1, 0, 2), "Магазин": (2, 2, 2)}

    # A deleted group takes what is under it along; the registers stay in the list and at work.
    assert (await town.api.ask("DELETE", f"/groups/{city}")).status == 204
    assert await tree(town) == {"Киоск": (1, 1, 1)}
    rows = (await town.api.get("/registers")).json["items"]
    assert {row["serial_number"]: row["group_id"] for row in rows} == {
        **dict.fromkeys(serials),
        serials[2]: kiosk,
    }
    assert (await town.call(tills[0])).accepted
