"""A control unit is replaced: the checks of the manual, and the script for the driver."""

from typing import Any

import pytest

from fleet.registers.models import CashRegister
from protocol.platforms import Platform
from tests.fleet.operations.proofs import SPARE
from tests.journeys.conftest import Deployment
from tests.journeys.shops import status

SIGMA_7 = {"spare_serial_number": "00109000999999", "system_version": "1.4.1"}
SIGMA_8 = {"spare_serial_number": "00109100999999", "system_version": "1.3.1"}


async def put(town: Deployment, model: int, firmware_version: str) -> str:
    """A register of that model and firmware that has called before; its serial number."""
    serial = f"001{model:03}00000001"
    answer = await town.api.post("/registers/enrol", {"serial_numbers": [serial]})
    assert answer.json["refused"] == []
    async with town.gateway.database.transaction() as db:
        row = await db.get_one(CashRegister, serial)
        row.platform, row.model, row.firmware_version = Platform.V5_0, model, firmware_version
    return serial


async def ask(town: Deployment, serials: list[str], params: dict[str, Any]) -> Any:
    order = {
        "type": "control_unit_replacement",
        "serial_numbers": serials,
        "params": params,
    }
    return (await town.api.post("/operations", order)).json


@pytest.mark.parametrize(
    ("model", "firmware", "params"),
    [
        (69, "5.4.0", SPARE),
        (69, "5.10.0", {"spare_serial_number": "00106900999999"}),
        (90, "5.6.0", SIGMA_7),
        (91, "5.6.0", {**SIGMA_8, "system_version": "1.10"}),
        (86, "5.6.0", {"spare_serial_number": "00108600999999"}),
    ],
)
async def test_replacement_script_is_the_result(
    town: Deployment, model: int, firmware: str, params: dict[str, Any]
) -> None:
    serial = await put(town, model, firmware)
    (accepted,) = (await ask(town, [serial], params))["accepted"]
    assert await status(town, accepted["id"]) == ("succeeded", "done")
    script = (await town.operation(accepted["id"]))["result"]["script"]
    assert script["serialNumber"] == serial
    assert script["spareSerialNumber"] == params["spare_serial_number"]
    assert script.get("macAddress") == (
        params["mac_address"].upper() if "mac_address" in params else None
    )


@pytest.mark.parametrize(
    ("model", "firmware", "params", "reason"),
    [
        (69, "5.3.9", SPARE, "firmware_too_old"),
        (69, "", SPARE, "firmware_too_old"),
        (90, "5.5.9", SIGMA_7, "firmware_too_old"),
        (90, "5.6.0", {**SIGMA_7, "system_version": "1.4.0"}, "system_too_old"),
        (91, "5.6.0", {**SIGMA_8, "system_version": "1.3"}, "system_too_old"),
        (91, "5.6.0", {"spare_serial_number": "00109100999999"}, "system_too_old"),
        (69, "5.8.14", {"spare_serial_number": "00106100999999"}, "spare_unfit"),
        (69, "5.8.14", {"spare_serial_number": "00199900999999"}, "spare_unfit"),
        (69, "5.8.14", {"spare_serial_number": "00106900000001"}, "spare_same"),
    ],
)
async def test_unfit_register_is_refused(
    town: Deployment, model: int, firmware: str, params: dict[str, Any], reason: str
) -> None:
    answer = await ask(town, [await put(town, model, firmware)], params)
    assert answer["accepted"] == []
    assert [one["reason"] for one in answer["refused"]] == [reason]


async def test_replacement_of_several_registers_is_refused(town: Deployment) -> None:
    serials = [await put(town, 69, "5.8.14"), await put(town, 61, "5.8.14")]
    answer = await ask(town, serials, SPARE)
    assert {one["reason"] for one in answer["refused"]} == {"one_only"}
    assert answer["accepted"] == []


async def test_replacement_leaves_waiting_operations_queued(town: Deployment) -> None:
    serial = await put(town, 69, "5.8.14")
    order = {"type": "paper_receipt", "serial_numbers": [serial], "params": {"enabled": True}}
    (waiting,) = (await town.api.post("/operations", order)).json["accepted"]
    assert (await ask(town, [serial], SPARE))["accepted"]
    assert await status(town, waiting["id"]) == ("queued", "created")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"spare_serial_number": "123"}, "spare_serial_number"),
        ({"mac_address": "02-00-5E-10-00-01"}, "mac_address"),
        ({"system_version": "latest"}, "system_version"),
    ],
)
async def test_invalid_request_names_its_field(
    town: Deployment, wrong: dict[str, Any], field: str
) -> None:
    answer = await ask(town, [await put(town, 69, "5.8.14")], {**SPARE, **wrong})
    assert [one["field"] for one in answer["errors"]] == [f"params.{field}"]
