"""Orders from the admin API to the register and back, over real sockets, in hand-moved time."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from protocol.conversation.messages import StepRefusal
from protocol.platforms import Platform
from protocol.telemetry import encode
from simulator.calls.bad_links import BadLinkProxy, Direction, Fault
from simulator.register.reading import reading_of
from simulator.register.settings_memory import CABINET_HOST, CABINET_PORT
from simulator.register.simulated_register import SimulatedRegister
from tests.gateway.edge.ordering import UPLOAD
from tests.gateway.edge.running_gateway import HOST
from tests.journeys.conftest import Deployment

BOTH = pytest.mark.parametrize("platform", [Platform.V5_0, Platform.V2_5])
HELLO_BYTES, STEP_DONE_BYTES = 37, 39
AROUND_BLOCK_BYTES = 27
"""A few bytes more are escaped, some four of those that are sealed."""


def in_first_step_done(register: SimulatedRegister, now: datetime) -> Fault:
    check_in = len(encode(reading_of(register, now))) + AROUND_BLOCK_BYTES
    return Fault(Direction.UP, cut_after=HELLO_BYTES + check_in + STEP_DONE_BYTES // 2)


async def upload(town: Deployment, register: SimulatedRegister, **more: Any) -> int:
    params = {"settings": UPLOAD[register.platform]}
    return await town.order(register, "settings_upload", params=params, **more)


async def status(town: Deployment, id_: int) -> tuple[str, str]:
    found = await town.operation(id_)
    return found["status"], found["cause"]


def written(register: SimulatedRegister) -> tuple[Any, Any]:
    return register.memory.value(CABINET_HOST), register.memory.value(CABINET_PORT)


async def begin_and_lose_the_link(town: Deployment, register: SimulatedRegister) -> None:
    """The first step is done in the register, and its answer is lost."""
    fault = in_first_step_done(register, town.clock())
    async with BadLinkProxy(HOST, town.gateway.number, fault) as proxy:
        talk = await town.call(register, number=proxy.port)
    assert (talk.accepted, talk.steps_done) == (True, 1), talk.result
    await town.gateway.until_quiet()


@BOTH
async def test_uploaded_settings_are_read_back_by_a_download(
    town: Deployment, platform: Platform
) -> None:
    register = await town.enrol_and_check_in(platform)
    first = await upload(town, register)
    second = await town.order(
        register, "settings_download", params={"settings": list(UPLOAD[platform])}
    )
    await town.call(register)
    found = await town.operation(first)
    assert (found["status"], found["percent"]) == ("succeeded", 100)
    assert [change["to_status"] for change in found["history"]] == [
        "queued",
        "running",
        "succeeded",
    ]
    result = (await town.operation(second))["result"]
    assert result == {"settings": {"278": "cabinet.example", "279": 8080}, "missing": {}}


async def test_register_with_an_open_shift_gets_the_step_again_later(town: Deployment) -> None:
    register = await town.enrol_and_check_in(Platform.V5_0)
    register.faults.refuse_steps = StepRefusal.SHIFT_OPEN
    id_ = await upload(town, register)
    assert (await town.call(register)).steps_refused == 1
    assert await status(town, id_) == ("queued", "shift_open")
    assert (await town.call(register)).steps_refused == 0
    register.faults.refuse_steps = None
    town.clock.forward(minutes=5)
    await town.call(register)
    assert await status(town, id_) == ("succeeded", "done")
    assert written(register) == ("cabinet.example", 8080)


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (StepRefusal.RECEIPTS_UNSENT, ("queued", "receipts_unsent")),
        (StepRefusal.BUSY, ("queued", "busy")),
        (StepRefusal.LOW_BATTERY, ("queued", "low_battery")),
        (StepRefusal.UNSUPPORTED, ("failed", "unsupported")),
        (StepRefusal.STALE, ("needs_attention", "stale")),
    ],
)
async def test_refused_step_leads_to_its_status(
    town: Deployment, refusal: StepRefusal, expected: tuple[str, str]
) -> None:
    register = await town.enrol_and_check_in(Platform.V5_0)
    register.faults.refuse_steps = refusal
    id_ = await upload(town, register)
    talk = await town.call(register)
    assert talk.result is not None
    assert (talk.steps_refused, talk.result.ending) == (1, "done")
    assert await status(town, id_) == expected


async def test_operation_cancelled_before_delivery_is_never_sent(town: Deployment) -> None:
    register = await town.enrol_and_check_in(Platform.V5_0)
    before = written(register)
    id_ = await upload(town, register)
    assert (await town.cancel(id_)).json["status"] == "cancelled"
    assert (await town.call(register)).steps_done == 0
    assert await status(town, id_) == ("cancelled", "cancelled_by_employee")
    assert written(register) == before
    assert (await town.cancel(id_)).status == 200


@BOTH
async def test_operation_cancelled_after_delivery_waits_for_the_answer(
    town: Deployment, platform: Platform
) -> None:
    register = await town.enrol_and_check_in(platform)
    id_ = await upload(town, register)
    await begin_and_lose_the_link(town, register)
    cancelled = (await town.cancel(id_)).json
    assert (cancelled["status"], cancelled["waiting_for"]) == ("running", "registers_word")
    await town.call(register)
    assert await status(town, id_) == ("cancelled", "cancelled_by_employee")
    assert set(register.journal.effects.values()) == {1}
    assert register.mode == 0
    assert written(register)[1] == 80


async def test_cancelling_an_ended_operation_is_refused(town: Deployment) -> None:
    register = await town.enrol_and_check_in(Platform.V5_0)
    id_ = await upload(town, register)
    await town.call(register)
    answer = await town.cancel(id_)
    assert (answer.status, answer.json["code"]) == (409, "operation_finished")
    assert await status(town, id_) == ("succeeded", "done")


async def test_rescheduled_operation_begins_at_its_new_time(town: Deployment) -> None:
    register = await town.enrol_and_check_in(Platform.V5_0)
    later = town.clock() + timedelta(hours=2)
    id_ = await upload(town, register, scheduled_for=later.isoformat())
    assert (await town.call(register)).steps_done == 0
    sooner = town.clock() + timedelta(hours=1)
    moved = await town.api.ask(
        "PATCH", f"/operations/{id_}", json={"scheduled_for": sooner.isoformat()}
    )
    assert (moved.status, moved.json["waiting_for"]) == (200, "scheduled_time")
    town.clock.forward(minutes=59)
    assert (await town.call(register)).steps_done == 0
    town.clock.forward(minutes=1)
    assert (await town.call(register)).steps_done == 2
    assert await status(town, id_) == ("succeeded", "done")


async def test_rescheduling_into_the_past_or_after_the_start_is_refused(town: Deployment) -> None:
    register = await town.enrol_and_check_in(Platform.V5_0)
    id_ = await upload(town, register)
    for moment, code in (
        (town.clock() - timedelta(seconds=1), "scheduled_in_the_past"),
        (town.clock() + timedelta(hours=1), "operation_started"),
    ):
        body = {"scheduled_for": moment.isoformat()}
        answer = await town.api.ask("PATCH", f"/operations/{id_}", json=body)
        assert answer.json["code"] == code
        if code == "scheduled_in_the_past":
            await begin_and_lose_the_link(town, register)


async def test_lost_link_queues_the_operation_again_after_the_lease(town: Deployment) -> None:
    register = await town.enrol_and_check_in(Platform.V2_5)
    id_ = await upload(town, register)
    await begin_and_lose_the_link(town, register)
    town.clock.forward(seconds=119)
    await town.work()
    assert (await status(town, id_))[0] == "running"
    town.clock.forward(seconds=2)
    await town.work()
    assert await status(town, id_) == ("queued", "link_lost")
    await town.call(register)
    assert await status(town, id_) == ("succeeded", "done")
    assert set(register.journal.effects.values()) == {1}


async def test_deadline_fails_an_operation_that_has_not_begun(town: Deployment) -> None:
    register = await town.enrol_and_check_in(Platform.V5_0)
    before = written(register)
    id_ = await upload(town, register)
    town.clock.forward(days=8)
    await town.work()
    await town.sign_in("anna")
    assert await status(town, id_) == ("failed", "deadline")
    assert (await town.call(register)).steps_done == 0
    assert written(register) == before


async def test_deadline_of_a_begun_operation_needs_attention(town: Deployment) -> None:
    register = await town.enrol_and_check_in(Platform.V5_0)
    id_ = await upload(town, register)
    await begin_and_lose_the_link(town, register)
    town.clock.forward(days=8)
    await town.work()
    await town.sign_in("anna")
    assert await status(town, id_) == ("needs_attention", "deadline")
    assert (await town.cancel(id_)).json["status"] == "cancelled"


async def test_several_operations_run_in_order_in_one_conversation(town: Deployment) -> None:
    register = await town.enrol_and_check_in(Platform.V2_5)
    ids = [await upload(town, register) for _ in range(3)]
    talk = await town.call(register)
    assert [await status(town, id_) for id_ in ids] == [("succeeded", "done")] * 3
    # The second and the third find everything as wanted: enter, read, read, leave.
    assert talk.steps_done == 6 + 4 + 4
    assert sorted(register.journal.effects) == list(register.journal.effects)


async def test_cancel_pending_clears_the_queue(town: Deployment) -> None:
    register = await town.enrol_and_check_in(Platform.V5_0)
    ids = [await upload(town, register) for _ in range(2)]
    last = await town.order(register, "cancel_pending")
    assert await status(town, last) == ("succeeded", "done")
    assert {await status(town, id_) for id_ in ids} == {("cancelled", "cancelled_by_operation")}
    assert (await town.call(register)).steps_done == 0


async def test_register_of_another_partner_is_not_found(town: Deployment) -> None:
    register = await town.enrol_and_check_in(Platform.V5_0)
    id_ = await upload(town, register)
    await town.employ("boris")
    order = {
        "type": "settings_upload",
        "serial_numbers": [register.serial_number],
        "params": {"settings": UPLOAD[Platform.V5_0]},
    }
    answer = await town.api.post("/operations", order)
    assert answer.json["accepted"] == []
    assert [one["reason"] for one in answer.json["refused"]] == ["register_not_found"]
    for method, path in (("GET", ""), ("POST", "/cancel")):
        assert (await town.api.ask(method, f"/operations/{id_}{path}")).status == 404
    assert (await town.api.get("/operations")).json["items"] == []
    assert (await town.api.get(f"/registers/{register.serial_number}")).status == 404
    claimed = await town.api.post("/registers/enrol", {"serial_numbers": [register.serial_number]})
    assert [one["reason"] for one in claimed.json["refused"]] == ["bound_to_another_partner"]
    own = await town.enrol_and_check_in(Platform.V5_0, number=2)
    mine = await upload(town, own)
    for one in (register, own):
        await town.call(one)
    assert await status(town, mine) == ("succeeded", "done")
    await town.sign_in("anna")
    assert await status(town, id_) == ("succeeded", "done")
