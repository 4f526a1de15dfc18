"""Operations with firmware: who may get them, what they say on the way, and when they give up."""

from typing import Any

import pytest

from fleet.firmware.manifest import ImageFacts
from fleet.kit.language import Language
from fleet.operations import queries
from fleet.operations.rules import StatusCause, WaitingFor
from fleet.operations.types.contract import (
    Await,
    CheckInFacts,
    Done,
    Failed,
    OperationSnapshot,
    Send,
    TargetRegister,
)
from fleet.operations.types.firmware_transfer import MAX_STALLED, FirmwareParams
from fleet.operations.types.firmware_update import FirmwareUpdate
from fleet.operations.types.platform_move import PlatformMove
from protocol.firmware import Image
from protocol.kktpc import firmware_commands
from protocol.kktpc.commands import encode_answer
from protocol.platforms import Platform
from tests.fleet.operations.stage import Stage, answer_step
from tests.protocol.publisher import content_of, publish

CONTENT = content_of(70 * 1024)
IMAGE = publish(CONTENT, model=69, block_size=2048)
OLD = publish(CONTENT, model=69, platform=Platform.V2_5, version="3.0.4000")
UPDATE, MOVE = FirmwareUpdate(), PlatformMove()
SERIAL = "00106900000001"


def params_of(image: Image) -> FirmwareParams:
    facts = ImageFacts(
        model=image.model,
        platform=image.platform,
        version=image.version,
        size=image.size,
        sha256=image.sha256.hex(),
        signature=image.signature.hex(),
        block_size=image.block_size,
    )
    return FirmwareParams(image=image.image_id, facts=facts)


@pytest.mark.parametrize(
    ("kind", "image", "platform", "model", "version", "code"),
    [
        (UPDATE, IMAGE, Platform.V5_0, 69, "5.8.14", None),
        (UPDATE, OLD, Platform.V2_5, 69, "3.0.3689", None),
        (MOVE, IMAGE, Platform.V2_5, 69, "3.0.3689", None),
        (UPDATE, IMAGE, None, 69, "", "platform_unknown"),
        (UPDATE, IMAGE, Platform.V5_0, 61, "5.8.14", "image_wrong_model"),
        (UPDATE, IMAGE, Platform.V5_0, None, "5.8.14", "image_wrong_model"),
        (UPDATE, IMAGE, Platform.V2_5, 69, "3.0.3689", "image_wrong_platform"),
        (UPDATE, IMAGE, Platform.V5_0, 69, "5.9.1", "firmware_same"),
        (MOVE, IMAGE, Platform.V5_0, 69, "5.8.14", "image_wrong_platform"),
        (MOVE, OLD, Platform.V2_5, 69, "3.0.3689", "image_wrong_platform"),
    ],
)
def test_image_gets_a_verdict_for_each_register(
    kind: FirmwareUpdate | PlatformMove,
    image: Image,
    platform: Platform | None,
    model: int | None,
    version: str,
    code: str | None,
) -> None:
    objection = kind.objection(TargetRegister(SERIAL, platform, model, version), params_of(image))
    assert (objection and objection.refusal.code) == code
    if objection is not None:
        for language in Language:
            assert objection.refusal.message(language, serial_number=SERIAL, **objection.params)


def test_image_that_was_not_added_is_refused() -> None:
    params = FirmwareParams(image="69/9.9.9")
    objection = UPDATE.objection(TargetRegister(SERIAL, Platform.V5_0, 69, "5.8.14"), params)
    assert objection is not None and objection.refusal.code == "image_unknown"


def step(progress: Any, answer: bytes | None, seen: CheckInFacts | None = None) -> Any:
    return UPDATE.next_step(
        OperationSnapshot(Platform.V5_0, params_of(IMAGE), progress, seen), answer
    )


def wanted(block: int) -> bytes:
    return encode_answer("firmware_begin", next=block)


def test_windows_are_sent_in_order_and_the_percentage_grows() -> None:
    outcome, windows, percents = step({}, None), [], []
    while isinstance(outcome, Send) and outcome.command == firmware_commands.begin(
        Platform.V5_0, IMAGE
    ):
        percents.append(outcome.percent)
        stream = outcome.stream
        if stream is not None:
            assert stream.image_id == IMAGE.image_id
            windows.append((stream.first, stream.last))
        outcome = step(outcome.progress, wanted(0 if stream is None else stream.last + 1))
    assert windows == [(0, 15), (16, 31), (32, 34)]
    assert percents == sorted(percents) and percents[-1] > 80
    assert outcome.command == firmware_commands.install(Platform.V5_0)


def test_stalled_transfer_fails() -> None:
    outcome = step({}, None)
    for _ in range(MAX_STALLED + 1):
        assert isinstance(outcome, Send)
        outcome = step(outcome.progress, wanted(0))
    assert outcome == Failed(StatusCause.TRANSFER_STALLED, {"block": 0, "blocks": 35})
    one_more = step({"stage": "load", "next": 3, "stalled": MAX_STALLED}, wanted(4))
    assert isinstance(one_more, Send) and one_more.progress["stalled"] == 0


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        (None, Await({"stage": "restart"}, 99)),
        (CheckInFacts("5.9.1", 1), Done({"firmware_version": "5.9.1", "platform": Platform.V5_0})),
        (
            CheckInFacts("5.8.14", 1),
            Failed(
                StatusCause.FIRMWARE_UNCHANGED,
                {"firmware_version": "5.8.14", "platform": Platform.V5_0, "expected": "5.9.1"},
            ),
        ),
    ],
    ids=["says nothing", "new", "old"],
)
def test_transfer_ends_with_the_firmware_that_the_register_reports(
    seen: CheckInFacts | None, outcome: object
) -> None:
    assert step({"stage": "restart"}, None, seen) == outcome


def test_move_ends_when_the_register_reports_the_new_platform() -> None:
    params = params_of(IMAGE)
    for platform, expected in ((Platform.V5_0, Done), (Platform.V2_5, Failed)):
        order = OperationSnapshot(platform, params, {"stage": "restart"}, CheckInFacts("5.9.1", 1))
        assert isinstance(MOVE.next_step(order, None), expected)


async def test_running_transfer_shows_its_stage(stage: Stage) -> None:
    register = await stage.boot_register(1, Platform.V5_0)
    register.faults.shift_forgotten = True
    await stage.publish(IMAGE, CONTENT)
    params = {"image": IMAGE.image_id}
    id_ = await stage.order_one("firmware_update", register.serial_number, params)
    seen: list[tuple[WaitingFor | None, int]] = []
    step_now = (await stage.visit(register)).step
    while step_now is not None:
        async with stage.database.read() as db:
            view = await queries.operation_view(stage.act(db), id_)
        seen.append((view.waiting_for, view.percent))
        step_now = (
            await stage.visit(register, answer_step(register, step_now, stage.clock()))
        ).step
    loading = [(WaitingFor.LOADING, percent) for percent in (0, 0, 43, 86)]
    assert seen == [*loading, (WaitingFor.BACKING_UP_SETTINGS, 96)]
    async with stage.database.read() as db:
        view = await queries.operation_view(stage.act(db), id_)
    assert (view.waiting_for, view.percent) == (WaitingFor.REGISTER, 99)
