"""Whole operations of the fleet over the driver's web service: their own rules say every step."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import date
from typing import Any

import pytest

from fleet.operations.types import BY_KIND
from fleet.operations.types.contract import Done, Failed, OperationSnapshot, Send, StepOutcome
from gateway.assistant.driver import connection as web_service
from gateway.assistant.driver.client import DriverTimeouts
from gateway.assistant.register_connection import RegisterConnection
from protocol import telemetry
from protocol.conversation.messages import StepRefusal
from protocol.platforms import Platform
from tests.simulator.web_requests.running_service import Clock, quiet_register, running_service

BOTH = list(Platform)
TAX_CHANGE = {
    "from_date": date(2026, 11, 20),
    "taxation_types": ["osn", "patent"],
    "default": "patent",
    "cashier_name": "Кассир Иванова",
    "cashier_inn": "500100732259",
}


async def carry_out(
    way: RegisterConnection, kind: str, params: Mapping[str, Any]
) -> StepOutcome | StepRefusal:
    """Each command is given twice under its step, as after a cut."""
    operation = BY_KIND[kind]
    order: OperationSnapshot[Any] = OperationSnapshot(
        way.identity.platform, operation.Params.model_validate(params)
    )
    outcome = operation.next_step(order, None)
    for step in range(500):
        if not isinstance(outcome, Send):
            return outcome
        name = f"{way.identity.serial_number}/{kind}/{step}"
        first, answer = [await way.execute(outcome.command, name) for _ in range(2)]
        assert first == answer
        if isinstance(answer, StepRefusal):
            return answer
        order = OperationSnapshot(order.platform, order.params, dict(outcome.progress))
        outcome = operation.next_step(order, answer)
    raise AssertionError("no end")


@pytest.mark.parametrize("platform", BOTH)
async def test_operations_that_the_driver_supports_succeed(platform: Platform) -> None:
    clock = Clock()
    register = quiet_register(platform, clock)
    made = register.drive.registrations_made
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(running_service(register, clock=clock))
        (way,) = await web_service.find_registers(service.url, timeouts=DriverTimeouts(2.0, 2.0))
        stack.push_async_callback(way.close)

        upload = {"settings": {"273": "ofd.test", "274": 7788, "9": True}}
        assert isinstance(await carry_out(way, "settings_upload", upload), Done)
        assert register.memory.value(273) == "ofd.test" and register.memory.value(9) is True
        wanted = {"settings": list(upload["settings"])}
        got = await carry_out(way, "settings_download", wanted)
        assert isinstance(got, Done) and got.result["settings"] == upload["settings"]

        changed = await carry_out(way, "tax_system_change", TAX_CHANGE)
        assert isinstance(changed, Done), changed
        assert changed.result["registration"]["document"] == register.drive.documents
        assert changed.result["registration"]["sign"] == register.drive.last_sign
        assert register.drive.registrations_made == made + 1
        assert telemetry.TAXATION.decode(register.taxation_types) == ["osn", "patent"]
        assert register.memory.value(50) == 32

        register.drive.hand_over()
        closed = await carry_out(way, "archive_closing", {"confirmed": True})
        assert isinstance(closed, Done), closed
        assert closed.result["after"]["phase"] == "post_fiscal"
        assert closed.result["document"]["document"] == register.drive.documents


@pytest.mark.parametrize("platform", BOTH)
@pytest.mark.parametrize(
    ("kind", "params"),
    [("tax_system_change", TAX_CHANGE), ("archive_closing", {"confirmed": True})],
)
async def test_an_open_shift_postpones_operations_before_any_change(
    platform: Platform, kind: str, params: Mapping[str, Any]
) -> None:
    clock = Clock()
    register = quiet_register(platform, clock)
    register.open_shift(clock.now)
    documents = register.drive.documents
    async with running_service(register, clock=clock) as service:
        (way,) = await web_service.find_registers(service.url, timeouts=DriverTimeouts(2.0, 2.0))
        assert await carry_out(way, kind, params) is StepRefusal.SHIFT_OPEN
        await way.close()
    assert register.drive.documents == documents


@pytest.mark.parametrize("platform", BOTH)
async def test_operations_that_the_driver_lacks_are_refused_at_once(platform: Platform) -> None:
    clock = Clock()
    async with running_service(quiet_register(platform, clock), clock=clock) as service:
        (way,) = await web_service.find_registers(service.url, timeouts=DriverTimeouts(2.0, 2.0))
        refused = await carry_out(way, "paper_receipt", {"enabled": False})
        await way.close()
    assert refused is StepRefusal.UNSUPPORTED and not isinstance(refused, Failed)
