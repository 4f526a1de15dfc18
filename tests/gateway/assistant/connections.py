"""Connections for tests: one to a simulated register without a line, one that can be cut."""

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

from gateway.assistant.kktpc import reading as kktpc_reading
from gateway.assistant.kktpc.reading import Moment
from gateway.assistant.register_connection import (
    ConnectionKind,
    RegisterIdentity,
    RegisterUnreachable,
)
from protocol.conversation.messages import StepRefusal
from protocol.platforms import Platform
from simulator.register.simulated_register import SimulatedRegister

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SERIAL = "00106101234567"
DONE = b"\x55\x00\x00"


def a_register(serial: str = SERIAL, born: datetime = NOON) -> SimulatedRegister:
    return SimulatedRegister(serial, Platform.V2_5, 61, Random(1), born)


class CountingConnection:
    """A register whose commands are counted; each command's effect is an increased count.

    ``cut`` is called with "before" and "after" each effect, and may raise ``RegisterUnreachable``.
    """

    def __init__(self, cut: Callable[[str], None] = lambda _: None, place: str = "here") -> None:
        self.identity = RegisterIdentity(
            SERIAL, Platform.V2_5, 61, "3.0.1", ConnectionKind.TCP, place
        )
        self.effects: list[bytes] = []
        self.cut = cut
        self.tells = True
        self.refusal: StepRefusal | None = None
        self.closed = False

    async def reading(self) -> dict[str, Any]:
        register = a_register()

        async def ask(command: bytes) -> bytes:
            return register.execute(command, NOON)

        return await kktpc_reading.read(ask, Moment(NOON), 3)

    async def execute(self, command: bytes, step: str) -> bytes | StepRefusal:
        if self.refusal is not None:
            return self.refusal
        self.cut("before")
        self.effects.append(command)
        self.cut("after")
        return DONE + bytes((len(self.effects),))

    async def state_before(self, command: bytes) -> dict[str, Any]:
        self.cut("witness")
        return {"effects": len(self.effects)}

    async def recover_answer(self, command: bytes, before: dict[str, Any]) -> bytes | None:
        if len(self.effects) == before["effects"]:
            return None
        return DONE + bytes((len(self.effects),))

    async def close(self) -> None:
        self.closed = True


def lose_connection(_: str) -> None:
    raise RegisterUnreachable("cut")
