"""Operations through the Assistant: who gets them, what they wait for, and that no two ways mix."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fleet.kit.errors import DomainError
from fleet.operations import queries
from fleet.operations.due import Due, DueIndex
from fleet.operations.errors import NO_ASSISTANT
from fleet.operations.rules import Channel, OperationStatus, StatusCause, WaitingFor
from fleet.operations.types.command_sequence import REFUSED
from protocol.kktpc.commands import BY_NAME, COMMANDS
from protocol.platforms import Platform
from simulator.register.simulated_register import SimulatedRegister
from tests.fleet.operations.proofs import QUICK
from tests.fleet.operations.stage import Stage, answer_step, serial

UPLOAD = {"settings": {"278": "host.example", "279": 8080}}
KEY = int(serial(1))


async def through_assistant(stage: Stage, kind: str = "settings_upload") -> int:
    params = QUICK if kind == "quick_registration" else UPLOAD
    created = await stage.order(kind, [serial(1)], params, channel=Channel.ASSISTANT)
    assert not created.refused
    return created.accepted[0][0]


async def waits_for(stage: Stage, operation_id: int) -> WaitingFor | None:
    async with stage.database.read() as db:
        found = await queries.operation_view(stage.act(db), operation_id)
    return found.waiting_for


class Ways:
    """One register, called for by turns: by itself and by its Assistant."""

    def __init__(self, stage: Stage, register: SimulatedRegister) -> None:
        self.stage, self.register = stage, register

    def itself(self) -> Stage:
        return replace(self.stage, assisted=set())

    def assistant(self) -> Stage:
        return self.stage


@pytest.fixture
async def ways(stage: Stage) -> Ways:
    register = await stage.boot_register(1, Platform.V5_0)
    await stage.give_assistant(register.serial_number)
    return Ways(stage, register)


async def test_register_without_an_assistant_is_refused(stage: Stage) -> None:
    await stage.enrol(serial(1), Platform.V5_0)
    created = await stage.order("settings_upload", [serial(1)], UPLOAD, channel=Channel.ASSISTANT)
    assert [each.refusal for each in created.refused] == [NO_ASSISTANT]
    with pytest.raises(DomainError) as refused:
        await stage.order("quick_registration", [serial(1)], QUICK)
    assert refused.value.code == "channel_unfit"


async def test_assistant_operation_is_given_to_the_assistant_only(ways: Ways) -> None:
    stage = ways.stage
    operation_id = await through_assistant(stage)
    assert await waits_for(stage, operation_id) is WaitingFor.ASSISTANT
    index = DueIndex(stage.database)
    await index.resync()
    assert index.get(KEY) == Due(None, stage.clock())
    assert not index.is_due(KEY, stage.clock())
    assert index.is_due(KEY, stage.clock(), by_assistant=True)
    delivery = await ways.itself().visit(ways.register)
    assert (delivery.step, delivery.pending) == (None, 0)
    assert delivery.due == Due(None, stage.clock())
    delivery = await ways.assistant().visit(ways.register)
    while delivery.step is not None:
        assert await waits_for(stage, operation_id) is WaitingFor.LOADING
        answer = answer_step(ways.register, delivery.step, stage.clock())
        delivery = await ways.assistant().visit(ways.register, answer)
    assert (await stage.operation(operation_id)).status is OperationStatus.SUCCEEDED
    assert delivery.due is None


async def test_scheduled_assistant_operation_waits_for_its_time_first(ways: Ways) -> None:
    stage = ways.stage
    later = stage.clock() + timedelta(hours=1)
    created = await stage.order(
        "settings_upload", [serial(1)], UPLOAD, channel=Channel.ASSISTANT, scheduled_for=later
    )
    assert await waits_for(stage, created.accepted[0][0]) is WaitingFor.SCHEDULED_TIME


async def test_operation_waiting_for_the_assistant_can_be_cancelled(ways: Ways) -> None:
    operation_id = await through_assistant(ways.stage, "quick_registration")
    await ways.stage.cancel(operation_id)
    found = await ways.stage.operation(operation_id)
    assert (found.status, found.cause) == (
        OperationStatus.CANCELLED,
        StatusCause.CANCELLED_BY_EMPLOYEE,
    )


async def test_assistant_takes_over_a_cash_server_operation_to_its_end(ways: Ways) -> None:
    """Its journal and the register's do not know of each other: nobody else may go on."""
    stage = ways.stage
    operation_id = await stage.order_one("settings_upload", serial(1), UPLOAD)
    first = (await ways.assistant().visit(ways.register)).step
    assert first is not None
    assert (await stage.operation(operation_id)).channel is Channel.ASSISTANT
    assert (await ways.itself().visit(ways.register)).step is None
    stray = answer_step(ways.register, first, stage.clock())
    await ways.itself().visit(ways.register, stray)
    assert (await stage.operation(operation_id)).step == 1
    assert (await ways.assistant().visit(ways.register)).step == first


