"""Templates on their way to a register: verdicts, resumption, refusals, orders by template."""

import base64
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from pydantic import ValidationError

from fleet.kit.act import Act
from fleet.kit.errors import DomainError
from fleet.operations.rules import OperationStatus, StatusCause
from fleet.operations.types import BY_KIND
from fleet.operations.types.contract import (
    Done,
    Failed,
    OperationSnapshot,
    Send,
    StepOutcome,
    TargetRegister,
)
from fleet.operations.types.template_transfer import TemplateTransfer, next_step
from fleet.templates import service as templates
from fleet.templates.models import InfoReceipt, Outlet, ReceiptTemplate, SettingsTemplate
from fleet.templates.models import TipsTemplate as TipsRow
from protocol.kktpc.commands import BY_NAME, encode_answer, encode_failure
from protocol.platforms import Platform
from protocol.templates import BLOCK_SIZE, MAX_SIZE, TemplateKind
from simulator.register.simulated_register import SimulatedRegister
from tests.fleet.conftest import START, Employ
from tests.fleet.operations.stage import Stage, answer_step, serial

CONTENT = bytes(range(256)) * 10
TRANSFER = TemplateTransfer(TemplateKind.RECEIPT, 57, CONTENT)
TARGET = TargetRegister(serial(1), Platform.V2_5, 69, "3.0.3689")
FIRST: OperationSnapshot[Any] = OperationSnapshot(Platform.V2_5, None)
PARAMS: dict[str, dict[str, Any]] = {
    "receipt_template": {"tape_width_mm": 57, "content": base64.b64encode(CONTENT).decode()},
    "info_receipt": {"text": "Скидки"},
    "tips_template": {"tape_width_mm": 80, "name": "Чай", "outlet": "Кафе"},
}


def a_register(platform: Platform = Platform.V2_5) -> SimulatedRegister:
    return SimulatedRegister(serial(1), platform, 69, Random(1), START)


def after(
    outcome: StepOutcome, answer: bytes, transfer: TemplateTransfer = TRANSFER
) -> StepOutcome:
    assert isinstance(outcome, Send)
    return next_step(transfer, replace(FIRST, progress=outcome.progress), answer)


def run(register: SimulatedRegister, transfer: TemplateTransfer, steps: int = 100) -> StepOutcome:
    """An operation's life with this register, at most so many steps of it."""
    outcome = next_step(transfer, FIRST, None)
    for _ in range(steps):
        if not isinstance(outcome, Send):
            break
        outcome = after(outcome, register.execute(outcome.command, START), transfer)
    return outcome


# ---- the transfer -------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, BLOCK_SIZE, BLOCK_SIZE + 1, MAX_SIZE])
def test_content_of_any_size_is_transferred(size: int) -> None:
    register = a_register()
    content = (CONTENT * 26)[:size]
    assert isinstance(run(register, replace(TRANSFER, content=content)), Done)
    assert register.templates.kept[TemplateKind.RECEIPT].content == content


def test_interrupted_transfer_continues_at_its_block() -> None:
    register = a_register()
    run(register, TRANSFER, steps=3)
    assert register.templates.kept == {}
    begun = next_step(TRANSFER, FIRST, None)
    assert isinstance(begun, Send)
    resumed = after(begun, register.execute(begun.command, START))
    assert isinstance(resumed, Send)
    assert resumed.progress == {"command": "template_block", "block": 2}
    assert isinstance(run(register, TRANSFER), Done)
    assert register.templates.applied == {TemplateKind.RECEIPT: 1}


def test_new_content_replaces_an_unfinished_transfer() -> None:
    register = a_register()
    run(register, TRANSFER, steps=3)
    other = replace(TRANSFER, content=b"another")
    assert isinstance(run(register, other), Done)
    assert register.templates.kept[TemplateKind.RECEIPT].content == b"another"


