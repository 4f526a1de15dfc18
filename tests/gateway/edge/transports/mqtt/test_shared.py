"""Two gateways at one Mosquitto share the load, and each conversation stays with one of them."""

import asyncio
from pathlib import Path
from random import Random

from fleet.kit.clock import utc_now
from fleet.operations.rules import OperationStatus
from gateway.edge.metrics import DropReason
from protocol.conversation.messages import RefusalReason
from protocol.platforms import Platform
from simulator.calls.conversation import RegisterConversation
from simulator.calls.mqtt import MqttCaller
from simulator.register.simulated_register import SimulatedRegister
from tests.gateway.assistant.connections import SERIAL
from tests.gateway.assistant.test_program import (
    Ear,
    at_work,
    living,
    served,
    staged,
    until,
    until_status,
)
from tests.gateway.edge.ordering import order
from tests.gateway.edge.running_brokers import PATIENCE, login, on_mosquitto
from tests.gateway.edge.running_gateway import RunningGateway, key_of, metric_value, running_gateway
from tests.servers.mosquitto import Mosquitto

REGISTERS = 40


def serving(gateway: RunningGateway) -> set[str]:
    """Remembers the registers of every conversation that begins here."""
    served: set[str] = set()
    add = gateway.edge.port.check_in

    def check_in(caller, *rest):  # type: ignore[no-untyped-def]
        served.add(caller.serial_number)
        return add(caller, *rest)

    gateway.edge.port.check_in = check_in  # type: ignore[method-assign]
    return served


async def test_two_gateways_share_the_load(mosquitto: Mosquitto, tmp_path: Path) -> None:
    registers = [
        SimulatedRegister(f"001061{number:08}", Platform.V5_0, 61, Random(number), utc_now())
        for number in range(REGISTERS)
    ]
    account, stray = login(), metric_value("mqtt_dropped_total", why=DropReason.ELSEWHERE)
    async with (
        on_mosquitto(mosquitto) as place,
        running_gateway(tmp_path, broker=place.address) as one,
        running_gateway(tmp_path, broker=place.address) as other,
    ):
        await place.permit(account, [register.serial_number for register in registers])
        heard = serving(one), serving(other)
        talks = await asyncio.gather(*(place.call(account, register) for register in registers))
        assert all(talk.accepted for talk in talks)
    assert all(heard)
    assert heard[0] | heard[1] == {register.serial_number for register in registers}
    assert heard[0] & heard[1] == set()
    assert metric_value("mqtt_dropped_total", why=DropReason.ELSEWHERE) == stray


async def test_an_assistant_stays_with_one_gateway_at_a_time(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Its conversations go to either, each of them to one; an operation is done once."""
    register, ear, stray = (
        living(),
        Ear(),
        metric_value("mqtt_dropped_total", why=DropReason.ELSEWHERE),
    )
    async with (
        on_mosquitto(mosquitto) as place,
        running_gateway(tmp_path, broker=place.address, check_in_interval_s=1) as one,
        running_gateway(tmp_path, broker=place.address, check_in_interval_s=1) as other,
    ):
        stage, heard = await staged(one, place, tmp_path), (serving(one), serving(other))
        async with served(register) as (_, address), at_work(stage.config(address), ear):
            await until(lambda: all(heard))
            ids = await order(one.database, stage.owner, [SERIAL], Platform.V2_5)
            await until_status(stage, ids[SERIAL], OperationStatus.SUCCEEDED)
    steps = [(said["operation_id"], said["step"]) for name, said in ear.heard if name == "step"]
    assert steps and len(steps) == len(set(steps))
    assert not ear.times("not_checked_in")
    assert metric_value("mqtt_dropped_total", why=DropReason.ELSEWHERE) == stray


async def test_an_mqtt_3_peer_is_told_to_start_anew(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """It cannot follow the gateway that answered: it is told so, and nothing is done twice."""
    register = SimulatedRegister("00106100000077", Platform.V5_0, 61, Random(7), utc_now())
    account = login()
    async with (
        on_mosquitto(mosquitto) as place,
        running_gateway(tmp_path, broker=place.address),
        running_gateway(tmp_path, broker=place.address),
    ):
        await place.permit(account, [register.serial_number])
        server = place.server(account, version_5=False)
        endings = set()
        for _ in range(4):
            talk = RegisterConversation(register, key_of(register.serial_number), 1)
            async with MqttCaller(server, register.serial_number, PATIENCE) as line:
                await line.call(talk)
            assert talk.result is not None
            endings.add(talk.result.detail)
    elsewhere = RefusalReason.ELSEWHERE.name.lower()
    assert elsewhere in endings
    assert endings <= {"", elsewhere}
