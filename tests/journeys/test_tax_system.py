"""A far register is registered again under another tax system."""

from datetime import timedelta
from typing import Any

import pytest

from protocol.platforms import Platform
from simulator.register.fiscal_drive import LAST_REGISTRATION
from tests.journeys.conftest import Deployment
from tests.journeys.shops import call_over_bad_links, closed_shop, status

BOTH = pytest.mark.parametrize("platform", list(Platform))
WISH = {
    "from_date": "2026-03-02",
    "taxation_types": ["osn", "patent"],
    "default": "osn",
    "cashier_name": "Кассир Ёлкина",
    "cashier_inn": "230400001250",
}


async def card(town: Deployment, serial_number: str) -> Any:
    return (await town.api.get(f"/registers/{serial_number}")).json


@BOTH
async def test_new_tax_system_is_seen_at_the_next_check_in(
    town: Deployment, platform: Platform
) -> None:
    register = await closed_shop(town, platform)
    made = register.drive.registrations_made
    id_ = await town.order(register, "tax_system_change", params=WISH)
    await town.call(register)
    found = await town.operation(id_)
    assert (found["status"], found["result"]["registration"]["document"]) == ("succeeded", 1001)
    assert found["result"]["registration"]["sign"] == register.drive.last_sign
    assert (register.drive.registrations_made, register.memory.value(50)) == (made + 1, 1)
    await town.call(register)
    assert "patent" in str(await card(town, register.serial_number))


@BOTH
async def test_tax_system_is_registered_once_despite_a_lost_link(
    town: Deployment, platform: Platform
) -> None:
    register = await closed_shop(town, platform)
    made = register.drive.registrations_made
    id_ = await town.order(register, "tax_system_change", params=WISH)
    assert await call_over_bad_links(town, register) > 5
    await town.call(register)
    assert await status(town, id_) == ("succeeded", "done")
    assert register.drive.registrations_made == made + 1
    assert set(register.journal.effects.values()) == {1}


@BOTH
async def test_change_waits_for_the_shift_and_unsent_receipts(
    town: Deployment, platform: Platform
) -> None:
    register = await closed_shop(town, platform)
    register.faults.ofd_down = True
    assert register.open_shift(town.clock())
    id_ = await town.order(register, "tax_system_change", params=WISH)
    await town.call(register)
    assert await status(town, id_) == ("queued", "shift_open")
    assert register.memory.value(50) != 1 and register.mode == 0
    assert register.close_shift(town.clock())
    town.clock.forward(minutes=5)
    await town.call(register)
    assert await status(town, id_) == ("queued", "receipts_unsent")
    register.faults.ofd_down = False
    register.drive.hand_over()
    town.clock.forward(minutes=5)
    await town.call(register)
    assert await status(town, id_) == ("succeeded", "done")


async def test_change_does_not_begin_before_its_date(town: Deployment) -> None:
    register = await closed_shop(town, Platform.V5_0)
    wish = {**WISH, "from_date": "2026-03-03"}
    id_ = await town.order(register, "tax_system_change", params=wish)
    assert (await town.call(register)).steps_done == 0
    sooner = {"scheduled_for": (town.clock() + timedelta(hours=1)).isoformat()}
    moved = await town.api.ask("PATCH", f"/operations/{id_}", json=sooner)
    assert (moved.status, moved.json["waiting_for"]) == (200, "scheduled_time")
    town.clock.forward(hours=2)
    assert (await town.call(register)).steps_done == 0
    town.clock.forward(hours=11)
    await town.sign_in("anna")
    await town.call(register)
    assert await status(town, id_) == ("succeeded", "done")


async def test_drive_without_registrations_fails_before_any_change(town: Deployment) -> None:
    register = await closed_shop(town, Platform.V2_5)
    register.drive.registrations_made = LAST_REGISTRATION
    before = register.taxation_types, register.memory.value(50), register.drive.documents
    id_ = await town.order(register, "tax_system_change", params=WISH)
    await town.call(register)
    assert await status(town, id_) == ("failed", "no_registrations_left")
    after = register.taxation_types, register.memory.value(50), register.drive.documents
    assert after == before and register.requisites == {}


async def test_irrevocable_change_is_not_cancelled(town: Deployment) -> None:
    register = await closed_shop(town, Platform.V5_0)
    made = register.drive.registrations_made
    id_ = await town.order(register, "tax_system_change", params=WISH)
    await call_over_bad_links(town, register, lambda: register.drive.registrations_made > made)
    assert (await status(town, id_))[0] == "running"
    assert (await town.cancel(id_)).json["waiting_for"] == "registers_word"
    await town.call(register)
    assert await status(town, id_) == ("succeeded", "done")


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"taxation_types": ["osn", "osn"]}, "taxation_types", "repeated_value"),
        ({"taxation_types": ["osn", "esn", "patent"]}, "taxation_types", "too_many"),
        ({"taxation_types": []}, "taxation_types", "too_few"),
        ({"taxation_types": ["envd"]}, "taxation_types.0", "wrong_choice"),
        ({"default": "esn"}, "default", "wrong_choice"),
        ({"cashier_name": "К" * 65}, "cashier_name", "too_long"),
        ({"cashier_name": "Кассир 😀"}, "cashier_name", "not_printable"),
        ({"cashier_inn": "230400001251"}, "cashier_inn", "wrong_inn"),
        ({"cashier_inn": "7701000019"}, "cashier_inn", "wrong_pattern"),
        ({"from_date": "2026-02-30"}, "from_date", "wrong_date"),
        ({"from_date": "1999-01-01"}, "from_date", "wrong_date"),
    ],
)
async def test_invalid_request_names_its_field(
    town: Deployment, wrong: dict[str, Any], field: str, code: str
) -> None:
    register = await town.enrol_and_check_in(Platform.V5_0)
    order = {
        "type": "tax_system_change",
        "serial_numbers": [register.serial_number],
        "params": {**WISH, **wrong},
    }
    answer = await town.api.post("/operations", order)
    assert answer.status == 422
    found = [(one["field"], one["code"]) for one in answer.json["errors"]]
    assert found == [(f"params.{field}", code)]
