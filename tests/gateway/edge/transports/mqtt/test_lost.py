"""The broker goes and comes: the gateway comes back to it, and starts without it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from fleet.kit.clock import utc_now
from gateway.edge.transports.mqtt import listener
from protocol.platforms import Platform
from simulator.register.simulated_register import SimulatedRegister
from tests.gateway.edge.running_brokers import login, on_mosquitto
from tests.gateway.edge.running_gateway import metric_value, running_gateway
from tests.servers.mosquitto import Mosquitto

REGISTER = SimulatedRegister("00106100000009", Platform.V5_0, 61, Random(9), utc_now())


@pytest.fixture
def broker(mosquitto: Mosquitto) -> Iterator[Mosquitto]:
    """One to be stopped; ``mosquitto`` decides whether there can be any."""
    with Mosquitto() as broker:
        yield broker


async def test_a_gateway_starts_without_its_broker(
    broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "BROKER_S", 0.3)
    account = login()
    async with on_mosquitto(broker) as place:
        await place.permit(account, [REGISTER.serial_number])
        broker.stop()
        async with running_gateway(tmp_path, broker=place.address) as gateway:
            assert metric_value("mqtt_connected") == 0
            await asyncio.to_thread(broker.restart)
            await gateway.until(lambda: metric_value("mqtt_connected") == 1)
            assert (await place.call(account, REGISTER)).accepted
        assert metric_value("mqtt_connected") == 0


async def test_a_gateway_without_rights_reports_it_and_tries_again(
    broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "BROKER_S", 0.5)
    account = login()
    async with on_mosquitto(broker) as place:
        await place.permit(account, [])
        wrong = place.address._replace(login=account)
        async with running_gateway(tmp_path, broker=wrong):
            assert metric_value("mqtt_connected") == 0
