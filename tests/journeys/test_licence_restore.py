"""Licences are written into far registers; a register that stays away gets none."""

from datetime import timedelta
from typing import Any

import pytest

from protocol.platforms import Platform
from tests.fleet.operations.proofs import CODE_7, CODES, LICENCE, SIGNED
from tests.journeys.conftest import Town
from tests.journeys.shops import status


@pytest.mark.parametrize(("platform", "wish"), [(Platform.V2_5, CODES), (Platform.V5_0, SIGNED)])
async def test_licences_are_restored(town: Town, platform: Platform, wish: dict[str, Any]) -> None:
    register = await town.settle(platform)
    id_ = await town.order(register, "licence_upload", params=wish)
    await town.call(register)
    assert await status(town, id_) == ("succeeded", "done")
    assert len(register.licences) == (2 if platform is Platform.V2_5 else 1)


async def test_half_an_hour_without_a_call_cancels_it(town: Town) -> None:
    register = await town.settle(Platform.V5_0)
    id_ = await town.order(register, "licence_upload", params=SIGNED)
    town.clock.forward(minutes=29)
    await town.work()
    assert await status(town, id_) == ("queued", "created")
    town.clock.forward(minutes=1)
    await town.work()
    assert await status(town, id_) == ("cancelled", "not_called")
    assert (await town.call(register)).steps_done == 0
    assert register.licences == {}


async def test_the_half_hour_begins_when_it_is_due(town: Town) -> None:
    register = await town.settle(Platform.V5_0)
    later = town.clock() + timedelta(minutes=50)
    id_ = await town.order(
        register, "licence_upload", params=SIGNED, scheduled_for=later.isoformat()
    )
    town.clock.forward(minutes=60)
    await town.work()
    assert (await status(town, id_))[0] == "queued"
    await town.call(register)
    assert await status(town, id_) == ("succeeded", "done")


async def test_a_code_that_the_register_refuses_fails_it(town: Town) -> None:
    register = await town.settle(Platform.V2_5)
    wish = {**CODES, "codes": [{"number": 7, "code": "00" * 8}]}
    id_ = await town.order(register, "licence_upload", params=wish)
    await town.call(register)
    assert await status(town, id_) == ("failed", "command_failed")
    assert register.licences == {}


@pytest.mark.parametrize(
    ("platform", "wish", "field"),
    [
        (Platform.V5_0, CODES, "params"),
        (Platform.V2_5, SIGNED, "params"),
        (Platform.V5_0, {**SIGNED, "kind": "other"}, "params.kind"),
        (Platform.V5_0, {**SIGNED, "licence": "ABC"}, "params.licence"),
        (Platform.V2_5, {**CODES, "codes": [{"number": 31, "code": CODE_7}]}, "params.codes.0"),
        (Platform.V2_5, {**CODES, "codes": [{"number": 1, "code": "01"}]}, "params.codes.0"),
        (Platform.V2_5, {**CODES, "codes": [{"number": 1, "code": CODE_7}] * 2}, "params.codes"),
    ],
)
async def test_a_wrong_wish_is_refused_with_its_field(
    town: Town, platform: Platform, wish: dict[str, Any], field: str
) -> None:
    register = await town.settle(platform)
    serials = [register.serial_number]
    order = {"type": "licence_upload", "serial_numbers": serials, "params": wish}
    answer = (await town.api.post("/operations", order)).json
    if field == "params":
        assert [one["reason"] for one in answer["refused"]] == ["licence_unfit"]
    else:
        assert [one["field"] for one in answer["errors"]][0].startswith(field)
    assert LICENCE not in str(answer) and CODE_7 not in str(answer)
    assert (await town.call(register)).steps_done == 0
