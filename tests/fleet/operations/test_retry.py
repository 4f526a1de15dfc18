"""Ordering anew what has failed or needs attention."""

import pytest

from fleet.operations.rules import OperationStatus, StatusCause
from protocol.conversation.messages import StepRefusal, StepRefused
from protocol.platforms import Platform
from tests.fleet.conftest import Api
from tests.fleet.operations.stage import Stage, answer_step, serial

UPLOAD = {"settings": {"279": 8080}}


@pytest.fixture
async def anna(api: Api, stage: Stage) -> Api:
    assert (await api.sign_in("anna")).status == 200
    return api


async def ended(stage: Stage, reason: StepRefusal) -> int:
    """An operation whose first step the register refused for good."""
    register = await stage.boot_register(1, Platform.V5_0)
    id_ = await stage.order_one("settings_upload", register.serial_number, UPLOAD)
    await stage.visit(register)
    await stage.visit(register, StepRefused(id_, reason))
    return id_


async def test_failed_operation_is_retried_once(anna: Api, stage: Stage) -> None:
    id_ = await ended(stage, StepRefusal.UNSUPPORTED)
    answer = await anna.post(f"/operations/{id_}/retry")
    assert (answer.status, answer.json["status"], answer.json["retry_of"]) == (202, "queued", id_)
    assert answer.json["params"]["settings"] == UPLOAD["settings"]
    assert (await stage.operation(id_)).status is OperationStatus.FAILED
    again = await anna.post(f"/operations/{id_}/retry")
    assert (again.status, again.json["code"]) == (409, "already_retried")
    assert str(answer.json["id"]) in again.json["detail"]


async def test_retry_cancels_an_operation_that_needs_attention(anna: Api, stage: Stage) -> None:
    id_ = await ended(stage, StepRefusal.STALE)
    new_id = (await anna.post(f"/operations/{id_}/retry")).json["id"]
    old = await stage.operation(id_)
    assert (old.status, old.cause) == (OperationStatus.CANCELLED, StatusCause.REPLACED)
    assert old.detail == {"operation_id": new_id}
    assert len(await stage.operations()) == 2


async def test_open_or_successful_operation_is_not_retried(anna: Api, stage: Stage) -> None:
    register = await stage.boot_register(1, Platform.V5_0)
    id_ = await stage.order_one("settings_upload", register.serial_number, UPLOAD)
    assert (await anna.post(f"/operations/{id_}/retry")).json["code"] == "not_retryable"
    step = (await stage.visit(register)).step
    assert step is not None
    await stage.visit(register, answer_step(register, step, stage.clock()))
    assert (await anna.post(f"/operations/{id_}/retry")).json["code"] == "not_retryable"
    assert (await anna.post("/operations/999/retry")).status == 404


async def test_retry_refused_for_the_register_changes_nothing(anna: Api, stage: Stage) -> None:
    id_ = await ended(stage, StepRefusal.STALE)
    await anna.post("/registers/block", {"serial_numbers": [serial(1)]})
    answer = await anna.post(f"/operations/{id_}/retry")
    assert (answer.status, answer.json["code"]) == (409, "register_blocked")
    assert (await stage.operation(id_)).status is OperationStatus.NEEDS_ATTENTION
