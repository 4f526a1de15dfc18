"""Batches of visits: what one register brings must not touch another."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import update

from fleet.operations import service
from fleet.operations.delivery import Visit, deliver
from fleet.operations.due import Due
from fleet.operations.models import Operation
from fleet.operations.rules import LEASE, REFUSED_RETRY_DELAY, OperationStatus, StatusCause
from fleet.operations.work import PORTION, load_where
from protocol.conversation.messages import StepDone, StepRefusal, StepRefused
from protocol.platforms import Platform
from tests.fleet.operations.stage import Stage, answer_step

UPLOAD = {"settings": {"278": "host.example"}}


async def test_each_visit_gets_its_own_delivery_in_order(stage: Stage) -> None:
    registers = [await stage.boot_register(number, Platform.V5_0) for number in range(4)]
    ids = {
        number: await stage.order_one("settings_upload", registers[number].serial_number, UPLOAD)
        for number in (3, 1)
    }
    visits = [Visit(each.serial_number, each.platform) for each in registers]
    async with stage.database.transaction() as db:
        deliveries = await deliver(stage.act(db), visits)
    assert [each.step and each.step.operation_id for each in deliveries] == [
        None,
        ids[1],
        None,
        ids[3],
    ]
    assert [each.pending for each in deliveries] == [0, 1, 0, 1]


async def test_answer_to_another_registers_operation_changes_nothing(stage: Stage) -> None:
    honest, thief = (
        await stage.boot_register(1, Platform.V5_0),
        await stage.boot_register(2, Platform.V5_0),
    )
    operation_id = await stage.order_one("settings_upload", honest.serial_number, UPLOAD)
    step = (await stage.visit(honest)).step
    assert step is not None
    for word in (
        StepDone(operation_id, step.step, b"\x55\x00\x00"),
        StepRefused(operation_id, StepRefusal.UNSUPPORTED),
    ):
        assert (await stage.visit(thief, word)).step is None
    row = await stage.operation(operation_id)
    assert (row.status, row.step) == (OperationStatus.RUNNING, 1)


async def test_answer_before_the_first_step_changes_nothing(stage: Stage) -> None:
    register = await stage.boot_register(1, Platform.V5_0)
    operation_id = await stage.order_one("settings_upload", register.serial_number, UPLOAD)
    delivery = await stage.visit(register, StepRefused(operation_id, StepRefusal.UNSUPPORTED))
    assert delivery.step is not None and delivery.step.operation_id == operation_id


async def test_due_operations_run_in_order_and_later_ones_wait(stage: Stage) -> None:
    register = await stage.boot_register(1, Platform.V5_0)
    at = stage.clock() + timedelta(hours=1)
    created = await stage.order(
        "settings_upload", [register.serial_number], UPLOAD, scheduled_for=at
    )
    (later, _), *_ = created.accepted
    ids = [
        await stage.order_one("settings_upload", register.serial_number, UPLOAD) for _ in range(2)
    ]
    delivery, done = await stage.visit(register), []
    assert delivery.pending == 2
    while delivery.step is not None:
        done.append(delivery.step.operation_id)
        delivery = await stage.visit(register, answer_step(register, delivery.step, stage.clock()))
    assert done == ids
    assert (delivery.pending, delivery.due) == (0, Due(at, at))
    stage.clock.forward(hours=1)
    step = (await stage.visit(register)).step
    assert step is not None and step.operation_id == later


async def test_postponed_operation_lets_others_run_and_returns_later(stage: Stage) -> None:
    register = await stage.boot_register(1, Platform.V5_0)
    first = await stage.order_one("settings_upload", register.serial_number, UPLOAD)
    second = await stage.order_one("settings_upload", register.serial_number, UPLOAD)
    await stage.visit(register)
    step = (await stage.visit(register, StepRefused(first, StepRefusal.SHIFT_OPEN))).step
    assert step is not None and step.operation_id == second
    row = await stage.operation(first)
    assert (row.status, row.cause) == (OperationStatus.QUEUED, StatusCause.SHIFT_OPEN)
    assert row.due_at == stage.clock() + REFUSED_RETRY_DELAY
    # Another one runs now, so a belated answer to the first cannot make two of them.
    step = (await stage.visit(register, StepDone(first, 1, b"\x55\x00\x00"))).step
    assert step is not None and step.operation_id == second
    assert (await stage.operation(first)).status is OperationStatus.QUEUED
    await stage.visit(register, answer_step(register, step, stage.clock()))
    stage.clock.now += REFUSED_RETRY_DELAY
    step = (await stage.visit(register)).step
    assert step is not None and (step.operation_id, step.step) == (first, 1)


async def test_each_answer_renews_the_lease(stage: Stage) -> None:
    register = await stage.boot_register(1, Platform.V2_5)
    operation_id = await stage.order_one("settings_upload", register.serial_number, UPLOAD)
    delivery = await stage.visit(register)
    for _ in range(3):
        assert delivery.step is not None
        assert (await stage.operation(operation_id)).lease_until == stage.clock() + LEASE
        stage.clock.forward(seconds=90)
        async with stage.database.transaction() as db:
            assert await service.requeue_silent(stage.act(db), PORTION) == 0
        delivery = await stage.visit(register, answer_step(register, delivery.step, stage.clock()))


async def test_answer_after_the_lease_is_accepted(stage: Stage) -> None:
    register = await stage.boot_register(1, Platform.V5_0)
    operation_id = await stage.order_one("settings_upload", register.serial_number, UPLOAD)
    step = (await stage.visit(register)).step
    assert step is not None
    stage.clock.now += LEASE
    async with stage.database.transaction() as db:
        assert await service.requeue_silent(stage.act(db), PORTION) == 1
    await stage.visit(register, answer_step(register, step, stage.clock()))
    causes = [change.cause for change in await stage.history(operation_id)]
    assert causes == [
        StatusCause.CREATED,
        StatusCause.TAKEN,
        StatusCause.LINK_LOST,
        StatusCause.ANSWER_CAME,
        StatusCause.DONE,
    ]


# ---- operations that this version cannot carry out ----------------------------------------------

SPOILED: Mapping[str, Mapping[str, Any]] = {
    "of a type that is gone": {"type": "of_the_next_version"},
    "with params that fit no more": {"params": {"settings": 5}},
    "with a setting that is gone": {"params": {"settings": {"9999": 1}}},
}


WHEN = ("at the start", "under way", "being cancelled")


async def test_corrupted_operation_fails_without_its_batch(stage: Stage) -> None:
    for number, (spoiled, when) in enumerate(product(SPOILED.values(), WHEN)):
        await _spoil(stage, 2 * number, spoiled, when)


async def _spoil(stage: Stage, number: int, spoiled: Mapping[str, Any], when: str) -> None:
    bad = await stage.boot_register(number, Platform.V2_5)
    good = await stage.boot_register(number + 1, Platform.V5_0)
    bad_id = await stage.order_one("settings_upload", bad.serial_number, UPLOAD)
    good_id = await stage.order_one("settings_upload", good.serial_number, UPLOAD)
    answer = None
    if when != "at the start":
        step = (await stage.visit(bad)).step
        assert step is not None
        answer = answer_step(bad, step, stage.clock())
    if when == "being cancelled":
        await stage.cancel(bad_id)
    async with stage.database.transaction() as db:
        await db.execute(update(Operation).where(Operation.id == bad_id).values(**spoiled))
    visits = [
        Visit(bad.serial_number, bad.platform, answer),
        Visit(good.serial_number, good.platform),
    ]
    async with stage.database.transaction() as db:
        _, delivery = await deliver(stage.act(db), visits)
    assert delivery.step is not None and delivery.step.operation_id == good_id
    row = await stage.operation(bad_id)
    if when != "being cancelled":
        assert (row.status, row.cause) == (OperationStatus.FAILED, StatusCause.INTERNAL_ERROR)
    else:  # a setting that is gone does not hinder from leaving the mode
        assert row.status is OperationStatus.CANCELLED or row.step == 2


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_locked_operations_are_skipped(stage: Stage) -> None:
    """On PostgreSQL a person's change and a check-in may meet; SQLite has them in turn."""
    held, free = (
        await stage.boot_register(1, Platform.V5_0),
        await stage.boot_register(2, Platform.V5_0),
    )
    held_id = await stage.order_one("settings_upload", held.serial_number, UPLOAD)
    await stage.order_one("settings_upload", free.serial_number, UPLOAD)
    async with stage.database.transaction() as db:
        assert len(await load_where(db, Operation.id == held_id)) == 1
        assert (await stage.visit(held)).step is None
        assert (await stage.visit(free)).step is not None
    assert (await stage.visit(held)).step is not None