@pytest.mark.parametrize(
    ("command", "wanted"),
    [
        ("template_begin", 4),
        ("template_begin", 65535),
        ("template_block", 0),
        ("template_block", 2),
    ],
)
def test_unexpected_block_request_fails_the_transfer(command: str, wanted: int) -> None:
    order = replace(FIRST, progress={"command": command, "block": 0})
    outcome = next_step(TRANSFER, order, encode_answer(command, next=wanted))
    assert outcome == Failed(StatusCause.BAD_ANSWER, {"code": "block_unexpected"})


@pytest.mark.parametrize("command", ["template_begin", "template_block", "template_apply"])
def test_refusal_by_the_register_fails_the_transfer(command: str) -> None:
    order = replace(FIRST, progress={"command": command, "block": 0})
    outcome = next_step(TRANSFER, order, encode_failure(BY_NAME[command], 0x13))
    assert outcome == Failed(StatusCause.COMMAND_FAILED, {"command": command, "code": 0x13})


# ---- verdicts and parameters --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "platform", "code"),
    [
        ("receipt_template", Platform.V5_0, "platform_unfit"),
        ("receipt_template", None, "platform_unknown"),
        ("tips_template", Platform.V2_5, "platform_unfit"),
        ("tips_template", None, "platform_unknown"),
        ("info_receipt", None, "platform_unknown"),
    ],
)
def test_template_unfit_for_the_platform_is_refused(
    kind: str, platform: Platform | None, code: str
) -> None:
    params = BY_KIND[kind].Params.model_validate(PARAMS[kind])
    verdict = BY_KIND[kind].objection(replace(TARGET, platform=platform), params)
    assert verdict is not None and verdict.refusal.code == code


