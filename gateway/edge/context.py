"""Surroundings of a conversation: its link, and the objects that conversations share."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from fleet.device_port import DevicePort
from gateway.edge.config import GatewayConfig
from gateway.edge.endings import EndingRecorder
from gateway.edge.key_rotation import with_rotated_key
from gateway.edge.limits import PerAddress
from gateway.edge.presence import Presence
from protocol.conversation.messages import Step
from protocol.conversation.seal import KeyRing
from protocol.transport import Transport

StartTask = Callable[[str, Callable[[], Coroutine[Any, Any, None]]], asyncio.Task[None]]
"""Function that starts a long-lived task of the process and runs it again after a failure."""


def start_alone(name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
    """Start a task that nobody restarts: for tests."""
    return asyncio.create_task(run(), name=name)


class TransportLink(Protocol):
    """Link that carries a conversation: a listener's connection.

    ``write`` and ``close`` must not wait.
    """

    transport: Transport
    peer: str

    def write(self, data: bytes) -> None:
        """Send whole frames to the register without waiting."""

    def close(self) -> None:
        """Close the connection after sending what was written."""


@dataclass(slots=True)
class EdgeContext:
    """Objects that all conversations of a process share."""

    port: DevicePort
    keys: KeyRing
    config: GatewayConfig
    presence: Presence = field(default_factory=Presence)
    handshakes: PerAddress = field(init=False)
    endings: EndingRecorder = field(init=False)
    stopping: bool = False

    def __post_init__(self) -> None:
        self.endings = EndingRecorder(self.port, self.config.idle_log_every)
        self.handshakes = PerAddress(self.config.handshakes_per_address_per_min)

    def next_check_in_s(self) -> int:
        """Return jittered seconds, so that registers that start together drift apart."""
        return jittered(self.config.check_in_interval_s)

    def complete_step(self, step: Step, serial_number: str) -> Step:
        """Return the step as it is sent, with the register's key if it orders one."""
        return with_rotated_key(step, self.keys, bytes.fromhex(serial_number))


def jittered(seconds: int) -> int:
    """Return ``seconds`` changed by at most a tenth, but at least 1."""
    return max(1, round(seconds * random.uniform(0.9, 1.1)))
