"""An employee with a scope sees and touches only the registers in it; the rest is not found."""

from typing import Any

import pytest
from sqlalchemy import func, select, update

from fleet.accounts.roles import RIGHTS, Role
from fleet.admin_api.endpoints import ENDPOINTS
from fleet.kit.database import Database
from fleet.kit.http import Endpoint
from fleet.kit.input import Input
from fleet.operations.models import Operation
from fleet.registers.models import CashRegister
from protocol.platforms import Platform
from tests.fleet.accounts.people import BORIS, NEW_PASSWORD, add_activated
from tests.fleet.conftest import Api, Employ

INN, OTHER_INN = "7707083893", "7736207543"
OF_CLIENT, NAMED, OUTSIDE, STRANGERS = (f"0010690000000{n}" for n in range(1, 5))


@pytest.fixture
async def boris(api: Api, employ: Employ, database: Database) -> Any:
    """An engineer, limited to one client and one register, of a partner who has three; the
    fourth register is another partner's, though of the same client."""
    await employ("stranger")
    await api.sign_in("stranger")
    await api.post("/registers/enrol", {"serial_numbers": [STRANGERS]})
    await employ("anna")
    await api.sign_in("anna")
    await api.post("/registers/enrol", {"serial_numbers": [OF_CLIENT, NAMED, OUTSIDE]})
    async with database.transaction() as db:
        for inn, serials in ((INN, [OF_CLIENT, STRANGERS]), (OTHER_INN, [NAMED, OUTSIDE])):
            where = CashRegister.serial_number.in_(serials)
            await db.execute(
                update(CashRegister).where(where).values(owner_inn=inn, platform=Platform.V5_0)
            )
    scope = {"clients": [INN], "registers": [NAMED, STRANGERS]}
    return await add_activated(api, database, login="boris", scope=scope)


async def seen(api: Api) -> list[str]:
    return [row["serial_number"] for row in (await api.get("/registers")).json["items"]]


async def test_the_scope_limits_every_access_to_registers(api: Api, boris: Any) -> None:
    administrator = api.token
    assert await seen(api) == [OF_CLIENT, NAMED, OUTSIDE]
    await api.sign_in("boris", NEW_PASSWORD)
    assert (await api.get("/me")).json["limited"] is True
    assert await seen(api) == [OF_CLIENT, NAMED]
    assert (await api.get(f"/registers/{NAMED}")).status == 200
    for serial in (OUTSIDE, STRANGERS):
        answer = await api.get(f"/registers/{serial}")
        assert (answer.status, answer.json["code"]) == (404, "register_not_found")
    hidden = await api.post("/registers/hide", {"serial_numbers": [NAMED, OUTSIDE, STRANGERS]})
    assert [row["serial_number"] for row in hidden.json["refused"]] == [OUTSIDE, STRANGERS]
    ordered = {"type": "cancel_pending", "serial_numbers": [OUTSIDE]}
    assert (await api.post("/operations", ordered)).json["accepted"] == []
    api.token = administrator
    assert await seen(api) == [OF_CLIENT, OUTSIDE]


async def test_a_scope_takes_effect_with_the_next_request(api: Api, boris: Any) -> None:
    administrator = api.token
    await api.sign_in("boris", NEW_PASSWORD)
    limited = api.token
    for scope, expected in (
        ({"registers": [OUTSIDE]}, [OUTSIDE]),
        ({}, []),
        ({"clients": [OTHER_INN]}, [NAMED, OUTSIDE]),
        (None, [OF_CLIENT, NAMED, OUTSIDE]),
    ):
        api.token = administrator
        body = BORIS | {"scope": scope}
        assert (await api.ask("PUT", f"/employees/{boris['id']}", json=body)).status == 200
        api.token = limited
        assert await seen(api) == expected


async def test_a_new_administrator_loses_the_scope(
    api: Api, boris: Any, database: Database
) -> None:
    body = BORIS | {"role": Role.ADMINISTRATOR}
    limited = await api.ask("PUT", f"/employees/{boris['id']}", json=body | {"scope": {}})
    assert (limited.status, limited.json["code"]) == (422, "scope_of_administrator")
    free = await api.ask("PUT", f"/employees/{boris['id']}", json=body)
    assert (free.json["limited"], free.json["scope"]) == (False, None)


