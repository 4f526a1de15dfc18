"""What conversations stand on: the link below, and what those of one process share."""

import random
from dataclasses import dataclass, field
from typing import Protocol

from fleet.device_port import DevicePort
from gateway.edge.config import GatewayConfig
from gateway.edge.key_rotation import with_rotated_key
from gateway.edge.limits import PerAddress
from gateway.edge.presence import Presence
from protocol.conversation.messages import Step
from protocol.conversation.seal import KeyRing
from protocol.transport import Transport


class TransportLink(Protocol):
    """What carries a conversation: a listener's connection."""

    transport: Transport
    peer: str

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class EdgeContext:
    """What the conversations of one process share."""

    port: DevicePort
    keys: KeyRing
    config: GatewayConfig
    presence: Presence = field(default_factory=Presence)
    handshakes: PerAddress = field(init=False)
    stopping: bool = False

    def __post_init__(self) -> None:
        self.handshakes = PerAddress(self.config.handshakes_per_address_per_min)

    def next_check_in_s(self) -> int:
        """Jittered, so that registers that begin together do not stay together."""
        return jittered(self.config.check_in_interval_s)

    def complete_step(self, step: Step, serial_number: str) -> Step:
        """The step as it leaves: a key stands in no database and joins it here."""
        return with_rotated_key(step, self.keys, bytes.fromhex(serial_number))


def jittered(seconds: int) -> int:
    """Within a tenth of ``seconds``, at least one."""
    return max(1, round(seconds * random.uniform(0.9, 1.1)))
