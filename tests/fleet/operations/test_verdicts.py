"""What keeps a register from an operation besides its type: services, work, and its clock."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update

from fleet.kit.language import Language
from fleet.operations.ordering import TRANSIENT_REFUSALS, OrderResult
from fleet.operations.rules import OperationStatus
from fleet.registers.models import CashRegister
from fleet.subscriptions.models import Grant
from protocol.platforms import Platform
from tests.fleet.conftest import Api
from tests.fleet.operations.stage import Stage, answer_step, serial

ONE, TWO = serial(1), serial(2)
UPLOAD = {"settings": {"279": 8080}}


def codes(created: OrderResult) -> list[str]:
    return [each.refusal.code for each in created.refused]


async def place(stage: Stage, serial_number: str, utc_offset_min: int) -> None:
    """A register with a zone."""
    await stage.enrol(serial_number, Platform.V5_0)
    async with stage.database.transaction() as db:
        mine = update(CashRegister).where(CashRegister.serial_number == serial_number)
        await db.execute(mine.values(utc_offset_min=utc_offset_min))


async def test_missing_service_names_the_subscription_to_buy(stage: Stage) -> None:
    await stage.enrol(ONE, Platform.V5_0)
    async with stage.database.transaction() as db:
        await db.execute(delete(Grant))
    created = await stage.order("settings_upload", [ONE], UPLOAD)
    (refused,) = created.refused
    assert refused.refusal.code == "not_entitled" and await stage.operations() == []
    told = refused.told(Language.RU)["message"]
    assert "«Управление настройками ККТ»" in told and "подписку" in told
    # What needs no service is not refused.
    assert not (await stage.order("cancel_pending", [ONE], {})).refused


async def test_unfit_platform_is_reported_before_a_missing_service(stage: Stage) -> None:
    await stage.enrol(ONE, Platform.V5_0)
    async with stage.database.transaction() as db:
        await db.execute(delete(Grant))
    created = await stage.order("receipt_template", [ONE], {"tape_width_mm": 57, "content": "AAAA"})
    assert codes(created) == ["platform_unfit"]


async def test_queue_of_a_blocked_register_can_be_cleared(stage: Stage) -> None:
    await stage.enrol(ONE, Platform.V5_0)
    waiting = await stage.order_one("settings_upload", ONE, UPLOAD)
    async with stage.database.transaction() as db:
        await db.execute(update(CashRegister).values(blocked=True))
    assert codes(await stage.order("settings_upload", [ONE], UPLOAD)) == ["register_blocked"]
    assert not (await stage.order("cancel_pending", [ONE], {})).refused
    assert (await stage.operation(waiting)).status is OperationStatus.CANCELLED


async def test_nothing_is_ordered_while_an_operation_runs(stage: Stage) -> None:
    register = await stage.boot_register(1, Platform.V5_0)
    await stage.order_one("settings_upload", ONE, UPLOAD)
    await stage.order_one("settings_upload", ONE, UPLOAD)  # what waits is no hindrance
    step = (await stage.visit(register)).step
    assert step is not None
    created = await stage.order("settings_upload", [ONE], UPLOAD)
    assert codes(created) == ["another_running"] and set(codes(created)) <= TRANSIENT_REFUSALS
    assert not (await stage.order("cancel_pending", [ONE], {})).refused
    await stage.visit(register, answer_step(register, step, stage.clock()))
    assert not (await stage.order("settings_upload", [ONE], UPLOAD)).refused


@pytest.fixture
async def anna(api: Api, stage: Stage) -> Api:
    """Signed in; a register in Moscow and one in Kamchatka."""
    await place(stage, ONE, 180)
    await place(stage, TWO, 720)
    assert (await api.sign_in("anna")).status == 200
    return api


def wish(**more: Any) -> dict[str, Any]:
    return {
        "type": "settings_upload",
        "serial_numbers": [ONE, TWO],
        "params": UPLOAD,
        **more,
    }


async def test_wall_time_is_read_in_each_registers_zone(anna: Api, stage: Stage) -> None:
    answer = await anna.post("/operations", wish(scheduled_local="2026-03-03T03:00:00"))
    assert answer.status == 202 and answer.json["refused"] == []
    due = {row.serial_number: row.due_at.isoformat() for row in await stage.operations()}
    assert due == {ONE: "2026-03-03T00:00:00+00:00", TWO: "2026-03-02T15:00:00+00:00"}


async def test_wall_time_is_refused_only_where_it_has_passed(anna: Api, stage: Stage) -> None:
    """It is 12:00 in Moscow and 21:00 in Kamchatka."""
    await stage.enrol(serial(3), Platform.V5_0)
    order = wish(scheduled_local="2026-03-02T20:00:00", serial_numbers=[ONE, TWO, serial(3)])
    answer = (await anna.post("/operations", order)).json
    assert [each["serial_number"] for each in answer["accepted"]] == [ONE]
    reasons = {each["serial_number"]: each["reason"] for each in answer["refused"]}
    assert reasons == {TWO: "scheduled_in_the_past", serial(3): "zone_unknown"}
    assert "+12:00" in answer["refused"][0]["message"]


async def test_rescheduling_by_wall_time_uses_the_registers_clock(anna: Api, stage: Stage) -> None:
    (accepted,) = (await anna.post("/operations", wish(serial_numbers=[TWO]))).json["accepted"]
    path = f"/operations/{accepted['id']}"
    moved = await anna.ask("PATCH", path, json={"scheduled_local": "2026-03-04T00:30:00"})
    assert moved.status == 200
    assert datetime.fromisoformat(moved.json["scheduled_for"]) == stage.clock() + timedelta(
        hours=27, minutes=30
    )


@pytest.mark.parametrize(
    ("times", "code"),
    [
        ({"scheduled_local": "2026-03-02T20:59:59"}, "scheduled_in_the_past"),
        (
            {
                "scheduled_local": "2026-03-03T20:00:00",
                "scheduled_for": "2026-03-03T20:00:00Z",
            },
            "two_times",
        ),
        ({}, "no_time"),
        ({"scheduled_local": "2026-03-03T20:00:00Z"}, "invalid_input"),
        ({"scheduled_local": "1999-03-03T20:00:00"}, "invalid_input"),
    ],
)
async def test_invalid_new_time_changes_nothing(
    anna: Api, stage: Stage, times: dict[str, str], code: str
) -> None:
    (accepted,) = (await anna.post("/operations", wish(serial_numbers=[TWO]))).json["accepted"]
    answer = await anna.ask("PATCH", f"/operations/{accepted['id']}", json=times)
    assert (answer.status, answer.json["code"]) == (422, code)
    assert (await stage.operation(accepted["id"])).scheduled_for is None
