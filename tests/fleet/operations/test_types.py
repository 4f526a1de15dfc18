"""Contract of every operation type: what it promises people, and its whole life with a register.

A new type is covered by its name in ``TYPES``; it needs an entry in ``EXAMPLES``.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fleet.accounts.roles import Right
from fleet.kit.language import Language
from fleet.operations import queries, service
from fleet.operations.rules import Channel, OperationStatus
from fleet.operations.types import BY_KIND, TYPES
from fleet.operations.types.contract import (
    OperationSnapshot,
    OperationType,
    Send,
    StepOutcome,
    TargetRegister,
)
from fleet.operations.work import PORTION
from protocol.conversation.messages import Step
from protocol.errors import RemoteError
from protocol.firmware import Image
from protocol.platforms import Platform
from protocol.templates import TemplateKind
from simulator.register.factory_data import MAKES
from simulator.register.simulated_register import SimulatedRegister
from simulator.register.templates import Template
from tests.examples import examples
from tests.fleet.conftest import START
from tests.fleet.operations import proofs
from tests.fleet.operations.stage import RolledBack, Stage, Word, answer_step
from tests.protocol.licence_issuer import LICENCE_ISSUER
from tests.protocol.publisher import content_of, publish

MAX_STEPS = 100
"""More than any example takes: an operation that does not end fails its test."""

Prove = Callable[[SimulatedRegister, Mapping[str, Any]], None]


@dataclass(frozen=True)
class Example:
    """Parameters that the platform takes, and the proof that the register and the result agree."""

    params: Mapping[str, Any]
    prove: Prove


def wrote(**values: object) -> Prove:
    """Proof of an upload: settings by number (``s278=…``) hold these values."""
    expected = {int(name.removeprefix("s")): value for name, value in values.items()}

    def prove(register: SimulatedRegister, result: Mapping[str, Any]) -> None:
        assert {number: register.memory.value(number) for number in expected} == expected
        assert sorted(result["written"] + result["unchanged"]) == sorted(expected)

    return prove


def read(*numbers: int) -> Prove:
    """Proof of a download: the result holds what the register holds."""

    def prove(register: SimulatedRegister, result: Mapping[str, Any]) -> None:
        expected = {str(number): register.memory.value(number) for number in numbers}
        assert result == {"settings": expected, "missing": {}}

    return prove


LAYOUT = bytes(range(256)) * 9
"""Three blocks of a receipt template, the last one short."""


def holds_template(kind: TemplateKind, tape_width_mm: int, content: bytes) -> Prove:
    """Proof of a template: in use as it was sent, put there once."""

    def prove(register: SimulatedRegister, result: Mapping[str, Any]) -> None:
        assert register.templates.kept == {kind: Template(tape_width_mm, content)}
        assert register.templates.applied == {kind: 1}
        digest = hashlib.sha256(content).hexdigest()
        assert result == {"size": len(content), "sha256": digest}

    return prove


FIRMWARE = content_of(70 * 1024)
"""More than one window of blocks."""

IMAGES: Mapping[tuple[str, Platform], Image] = {
    ("firmware_update", Platform.V2_5): publish(
        FIRMWARE, model=69, platform=Platform.V2_5, version="3.0.4000"
    ),
    ("firmware_update", Platform.V5_0): publish(FIRMWARE, model=69, version="5.9.1"),
    ("platform_move", Platform.V2_5): publish(FIRMWARE, model=69, version="5.9.2"),
}


def with_image(kind: str, platform: Platform) -> "Example":
    """An order of the image that ``IMAGES`` has for it, and the proof that the register runs it."""
    image = IMAGES[kind, platform]
    facts = {
        "model": image.model,
        "platform": image.platform,
        "version": image.version,
        "size": image.size,
        "sha256": image.sha256.hex(),
        "signature": image.signature.hex(),
        "block_size": image.block_size,
    }

    def prove(register: SimulatedRegister, result: Mapping[str, Any]) -> None:
        assert result == {"firmware_version": image.version, "platform": image.platform}
        assert (register.loader.firmware, register.platform) == (image.version, image.platform)
        assert register.loader.boots == 1

    return Example({"image": image.image_id, "facts": facts}, prove)


def nothing(register: SimulatedRegister, result: Mapping[str, Any]) -> None:
    assert result == {} and register.journal.effects == {}


EXAMPLES: Mapping[tuple[str, Platform], Example] = {
    ("settings_upload", Platform.V2_5): Example(
        # Two ways to name a setting, and two settings (3 and 5) of one cell.
        {"settings": {"Т19Р1П9": "host.example/kkt", "279": 8080, "3": True, "5": "1"}},
        wrote(s278="host.example/kkt", s279=8080, s3=True, s5=True),
    ),
    ("settings_upload", Platform.V5_0): Example(
        {"settings": {"278": "host.example", "279": 8080, "270": "пароль Wi-Fi"}},
        wrote(s278="host.example", s279=8080, s270="пароль Wi-Fi"),
    ),
    ("settings_download", Platform.V2_5): Example(
        {"settings": ["Т19Р1П9", "279", "3"]}, read(3, 278, 279)
    ),
    ("settings_download", Platform.V5_0): Example({"settings": ["278", "279"]}, read(278, 279)),
    ("receipt_template", Platform.V2_5): Example(
        {"tape_width_mm": 57, "content": base64.b64encode(LAYOUT).decode()},
        holds_template(TemplateKind.RECEIPT, 57, LAYOUT),
    ),
    ("info_receipt", Platform.V2_5): Example(
        {"text": "Скидки\nпо средам"},
        holds_template(TemplateKind.INFO_RECEIPT, 0, "Скидки\nпо средам".encode("cp866")),
    ),
    ("info_receipt", Platform.V5_0): Example(
        {"text": "Скидки\n— 5 €"},
        holds_template(TemplateKind.INFO_RECEIPT, 0, "Скидки\n— 5 €".encode()),
    ),
    ("tips_template", Platform.V5_0): Example(
        {"tape_width_mm": 80, "name": "Чай", "description": "Кухне", "outlet": "Кафе"},
        holds_template(
            TemplateKind.TIPS,
            80,
            '{"name": "Чай", "description": "Кухне", "outlet": "Кафе"}'.encode(),
        ),
    ),
    **{key: with_image(*key) for key in IMAGES},
    ("licence_upload", Platform.V2_5): Example(proofs.CODES, proofs.holds_codes),
    ("licence_upload", Platform.V5_0): Example(proofs.SIGNED, proofs.holds_licence),
    **{
        (kind, platform): Example(params, prove)
        for platform in Platform
        for kind, params, prove in (
            ("quick_registration", proofs.QUICK, proofs.registered),
            ("command_sequence", proofs.SEQUENCE, proofs.asked),
            ("tax_system_change", proofs.TAX_SYSTEM, proofs.registered_anew),
            ("archive_closing", {"confirmed": True}, proofs.closed),
            ("key_rotation", {"generation": 2}, proofs.keyed_anew),
            ("paper_receipt", {"enabled": False}, proofs.paperless),
        )
    },
    ("control_unit_replacement", Platform.V5_0): Example(proofs.SPARE, proofs.scripted),
    ("cancel_pending", Platform.V2_5): Example({}, nothing),
    ("cancel_pending", Platform.V5_0): Example({}, nothing),
}

every_type = pytest.mark.parametrize("operation_type", TYPES, ids=lambda each: each.kind)
every_example = pytest.mark.parametrize(
    ("kind", "platform"), EXAMPLES, ids=lambda each: str(each).replace(".", "_")
)
AnyType = OperationType[Any]

# ---- what a type promises -----------------------------------------------------------------------


def test_kinds_are_unique_and_indexed() -> None:
    assert len(BY_KIND) == len(TYPES)
    assert list(BY_KIND.values()) == list(TYPES)


@every_type
def test_every_type_has_an_example_that_its_platform_accepts(operation_type: AnyType) -> None:
    takers = [platform for platform in Platform if (operation_type.kind, platform) in EXAMPLES]
    assert takers, f"no example for {operation_type.kind}"
    for platform in takers:
        params = parsed(operation_type, platform)
        target = TargetRegister("00106900000001", platform, 69, MAKES[platform].firmware)
        assert operation_type.objection(target, params) is None


@every_type
def test_every_type_has_valid_properties(operation_type: AnyType) -> None:
    assert operation_type.kind.isidentifier() and len(operation_type.kind) <= 40
    assert operation_type.kind.islower()
    assert operation_type.label_ru and operation_type.label_en
    assert not operation_type.label_ru.isascii() and operation_type.label_en.isascii()
    assert operation_type.right in Right
    assert operation_type.channels and set(operation_type.channels) <= set(Channel)
    assert operation_type.deadline.total_seconds() > 0


@every_type
def test_every_schema_refuses_unknown_fields(operation_type: AnyType) -> None:
    schema = operation_type.Params.model_json_schema()
    assert (schema["type"], schema["additionalProperties"]) == ("object", False)
    for name, each in schema.get("properties", {}).items():
        assert each.get("description"), f"{operation_type.kind}.{name} is not explained"
    with pytest.raises(ValidationError, match="extra"):
        operation_type.Params.model_validate({"no_such_field": 1})


def test_types_are_listed_in_both_languages() -> None:
    for language, label in ((Language.RU, "label_ru"), (Language.EN, "label_en")):
        shown = queries.operation_types(language).items
        assert [each.type for each in shown] == [each.kind for each in TYPES]
        assert [each.label for each in shown] == [getattr(each, label) for each in TYPES]


@every_example
def test_parameters_are_equal_after_storage(kind: str, platform: Platform) -> None:
    params = parsed(BY_KIND[kind], platform)
    kept = params.model_dump(mode="json")
    assert BY_KIND[kind].Params.model_validate(kept) == params


def parsed(operation_type: AnyType, platform: Platform) -> Any:
    example = EXAMPLES[operation_type.kind, platform]
    return operation_type.Params.model_validate(dict(example.params))


# ---- hostile answers ----------------------------------------------------------------------------

answers = st.binary(max_size=40) | st.builds(
    lambda prefix, rest: prefix + rest,
    st.sampled_from([b"\x55", b"\x55\x00", b"\x55\x66\x00", b"\x55\x00\x00", b"\x44"]),
    st.binary(max_size=80),
)


@every_example
@settings(max_examples=examples(150))
@given(said=st.lists(answers, max_size=12), honest=st.integers(min_value=0, max_value=12))
def test_unexpected_answers_give_an_outcome(
    kind: str, platform: Platform, said: list[bytes], honest: int
) -> None:
    """Some honest answers first, so that every phase of a type meets bytes that are none."""
    operation_type, params = BY_KIND[kind], parsed(BY_KIND[kind], platform)
    register = SimulatedRegister("00106900000001", platform, 69, Random(1), START)
    register.licence_issuers = (LICENCE_ISSUER,)
    outcome = operation_type.next_step(OperationSnapshot(platform, params), None)
    for _ in range(honest):
        if not isinstance(outcome, Send):
            return
        answer = register.execute(outcome.command, START)
        outcome = operation_type.next_step(
            OperationSnapshot(platform, params, outcome.progress), answer
        )
    for answer in said:
        if not isinstance(outcome, Send):
            return
        assert 0 <= outcome.percent <= 100 and outcome.command
        try:
            outcome = operation_type.next_step(
                OperationSnapshot(platform, params, outcome.progress), answer
            )
        except RemoteError:
            return
        assert isinstance(outcome, StepOutcome)


# ---- a whole life -------------------------------------------------------------------------------

Turn = Callable[[Stage, SimulatedRegister, Step], Awaitable[Step | None]]
"""From one step to the next, with whatever trouble comes between."""


async def smoothly(stage: Stage, register: SimulatedRegister, step: Step) -> Step | None:
    return (await stage.visit(register, answer_step(register, step, stage.clock()))).step


async def answer_lost(stage: Stage, register: SimulatedRegister, step: Step) -> Step | None:
    """The link is cut before the answer: at the next call the same step is given again."""
    first = answer_step(register, step, stage.clock())
    again = (await stage.visit(register)).step
    assert again == step
    second = answer_step(register, again, stage.clock())
    assert second == first
    return (await stage.visit(register, second)).step


async def lease_lapsed(stage: Stage, register: SimulatedRegister, step: Step) -> Step | None:
    """The link is cut and the register stays away until the operation is queued again."""
    first = answer_step(register, step, stage.clock())
    stage.clock.forward(minutes=3)
    async with stage.database.transaction() as db:
        assert await service.requeue_silent(stage.act(db), PORTION) == 1
    assert (await stage.operation(step.operation_id)).status is OperationStatus.QUEUED
    again = (await stage.visit(register)).step
    assert again == step
    assert answer_step(register, again, stage.clock()) == first
    return (await stage.visit(register, first)).step


async def rolled_back(stage: Stage, register: SimulatedRegister, step: Step) -> Step | None:
    """The batch with the answer does not commit, and neither does the next check-in."""
    answer = answer_step(register, step, stage.clock())
    for word in (answer, None):
        with pytest.raises(RolledBack):
            await stage.visit(register, word, keep=False)
    again = (await stage.visit(register)).step
    assert again == step
    return (await stage.visit(register, answer_step(register, again, stage.clock()))).step


async def answered_twice(stage: Stage, register: SimulatedRegister, step: Step) -> Step | None:
    """The same answer comes in two conversations: the second one moves nothing."""
    answer = answer_step(register, step, stage.clock())
    following = (await stage.visit(register, answer)).step
    assert (await stage.visit(register, answer)).step == following
    return following


TURNS: tuple[Turn, ...] = (smoothly, answer_lost, lease_lapsed, rolled_back, answered_twice)


@every_example
async def test_a_whole_life(stage: Stage, kind: str, platform: Platform) -> None:
    """Once with each trouble after every step; then with the power lost once, after each step.

    A register of 2.5 loses its mode with the power.
    """
    example = EXAMPLES[kind, platform]
    if (kind, platform) in IMAGES:
        await stage.publish(IMAGES[kind, platform], FIRMWARE)
    for number, turn in enumerate(TURNS):
        steps = await _live_once(stage, number, platform, (kind, example), turn)
    for last in range(1, steps + 1):
        turn = power_lost_after(last)
        await _live_once(stage, len(TURNS) + last, platform, (kind, example), turn)


async def _live_once(
    stage: Stage, number: int, platform: Platform, what: tuple[str, Example], turn: Turn
) -> int:
    kind, example = what
    register = await stage.boot_register(number, platform)
    register.faults.shift_forgotten = True  # the shop stays closed: no shift is in the way
    operation_id = await stage.order_one(kind, register.serial_number, example.params)
    steps = await live_through(stage, register, turn)
    await succeeded(stage, register, operation_id, example)
    assert register.mode == 0
    return steps


def power_lost_after(last: int) -> Turn:
    async def turn(stage: Stage, register: SimulatedRegister, step: Step) -> Step | None:
        word: Word = answer_step(register, step, stage.clock())
        if step.step == last:
            register.power_cycle()
        return (await stage.visit(register, word)).step

    return turn


async def live_through(stage: Stage, register: SimulatedRegister, turn: Turn) -> int:
    """From the first call until there is nothing more to do; how many steps it took."""
    step = (await stage.visit(register)).step
    for done in range(MAX_STEPS):
        if step is None:
            await stage.visit(register)  # what awaits its next call hears of it
            return done
        assert step.step == done + 1
        step = await turn(stage, register, step)
    raise AssertionError("the operation does not end")


async def succeeded(
    stage: Stage, register: SimulatedRegister, operation_id: int, example: Example
) -> None:
    found = await stage.operation(operation_id)
    assert (found.status, found.percent) == (OperationStatus.SUCCEEDED, 100), (
        found.cause,
        found.detail,
    )
    example.prove(register, found.result or {})
    assert list(register.journal.effects) == [(operation_id, n + 1) for n in range(found.step)]
    assert set(register.journal.effects.values()) <= {1}
    assert found.finished_at == stage.clock() or BY_KIND[found.type].on_server
    assert found.lease_until is None
