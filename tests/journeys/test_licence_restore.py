"""Licences are written into far registers; a register that stays away gets none."""

from datetime import timedelta
from typing import Any

import pytest

from protocol.kktpc.result_codes import describe
from protocol.licences import WIRE_CODES, LicenceKind, decode
from protocol.platforms import Platform
from simulator.register.simulated_register import SimulatedRegister
from tests.fleet.operations.proofs import CODE_7, CODES, LICENCE
from tests.journeys.conftest import Deployment
from tests.journeys.shops import status

NEWGER = {"kind": "newger_as_printer"}


async def licensed(town: Deployment, number: int = 1) -> SimulatedRegister:
    """A register of 5.0 for which a licence was issued."""
    register = await town.enrol_and_check_in(Platform.V5_0, number)
    order = {**NEWGER, "serial_numbers": [register.serial_number]}
    answer = await town.api.post("/licences", order)
    assert (answer.status, answer.json["refused"]) == (200, [])
    return register


async def test_protection_codes_are_restored(town: Deployment) -> None:
    register = await town.enrol_and_check_in(Platform.V2_5)
    id_ = await town.order(register, "licence_upload", params=CODES)
    await town.call(register)
    assert await status(town, id_) == ("succeeded", "done")
    assert len(register.licences) == 2


async def test_each_register_gets_its_own_licence(town: Deployment) -> None:
    registers = [await licensed(town, number) for number in (1, 2)]
    stranger = await town.enrol_and_check_in(Platform.V5_0, 3)
    serials = [register.serial_number for register in (*registers, stranger)]
    order = {"type": "licence_upload", "serial_numbers": serials, "params": NEWGER}
    answer = (await town.api.post("/operations", order)).json
    assert [one["serial_number"] for one in answer["refused"]] == [stranger.serial_number]
    assert [one["reason"] for one in answer["refused"]] == ["licence_not_issued"]
    held = []
    for register, accepted in zip(registers, answer["accepted"], strict=True):
        await town.call(register)
        assert await status(town, accepted["id"]) == ("succeeded", "done")
        held.append(decode(register.licences[WIRE_CODES[LicenceKind.NEWGER_AS_PRINTER]]))
    assert [licence.serial_number for licence in held] == serials[:2]
    shown = (await town.api.get(f"/registers/{serials[0]}/licences")).json["items"]
    assert [row["kind"] for row in shown] == [None, "newger_as_printer"]
    assert shown[1]["number"] == f"{held[0].number:016x}"


async def test_lost_licence_is_restored_unchanged(town: Deployment) -> None:
    register = await licensed(town)
    await town.order(register, "licence_upload", params=NEWGER)
    await town.call(register)
    before, register.licences = register.licences, {}
    id_ = await town.order(register, "licence_upload", params={**NEWGER, "licence": LICENCE})
    await town.call(register)
    assert await status(town, id_) == ("succeeded", "done")
    assert register.licences == before


async def test_register_that_trusts_another_server_rejects_the_licence(town: Deployment) -> None:
    register = await licensed(town)
    register.licence_issuers = ()
    id_ = await town.order(register, "licence_upload", params=NEWGER)
    await town.call(register)
    found = await town.operation(id_)
    assert (found["status"], found["cause"]) == ("failed", "command_failed")
    assert describe(0xAE, "en") in str(found)
    assert register.licences == {}


async def test_upload_is_cancelled_after_half_an_hour_without_a_check_in(town: Deployment) -> None:
    register = await licensed(town)
    id_ = await town.order(register, "licence_upload", params=NEWGER)
    town.clock.forward(minutes=29)
    await town.work()
    assert await status(town, id_) == ("queued", "created")
    town.clock.forward(minutes=1)
    await town.work()
    assert await status(town, id_) == ("cancelled", "not_called")
    assert (await town.call(register)).steps_done == 0
    assert register.licences == {}


async def test_half_hour_is_counted_from_the_due_time(town: Deployment) -> None:
    register = await licensed(town)
    later = town.clock() + timedelta(minutes=50)
    id_ = await town.order(
        register, "licence_upload", params=NEWGER, scheduled_for=later.isoformat()
    )
    town.clock.forward(minutes=60)
    await town.work()
    assert (await status(town, id_))[0] == "queued"
    await town.call(register)
    assert await status(town, id_) == ("succeeded", "done")


async def test_refused_protection_code_fails_the_upload(town: Deployment) -> None:
    register = await town.enrol_and_check_in(Platform.V2_5)
    wish = {**CODES, "codes": [{"number": 7, "code": "00" * 8}]}
    id_ = await town.order(register, "licence_upload", params=wish)
    await town.call(register)
    assert await status(town, id_) == ("failed", "command_failed")
    assert register.licences == {}


@pytest.mark.parametrize(
    ("platform", "wish", "field"),
    [
        (Platform.V5_0, CODES, "licence_not_issued"),
        (Platform.V2_5, NEWGER, "codes_needed"),
        (Platform.V5_0, {"kind": "other"}, "params.kind"),
        (Platform.V5_0, {**NEWGER, "licence": "ABC"}, "params.licence"),
        (Platform.V2_5, {**CODES, "codes": [{"number": 31, "code": CODE_7}]}, "params.codes.0"),
        (Platform.V2_5, {**CODES, "codes": [{"number": 1, "code": "01"}]}, "params.codes.0"),
        (Platform.V2_5, {**CODES, "codes": [{"number": 1, "code": CODE_7}] * 2}, "params.codes"),
    ],
)
async def test_invalid_request_names_its_field(
    town: Deployment, platform: Platform, wish: dict[str, Any], field: str
) -> None:
    register = await town.enrol_and_check_in(platform)
    serials = [register.serial_number]
    order = {"type": "licence_upload", "serial_numbers": serials, "params": wish}
    answer = (await town.api.post("/operations", order)).json
    if "." not in field:
        assert [one["reason"] for one in answer["refused"]] == [field]
    else:
        assert [one["field"] for one in answer["errors"]][0].startswith(field)
    assert CODE_7 not in str(answer)
    assert (await town.call(register)).steps_done == 0
