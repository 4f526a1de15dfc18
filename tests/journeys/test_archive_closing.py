"""The archive of a far register's fiscal drive is closed, once and for good."""

import pytest

from protocol.platforms import Platform
from simulator.register.fiscal_drive import Phase
from tests.journeys.conftest import Deployment
from tests.journeys.shops import call_over_bad_links, closed_shop, status

BOTH = pytest.mark.parametrize("platform", list(Platform))
YES = {"confirmed": True}


@BOTH
async def test_closing_stores_the_drives_facts_and_the_document(
    town: Deployment, platform: Platform
) -> None:
    register = await closed_shop(town, platform)
    register.faults.ofd_down = True
    id_ = await town.order(register, "archive_closing", params=YES)
    await town.call(register)
    found = await town.operation(id_)
    assert found["status"] == "succeeded"
    result = found["result"]
    assert (result["before"]["number"], result["before"]["phase"]) == (
        register.drive.number,
        "fiscal",
    )
    assert (result["document"]["document"], result["document"]["sign"]) == (
        1001,
        register.drive.last_sign,
    )
    assert result["after"]["phase"] == "post_fiscal"
    register.drive.hand_over()
    assert register.drive.phase is Phase.ARCHIVE_READ
    assert not register.open_shift(town.clock())


@BOTH
async def test_archive_is_closed_once_despite_a_lost_link(
    town: Deployment, platform: Platform
) -> None:
    register = await closed_shop(town, platform)
    id_ = await town.order(register, "archive_closing", params=YES)
    assert await call_over_bad_links(town, register) > 5
    await town.call(register)
    assert await status(town, id_) == ("succeeded", "done")
    assert register.drive.documents == 1001
    assert set(register.journal.effects.values()) == {1}


@BOTH
async def test_archive_closing_waits_for_an_open_shift(
    town: Deployment, platform: Platform
) -> None:
    register = await closed_shop(town, platform)
    assert register.open_shift(town.clock())
    id_ = await town.order(register, "archive_closing", params=YES)
    await town.call(register)
    assert await status(town, id_) == ("queued", "shift_open")
    assert (register.drive.phase, register.mode) == (Phase.FISCAL, 0)


async def test_closed_archive_is_not_closed_again(town: Deployment) -> None:
    register = await closed_shop(town, Platform.V5_0)
    await town.order(register, "archive_closing", params=YES)
    again = await town.order(register, "archive_closing", params=YES)
    register.faults.ofd_down = False
    await town.call(register)
    town.clock.forward(minutes=5)
    register.drive.hand_over()
    await town.call(register)
    assert await status(town, again) == ("failed", "command_failed")
    assert register.drive.documents == 1001


@pytest.mark.parametrize("params", [{}, {"confirmed": False}, {"confirmed": "yes"}])
async def test_closing_without_confirmation_is_refused(
    town: Deployment, params: dict[str, object]
) -> None:
    register = await town.enrol_and_check_in(Platform.V5_0)
    order = {
        "type": "archive_closing",
        "serial_numbers": [register.serial_number],
        "params": params,
    }
    answer = await town.api.post("/operations", order)
    assert [one["field"] for one in answer.json["errors"]] == ["params.confirmed"]
