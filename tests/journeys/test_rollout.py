"""A roll-out to two hundred registers of which a tenth fails, through the API and real sockets."""

from collections.abc import Sequence
from random import Random
from typing import Any

from protocol.conversation.messages import StepRefusal
from protocol.platforms import Platform
from simulator.register.simulated_register import SimulatedRegister
from tests.journeys.conftest import Deployment

REGISTERS, FAILING = 200, 20
HOST_SETTING = {"278": "cabinet.example"}


async def settle_all(town: Deployment) -> list[SimulatedRegister]:
    """Every tenth register cannot do what it is told."""
    serials = [f"001061{number:08}" for number in range(1, REGISTERS + 1)]
    answer = await town.api.post("/registers/enrol", {"serial_numbers": serials})
    assert answer.json["refused"] == []
    registers = [
        SimulatedRegister(serial, Platform.V5_0, 61, Random(serial), town.clock())
        for serial in serials
    ]
    for register in registers[:: REGISTERS // FAILING]:
        register.faults.refuse_steps = StepRefusal.UNSUPPORTED
    await call_all(town, registers)
    return registers


async def call_all(town: Deployment, registers: Sequence[SimulatedRegister]) -> None:
    town.clock.forward(seconds=1)  # after whatever a person has done
    await town.gateway.port._resync()
    for register in registers:
        assert (await town.gateway.call(register)).accepted


async def shown(town: Deployment, id_: int) -> Any:
    answer = await town.api.get(f"/rollouts/{id_}")
    assert answer.status == 200
    return answer.json


def counts(card: Any, number: int) -> Any:
    return card["waves"][number - 1]["counts"]


async def test_roll_out_pauses_at_the_threshold_resumes_and_ends(town: Deployment) -> None:
    registers = await settle_all(town)
    plan = {
        "type": "settings_upload",
        "params": {"settings": HOST_SETTING},
        "serial_numbers": [register.serial_number for register in registers],
        "waves": ["10", "45%", "rest"],
        "failure_percent": 5,
    }
    started = await town.api.post("/rollouts", plan)
    assert (started.status, started.json["registers"]) == (202, REGISTERS)
    id_ = started.json["id"]
    await town.work()
    card = await shown(town, id_)
    assert [wave["size"] for wave in card["waves"]] == [10, 90, 100]
    assert counts(card, 1) == {"queued": 10} and counts(card, 2) == {"waiting": 90}

    await call_all(town, registers)
    card = await shown(town, id_)
    assert (card["status"], card["reason"], card["wave"]) == ("paused", "failures", 1)
    assert counts(card, 1) == {"succeeded": 9, "failed": 1}

    assert (await town.api.post(f"/rollouts/{id_}/resume")).json["status"] == "running"
    await town.work()
    # The second wave stops in its middle, and what has not begun is taken back.
    await call_all(town, registers[:60])
    await town.work()
    await call_all(town, registers[60:])
    card = await shown(town, id_)
    assert (card["status"], card["wave"]) == ("paused", 2)
    assert counts(card, 2) == {"succeeded": 45, "failed": 5, "waiting": 40}

    rounds = 0
    while (card := await shown(town, id_))["status"] != "finished":
        assert (rounds := rounds + 1) < 10, card
        if card["status"] == "paused":
            assert (await town.api.post(f"/rollouts/{id_}/resume")).status == 200
        await town.work()
        await call_all(town, registers)
        await town.work()
    ended = [wave["counts"] for wave in card["waves"]]
    assert sum(wave["succeeded"] for wave in ended) == REGISTERS - FAILING
    assert sum(wave["failed"] for wave in ended) == FAILING
    done = [register.memory.value(278) == HOST_SETTING["278"] for register in registers]
    assert sum(done) == REGISTERS - FAILING
    listed = (await town.api.get("/rollouts?status=finished")).json["items"]
    assert [each["id"] for each in listed] == [id_]