async def test_assistant_does_not_continue_an_operation_begun_by_the_register(ways: Ways) -> None:
    stage = ways.stage
    operation_id = await stage.order_one("settings_upload", serial(1), UPLOAD)
    other = await through_assistant(stage)
    first = (await ways.itself().visit(ways.register)).step
    assert first is not None
    delivery = await ways.assistant().visit(ways.register)
    assert delivery.step is None, "two operations would be under way at once"
    index = DueIndex(stage.database)
    await index.resync()
    assert index.get(KEY) == delivery.due
    following = await ways.itself().visit(
        ways.register, answer_step(ways.register, first, stage.clock())
    )
    while following.step is not None:
        answer = answer_step(ways.register, following.step, stage.clock())
        following = await ways.itself().visit(ways.register, answer)
    assert (await stage.operation(operation_id)).status is OperationStatus.SUCCEEDED
    taken = (await ways.assistant().visit(ways.register)).step
    assert taken is not None and taken.operation_id == other


async def test_type_unfit_for_assistants_waits_for_the_register(ways: Ways) -> None:
    await ways.stage.order_one("key_rotation", serial(1), {"generation": 2})
    assert (await ways.assistant().visit(ways.register)).step is None
    assert (await ways.itself().visit(ways.register)).step is not None


# ---- any commands -------------------------------------------------------------------------------


UNFIT = [
    *((text, "wrong_pattern") for text in ("", "3", "zz", "67 01")),
    *((text, "not_a_command") for text in ("00", "3f00", "46")),
]


@pytest.mark.parametrize(("text", "code"), UNFIT)
async def test_invalid_command_of_a_sequence_is_refused(ways: Ways, text: str, code: str) -> None:
    with pytest.raises(DomainError) as refused:
        await ways.stage.order("command_sequence", [serial(1)], {"commands": ["3f", text]})
    assert refused.value.field == "params.commands.1"
    assert refused.value.errors[0].refusal.code == code


def test_every_refused_command_exists() -> None:
    assert set(BY_NAME) >= REFUSED
    kept = {each.name for each in COMMANDS} - REFUSED
    assert kept >= {"fiscalise", "close_archive", "write_requisite", "write_table", "enter_mode"}


async def test_sequence_cannot_move_money(ways: Ways) -> None:
    for text in ("49000000000100", "5a", "9200" + "01"):
        with pytest.raises(DomainError) as refused:
            await ways.stage.order("command_sequence", [serial(1)], {"commands": [text]})
        assert refused.value.errors[0].refusal.code == "command_refused"


@pytest.mark.parametrize(("stop", "expected"), [(True, 2), (False, 3)])
async def test_sequence_stops_or_continues_after_a_failure(
    stage: Stage, stop: bool, expected: int
) -> None:
    """A mode that was entered is left behind by a failure; without one nothing needs to be."""
    register = await stage.boot_register(1, Platform.V2_5)
    commands = ["560100000030", "5013000109ff", "45"]
    params = {"commands": commands, "stop_on_failure": stop}
    operation_id = await stage.order_one("command_sequence", serial(1), params)
    delivery = await stage.visit(register)
    while delivery.step is not None:
        answer = answer_step(register, delivery.step, stage.clock())
        delivery = await stage.visit(register, answer)
    found = await stage.operation(operation_id)
    told = (found.detail if stop else found.result) or {}
    assert found.status is (OperationStatus.FAILED if stop else OperationStatus.SUCCEEDED)
    assert [each["code"] == 0 for each in told["answers"]] == [True, False, True][:expected]
    assert register.mode == (0 if stop else 1)
