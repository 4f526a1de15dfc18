"""Ordering operations and changing one's mind, on a real database of each dialect."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from fleet.accounts.roles import Role
from fleet.audit.models import AuditEntry
from fleet.kit.act import Act
from fleet.kit.errors import DomainError
from fleet.kit.language import Language
from fleet.kit.validation import InvalidInput
from fleet.operations import service
from fleet.operations.errors import TOO_MANY_OPEN
from fleet.operations.ordering import OrderResult
from fleet.operations.rules import (
    MAX_OPEN_PER_REGISTER,
    MAX_REGISTERS,
    Channel,
    OperationStatus,
    StatusCause,
)
from fleet.operations.work import PORTION
from fleet.registers.events import RegisterHandOver, RegistersHandedOver
from protocol.conversation.messages import StepRefusal, StepRefused
from protocol.platforms import Platform
from tests.fleet.conftest import Employ
from tests.fleet.operations.stage import Stage, answer_step, serial

OURS, THEIRS, BLOCKED, SILENT, OLD = (serial(number) for number in range(1, 6))
UPLOAD = {"settings": {"278": "host.example", "279": 8080}}


@pytest.fixture
async def cabinet(stage: Stage, employ: Employ) -> Stage:
    """Registers that can and cannot be ordered to."""
    stranger = await employ("boris")
    await stage.enrol(OURS, Platform.V5_0)
    await stage.enrol(THEIRS, Platform.V5_0, partner_id=stranger.partner_id)
    await stage.enrol(BLOCKED, Platform.V5_0, blocked=True)
    await stage.enrol(SILENT, None)
    await stage.enrol(OLD, Platform.V2_5)
    return stage


def verdicts(created: OrderResult) -> dict[str, str]:
    """Serial number to the code of its refusal, or to "accepted"."""
    refused = {each.item: each.refusal.code for each in created.refused}
    return refused | {serial_number: "accepted" for _, serial_number in created.accepted}


# ---- verdicts -----------------------------------------------------------------------------------


async def test_every_register_gets_its_own_verdict(cabinet: Stage) -> None:
    asked = [OURS, THEIRS, BLOCKED, SILENT, OLD, serial(99), "", "рога и копыта"]
    created = await cabinet.order("settings_upload", asked, UPLOAD)
    assert verdicts(created) == {
        OURS: "accepted",
        OLD: "accepted",
        THEIRS: "register_not_found",
        BLOCKED: "register_blocked",
        SILENT: "platform_unknown",
        serial(99): "register_not_found",
        "": "register_not_found",
        "рога и копыта": "register_not_found",
    }
    assert [row.serial_number for row in await cabinet.operations()] == [OURS, OLD]


async def test_repeated_serial_number_is_ordered_once(cabinet: Stage) -> None:
    created = await cabinet.order("settings_upload", [OURS, OURS, OURS], UPLOAD)
    assert [each.refusal.code for each in created.refused] == ["repeated"] * 2
    assert len(await cabinet.operations()) == 1


async def test_number_of_open_operations_of_a_register_is_limited(cabinet: Stage) -> None:
    for _ in range(MAX_OPEN_PER_REGISTER):
        await cabinet.order_one("settings_upload", OURS, UPLOAD)
    created = await cabinet.order("settings_upload", [OURS, OLD], UPLOAD)
    assert verdicts(created) == {OURS: TOO_MANY_OPEN.code, OLD: "accepted"}
    # What makes room again is not refused itself.
    await cabinet.order_one("cancel_pending", OURS, {})
    assert verdicts(await cabinet.order("settings_upload", [OURS], UPLOAD)) == {OURS: "accepted"}


WRONG_SETTINGS: tuple[tuple[Mapping[str, object], str, str], ...] = (
    ({"9999": 1}, "setting_refused", "9999"),
    ({"Т19Р1П200": 1}, "setting_refused", "Т19Р1П200"),
    ({"279": 65536}, "setting_refused", "279"),
    ({"279": True}, "setting_refused", "279"),
    ({"278": "имя по-русски"}, "setting_refused", "278"),
    ({"278": "a.example", "0278": "b.example"}, "setting_repeated", "278"),
)


async def test_wrong_setting_is_named_in_both_languages(cabinet: Stage) -> None:
    for settings, code, named in WRONG_SETTINGS:
        created = await cabinet.order("settings_upload", [OURS], {"settings": settings})
        (refused,) = created.refused
        assert (refused.refusal.code, refused.refusal.field) == (code, "params.settings")
        for language in Language:
            told = refused.told(language)["message"]
            assert named in told and OURS in told
    assert await cabinet.operations() == []


WRONG_PARAMS: tuple[tuple[str, Mapping[str, Any], str], ...] = (
    ("settings_upload", {}, "params.settings"),
    ("settings_upload", {"settings": {}}, "params.settings"),
    ("settings_upload", {"settings": []}, "params.settings"),
    ("settings_upload", {"settings": {"279": None}}, "params.settings.279"),
    ("settings_upload", {"settings": {"279": 1.5}}, "params.settings.279"),
    ("settings_upload", {"settings": {"279": [80]}}, "params.settings.279"),
    ("settings_upload", {"settings": {"279": 2**63}}, "params.settings"),
    ("settings_upload", {"settings": {"278": "\0"}}, "params.settings"),
    ("settings_upload", {"settings": {"278": "a" * 301}}, "params.settings.278"),
    ("settings_upload", {"settings": {"2" * 17: 1}}, "params.settings." + "2" * 17),
    ("settings_upload", {"settings": {"279": 80}, "extra": 1}, "params.extra"),
    ("settings_download", {"settings": []}, "params.settings"),
    ("settings_download", {"settings": [279]}, "params.settings.0"),
    ("settings_download", {"settings": ["279"] * 401}, "params.settings"),
    ("cancel_pending", {"settings": {}}, "params.settings"),
)


async def test_wrong_parameter_names_its_field(cabinet: Stage) -> None:
    for kind, params, field in WRONG_PARAMS:
        with pytest.raises(InvalidInput) as refused:
            await cabinet.order(kind, [OURS], params)
        assert refused.value.errors[0].field.startswith(field), refused.value.errors
        for language in Language:
            assert field in refused.value.message(language)
    assert await cabinet.operations() == []


async def test_invalid_request_is_refused_as_a_whole(cabinet: Stage, employ: Employ) -> None:
    watcher = await employ("vera", Role.OBSERVER, cabinet.actor.partner_id)
    now = cabinet.clock()
    wishes: list[tuple[dict[str, Any], str, str]] = [
        ({"kind": "no_such_type"}, "operation_type_unknown", "type"),
        ({"actor": watcher}, "right_needed", "type"),
        ({"kind": "key_rotation", "channel": Channel.ASSISTANT}, "channel_unfit", "channel"),
        ({"scheduled_for": now}, "scheduled_in_the_past", "scheduled_for"),
        ({"scheduled_for": now - timedelta(days=1)}, "scheduled_in_the_past", "scheduled_for"),
    ]
    for wish, code, field in wishes:
        asked = {"kind": "settings_upload", "serial_numbers": [OURS], "params": UPLOAD, **wish}
        with pytest.raises(DomainError) as refused:
            await cabinet.order(**asked)
        assert (refused.value.code, refused.value.field) == (code, field)
        assert all(refused.value.message(language) for language in Language)
    assert await cabinet.operations() == [] and await audited(cabinet) == []


async def test_order_accepts_500_registers_at_once(stage: Stage) -> None:
    serials = [serial(number) for number in range(MAX_REGISTERS)]
    for serial_number in serials:
        await stage.enrol(serial_number, Platform.V5_0)
    created = await stage.order("settings_upload", serials[::-1], UPLOAD)
    assert sorted(serial_number for _, serial_number in created.accepted) == serials
    rows = {row.id: row for row in await stage.operations()}
    assert {(row.id, row.serial_number) for row in rows.values()} == set(created.accepted)
    changes = [await stage.history(operation_id) for operation_id in (min(rows), max(rows))]
    assert [[change.to_status for change in each] for each in changes] == [
        [OperationStatus.QUEUED]
    ] * 2
    assert len(await audited(stage)) == MAX_REGISTERS


async def test_scheduled_start_moves_the_deadline(cabinet: Stage) -> None:
    at = cabinet.clock() + timedelta(days=10)
    created = await cabinet.order("settings_upload", [OURS], UPLOAD, scheduled_for=at)
    row = await cabinet.operation(created.accepted[0][0])
    assert (row.due_at, row.scheduled_for) == (at, at)
    assert row.deadline_at == at + timedelta(days=7)
    assert (row.status, row.cause, row.created_by) == (
        OperationStatus.QUEUED,
        StatusCause.CREATED,
        cabinet.actor.employee_id,
    )


# ---- cancelling ---------------------------------------------------------------------------------


async def test_operation_that_has_not_begun_is_cancelled_at_once(cabinet: Stage) -> None:
    operation_id = await cabinet.order_one("settings_upload", OURS, UPLOAD)
    await cabinet.cancel(operation_id)
    row = await cabinet.operation(operation_id)
    assert (row.status, row.cause) == (OperationStatus.CANCELLED, StatusCause.CANCELLED_BY_EMPLOYEE)
    await cabinet.cancel(operation_id)
    assert len(await cabinet.history(operation_id)) == 2
    assert await audited(cabinet) == ["operations.created", "operations.cancelled"]


@pytest.mark.parametrize("platform", Platform)
async def test_cancelling_a_begun_operation_waits_for_the_registers_answer(
    stage: Stage, platform: Platform
) -> None:
    register = await stage.boot_register(1, platform)
    operation_id = await stage.order_one("settings_upload", register.serial_number, UPLOAD)
    step = (await stage.visit(register)).step
    assert step is not None
    await stage.cancel(operation_id)
    await stage.cancel(operation_id)
    row = await stage.operation(operation_id)
    assert (row.status, row.cancel_requested) == (OperationStatus.RUNNING, True)
    assert await audited(stage) == ["operations.created", "operations.cancelled"]
    last = (await stage.visit(register, answer_step(register, step, stage.clock()))).step
    if last is not None:  # 2.5 leaves its programming mode first
        assert platform is Platform.V2_5 and register.mode == 4
        assert (
            await stage.visit(register, answer_step(register, last, stage.clock()))
        ).step is None
    assert register.mode == 0
    row = await stage.operation(operation_id)
    assert (row.status, row.cause) == (OperationStatus.CANCELLED, StatusCause.CANCELLED_BY_EMPLOYEE)


async def test_step_refusal_completes_a_requested_cancellation(stage: Stage) -> None:
    register = await stage.boot_register(1, Platform.V5_0)
    for reason in StepRefusal:
        operation_id = await stage.order_one("settings_upload", register.serial_number, UPLOAD)
        await stage.visit(register)
        await stage.cancel(operation_id)
        assert (await stage.visit(register, StepRefused(operation_id, reason))).step is None
        assert (await stage.operation(operation_id)).status is OperationStatus.CANCELLED


async def test_cancel_pending_cancels_queued_operations_and_requests_it_of_running_ones(
    stage: Stage,
) -> None:
    register = await stage.boot_register(1, Platform.V5_0)
    other = await stage.boot_register(2, Platform.V5_0)
    at = stage.clock() + timedelta(days=1)
    running = await stage.order_one("settings_upload", register.serial_number, UPLOAD)
    queued = await stage.order_one("settings_upload", register.serial_number, UPLOAD)
    later = await stage.order("settings_upload", [register.serial_number], UPLOAD, scheduled_for=at)
    step = (await stage.visit(register)).step
    assert step is not None
    foreign = await stage.order_one("settings_upload", other.serial_number, UPLOAD)
    own = await stage.order_one("cancel_pending", register.serial_number, {})
    rows = {row.id: row for row in await stage.operations()}
    assert (rows[running].status, rows[running].cancel_requested) == (OperationStatus.RUNNING, True)
    for each in (queued, later.accepted[0][0]):
        assert rows[each].status is OperationStatus.CANCELLED
        assert rows[each].cause == StatusCause.CANCELLED_BY_OPERATION
    assert rows[foreign].status is OperationStatus.QUEUED
    assert rows[own].status is OperationStatus.SUCCEEDED
    await stage.visit(register, answer_step(register, step, stage.clock()))
    row = await stage.operation(running)
    assert (row.status, row.cause) == (
        OperationStatus.CANCELLED,
        StatusCause.CANCELLED_BY_OPERATION,
    )


async def test_operation_begun_before_a_hand_over_ends_with_that_cause(
    stage: Stage, employ: Employ
) -> None:
    register = await stage.boot_register(1, Platform.V5_0)
    heir = (await employ("heir")).partner_id
    for answer in (None, StepRefusal.BUSY):
        operation_id = await stage.order_one("settings_upload", register.serial_number, UPLOAD)
        step = (await stage.visit(register)).step
        assert step is not None
        moves = (RegisterHandOver(register.serial_number, stage.actor.partner_id, heir),)
        async with stage.database.transaction() as db:
            await service.cancel_handed_over(
                Act(db, None, stage.clock()), RegistersHandedOver(moves, stage.clock())
            )
        await stage.cancel(operation_id)
        refused = answer and StepRefused(operation_id, answer)
        await stage.visit(register, refused or answer_step(register, step, stage.clock()))
        row = await stage.operation(operation_id)
        assert (row.status, row.cause) == (OperationStatus.CANCELLED, StatusCause.HANDED_OVER)


async def test_ended_operation_cannot_be_cancelled_or_rescheduled(cabinet: Stage) -> None:
    operation_id = await cabinet.order_one("cancel_pending", OURS, {})
    with pytest.raises(DomainError) as refused:
        await cabinet.cancel(operation_id)
    assert refused.value.code == "operation_finished"
    with pytest.raises(DomainError) as refused:
        await reschedule(cabinet, operation_id, hours=1)
    assert refused.value.code == "operation_started"


async def test_rescheduling_moves_the_deadline(cabinet: Stage) -> None:
    operation_id = await cabinet.order_one("settings_upload", OURS, UPLOAD)
    await reschedule(cabinet, operation_id, hours=5)
    row = await cabinet.operation(operation_id)
    assert row.due_at == row.scheduled_for == cabinet.clock() + timedelta(hours=5)
    assert row.deadline_at == row.due_at + timedelta(days=7)
    with pytest.raises(DomainError) as refused:
        await reschedule(cabinet, operation_id, hours=0)
    assert refused.value.code == "scheduled_in_the_past"


async def test_operation_of_another_partner_is_not_found(cabinet: Stage, employ: Employ) -> None:
    operation_id = await cabinet.order_one("settings_upload", OURS, UPLOAD)
    watcher = await employ("vera", Role.OBSERVER, cabinet.actor.partner_id)
    for actor, code in ((await employ("gleb"), "operation_not_found"), (watcher, "right_needed")):
        theirs = Stage(cabinet.database, cabinet.clock, actor)
        with pytest.raises(DomainError) as refused:
            await theirs.cancel(operation_id)
        assert refused.value.code == code
        with pytest.raises(DomainError) as refused:
            await reschedule(theirs, operation_id, hours=1)
        assert refused.value.code == code
    assert (await cabinet.operation(operation_id)).status is OperationStatus.QUEUED


async def reschedule(stage: Stage, operation_id: int, *, hours: float) -> None:
    now = stage.clock()
    async with stage.database.transaction() as db:
        await service.reschedule(stage.act(db), operation_id, now + timedelta(hours=hours))


# ---- time ---------------------------------------------------------------------------------------


async def test_deadline_fails_unbegun_operations_and_flags_begun_ones(
    stage: Stage,
) -> None:
    register = await stage.boot_register(1, Platform.V5_0)
    begun = await stage.order_one("settings_upload", register.serial_number, UPLOAD)
    waits = await stage.order_one("settings_upload", register.serial_number, UPLOAD)
    await stage.visit(register)
    stage.clock.forward(days=7)
    async with stage.database.transaction() as db:
        assert await service.end_overdue(stage.act(db), PORTION) == 2
    found = {row.id: (row.status, row.cause, row.detail) for row in await stage.operations()}
    assert found == {
        begun: (OperationStatus.NEEDS_ATTENTION, StatusCause.DEADLINE, {"started": True}),
        waits: (OperationStatus.FAILED, StatusCause.DEADLINE, {"started": False}),
    }
    await stage.cancel(begun)
    assert (await stage.operation(begun)).status is OperationStatus.CANCELLED


# ---- secrets ------------------------------------------------------------------------------------

SECRET = "очень-тайный-пароль"


async def test_secret_values_are_not_in_the_audit_log(
    cabinet: Stage, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = {"settings": {"270": SECRET}}
    operation_id = await cabinet.order_one("settings_upload", OURS, secret)
    await reschedule(cabinet, operation_id, hours=1)
    await cabinet.cancel(operation_id)
    bad = {"settings": {"270": SECRET * 10}}
    assert SECRET not in str((await cabinet.order("settings_upload", [OURS], bad)).refused)
    async with cabinet.database.read() as db:
        operations = AuditEntry.what.like("operations.%")
        entries = (await db.scalars(select(AuditEntry).where(operations))).all()
    pictures = json.dumps([[each.before, each.after] for each in entries], ensure_ascii=False)
    assert len(entries) == 3 and SECRET not in pictures
    assert SECRET not in "".join(capfd.readouterr())


async def audited(stage: Stage) -> list[str]:
    """What the actor's audit log says about operations."""
    mine = AuditEntry.what.like("operations.%")
    async with stage.database.read() as db:
        found = await db.scalars(select(AuditEntry.what).where(mine).order_by(AuditEntry.id))
        return list(found)