async def test_operations_of_registers_outside_the_scope_are_not_found(
    api: Api, boris: Any
) -> None:
    ordered = {"type": "settings_upload", "params": {"settings": {"279": 8080}}}
    ids = {}
    for serial in (NAMED, OUTSIDE):
        answer = await api.post("/operations", ordered | {"serial_numbers": [serial]})
        assert answer.json["refused"] == []
        ids[serial] = answer.json["accepted"][0]["id"]
    await api.sign_in("boris", NEW_PASSWORD)
    rows = (await api.get("/operations")).json["items"]
    assert [row["serial_number"] for row in rows] == [NAMED]
    for path in ("", "/cancel", "/retry"):
        method = "POST" if path else "GET"
        answer = await api.ask(method, f"/operations/{ids[OUTSIDE]}{path}")
        assert (answer.status, answer.json["code"]) == (404, "operation_not_found")
    assert (await api.post(f"/operations/{ids[NAMED]}/cancel")).status < 300


async def test_registers_enrolled_by_a_limited_employee_join_their_scope(
    api: Api, boris: Any
) -> None:
    new = "00106900000009"
    await api.sign_in("boris", NEW_PASSWORD)
    for _ in range(2):
        await api.post("/registers/enrol", {"serial_numbers": [new, NAMED, OUTSIDE]})
    assert await seen(api) == [OF_CLIENT, NAMED, new]


BODIES: dict[str, dict[str, Any]] = {
    "/registers/address": {"address_id": None},
    "/registers/enrol": {},
    "/registers/choose": {},
    "/registers/hide": {},
    "/registers/show": {},
    "/registers/block": {},
    "/registers/unblock": {},
    "/registers/notices-on": {},
    "/registers/notices-off": {},
    "/access-requests/claim": {"client_inn": INN},
    "/subscriptions/plans/suiting": {},
    "/subscriptions/assign": {"plans": ["monitoring"]},
    "/licences": {"kind": "web_dkkt"},
    "/operations": {"type": "cancel_pending"},
    "/rollouts": {"type": "settings_upload", "params": {"settings": {"279": 8080}}},
}
"""What goes with the serial numbers to each endpoint that takes them."""

ELSEWHERE = {
    "/access-requests",
    "/assistants/{id}/registers",
    "/assistants/{id}/registers/{serial_number}",
}
"""Endpoints with tests of their own for it, in their features."""

TOUCHED = ("accepted", "added", "items")
"""Fields of the answers that name what was done or may be done."""


def of_registers() -> list[Endpoint]:
    """Every endpoint that an engineer may call and that takes serial numbers."""
    allowed = [each for each in ENDPOINTS if each.right in RIGHTS[Role.ENGINEER]]
    return [
        each
        for each in allowed
        if each.path not in ELSEWHERE
        and ("{serial_number}" in each.path or takes_serials(each.body))
    ]


def takes_serials(body: type[Input] | None) -> bool:
    return body is not None and not {"serial_number", "serial_numbers"}.isdisjoint(
        body.model_fields
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_no_endpoint_reaches_outside_the_scope(
    api: Api, boris: Any, database: Database
) -> None:
    before = await everything(database)
    await api.sign_in("boris", NEW_PASSWORD)
    for endpoint in of_registers():
        for serial in (OUTSIDE, STRANGERS):
            path = endpoint.path.replace("{serial_number}", serial)
            body = {**BODIES[endpoint.path]} if endpoint.body else None
            if body is not None and path == endpoint.path:
                body["serial_numbers"] = [serial]
            answer = await api.ask(endpoint.method, path, **({"json": body} if body else {}))
            told = (endpoint.method, path, answer.status, answer.json)
            if path != endpoint.path:
                assert answer.status == 404, told
            understood = answer.status < 422 or answer.json["code"] == "no_registers"
            assert understood, told
            assert not any(answer.json.get(name) for name in TOUCHED), told
    assert await everything(database) == before


async def everything(database: Database) -> list[Any]:
    """The two registers as they are, and what there is for them."""
    async with database.read() as db:
        these = select(CashRegister.__table__).where(
            CashRegister.serial_number.in_([OUTSIDE, STRANGERS])
        )
        rows: list[Any] = list(await db.execute(these.order_by(CashRegister.serial_number)))
        return [*rows, await db.scalar(select(func.count()).select_from(Operation))]