def test_text_printable_on_one_platform_is_refused_on_the_other() -> None:
    params = BY_KIND["info_receipt"].Params.model_validate({"text": "пять €"})
    verdict = BY_KIND["info_receipt"].objection(TARGET, params)
    assert verdict is not None and verdict.refusal.code == "text_refused"
    newer = replace(TARGET, platform=Platform.V5_0)
    assert BY_KIND["info_receipt"].objection(newer, params) is None


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("receipt_template", {"tape_width_mm": 58}),
        ("receipt_template", {"content": "?"}),
        ("receipt_template", {"content": base64.b64encode(b"x" * (MAX_SIZE + 1)).decode()}),
        ("info_receipt", {"text": ""}),
        ("info_receipt", {"text": "x" * 4001}),
        ("tips_template", {"tape_width_mm": 0}),
        ("tips_template", {"outlet": ""}),
    ],
)
def test_invalid_parameters_are_refused(kind: str, change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BY_KIND[kind].Params.model_validate({**PARAMS[kind], **change})


# ---- orders by template -------------------------------------------------------------------------


async def shelved(stage: Stage, model: Any, **values: Any) -> int:
    """A template of the stage's actor; its id."""
    async with stage.database.transaction() as db:
        row = await templates.create(Act(db, stage.actor, stage.clock()), model, values)
        return int(row.id)


async def sent(stage: Stage, register: SimulatedRegister, operation_id: int) -> None:
    """The register calls and does what there is to do."""
    delivery = await stage.visit(register)
    while delivery.step is not None:
        delivery = await stage.visit(register, answer_step(register, delivery.step, stage.clock()))
    found = await stage.operation(operation_id)
    assert found.status is OperationStatus.SUCCEEDED, (found.cause, found.detail)


async def test_receipt_template_is_ordered_by_its_number(stage: Stage) -> None:
    values = templates.receipt_values("Логотип", 57, PARAMS["receipt_template"]["content"])
    id_ = await shelved(stage, ReceiptTemplate, **values)
    register = await stage.boot_register(1, Platform.V2_5)
    operation = await stage.order_one(
        "receipt_template", register.serial_number, {"template_id": id_}
    )
    await sent(stage, register, operation)
    assert register.templates.kept[TemplateKind.RECEIPT].content == CONTENT


async def test_info_receipt_and_tips_template_are_ordered_by_their_numbers(stage: Stage) -> None:
    info = await shelved(stage, InfoReceipt, name="Скидки", text="По средам")
    outlet = await shelved(stage, Outlet, name="Кафе")
    tips = await shelved(stage, TipsRow, name="Чай", description="", outlet_id=outlet)
    register = await stage.boot_register(1, Platform.V5_0)
    one = await stage.order_one("info_receipt", register.serial_number, {"template_id": info})
    two = await stage.order_one(
        "tips_template", register.serial_number, {"template_id": tips, "tape_width_mm": 80}
    )
    await sent(stage, register, one)
    await sent(stage, register, two)
    kept = register.templates.kept
    assert kept[TemplateKind.INFO_RECEIPT].content.decode() == "По средам"
    assert '"outlet": "Кафе"' in kept[TemplateKind.TIPS].content.decode()


async def test_later_change_of_a_template_does_not_change_an_ordered_operation(
    stage: Stage,
) -> None:
    id_ = await shelved(stage, InfoReceipt, name="Скидки", text="По средам")
    register = await stage.boot_register(1, Platform.V5_0)
    operation = await stage.order_one("info_receipt", register.serial_number, {"template_id": id_})
    async with stage.database.transaction() as db:
        await templates.remove(Act(db, stage.actor, stage.clock()), InfoReceipt, id_)
    await sent(stage, register, operation)
    assert register.templates.kept[TemplateKind.INFO_RECEIPT].content.decode() == "По средам"


async def test_settings_template_is_refused_on_another_platform(stage: Stage) -> None:
    values = templates.settings_values("Магазин", Platform.V5_0, {"ofd_port": 7778})
    id_ = await shelved(stage, SettingsTemplate, **values)
    newer, older = (
        await stage.boot_register(1, Platform.V5_0),
        await stage.boot_register(2, Platform.V2_5),
    )
    serials = [newer.serial_number, older.serial_number]
    created = await stage.order("settings_upload", serials, {"template_id": id_})
    assert [each.refusal.code for each in created.refused] == ["platform_unfit"]
    ((operation, _),) = created.accepted
    kept = (await stage.operation(operation)).params
    assert (kept["platform"], kept["settings"]) == ("5.0", {"274": 7778})
    await sent(stage, newer, operation)
    assert newer.memory.value(274) == 7778


async def test_missing_or_foreign_template_is_not_found(stage: Stage, employ: Employ) -> None:
    register = await stage.boot_register(1, Platform.V5_0)
    id_ = await shelved(stage, InfoReceipt, name="Скидки", text="По средам")
    boris = await employ("boris")
    for actor, number in ((stage.actor, id_ + 1), (stage.actor, 2**62), (boris, id_)):
        with pytest.raises(DomainError) as refused:
            await stage.order(
                "info_receipt", [register.serial_number], {"template_id": number}, actor=actor
            )
        found = (refused.value.code, refused.value.field)
        assert found == ("template_not_found", "params.template_id")
    assert await stage.operations() == []


@pytest.mark.parametrize(
    ("params", "code", "field"),
    [
        ({"template_id": 1, "text": "Ещё"}, "template_and_content", "params.text"),
        ({"template_id": "1"}, "invalid_input", "params.text"),
        ({"template_id": 0}, "invalid_input", "params.template_id"),
        ({"template_id": -1}, "invalid_input", "params.template_id"),
        ({"template_id": 2**70}, "invalid_input", "params.template_id"),
        ({}, "invalid_input", "params.text"),
    ],
)
async def test_invalid_request_by_template_names_its_field(
    stage: Stage, params: dict[str, Any], code: str, field: str
) -> None:
    await shelved(stage, InfoReceipt, name="Скидки", text="По средам")
    with pytest.raises(DomainError) as refused:
        await stage.order("info_receipt", [serial(1)], params)
    assert (refused.value.code, refused.value.field) == (code, field)
