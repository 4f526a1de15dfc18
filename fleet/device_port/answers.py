"""What goes through the door: who calls, and what the caller is told."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, NamedTuple, Self

from fleet.operations.types.contract import Stream
from fleet.telemetry.service import Reading
from protocol.conversation.messages import Hello, LinkChannel, Step
from protocol.platforms import Platform

PLATFORMS: Final = {platform.wire_code: platform for platform in Platform}

Reply = Callable[["Answer | None"], None]

BlockSource = Callable[[Stream, Platform], Iterable[bytes]]
"""Commands that carry the blocks of a stream to a register of the platform."""


class Answer(NamedTuple):
    """What became durable: the next command for the register, and how many operations are due."""

    at: datetime
    step: Step | None
    pending: int
    blocks: Iterable[bytes] = ()
    """Commands that go before the step, unanswered."""


class Caller(NamedTuple):
    """Who a conversation is with, as HELLO said; proven once a sealed message has opened."""

    serial_number: str
    key: int
    platform: Platform
    model: int
    channel: int
    key_generation: int

    @classmethod
    def named_by(cls, hello: Hello) -> Self:
        """Return the caller of a HELLO; ``KeyError`` for a platform that no register has."""
        return cls(
            serial_number=hello.serial_number,
            key=int(hello.serial_number),
            platform=PLATFORMS[hello.platform],
            model=hello.model,
            channel=hello.channel,
            key_generation=hello.key_generation,
        )

    def reading(self, block_version: int, block: bytes) -> Reading:
        """Return the telemetry block with who sent it; raise ``protocol.errors.RemoteError`` for a
        block that is not one."""
        return Reading.from_block(
            serial_number=self.key,
            platform=self.platform,
            model=self.model,
            key_generation=self.key_generation,
            channel=self.channel,
            block_version=block_version,
            block=block,
        )

    @property
    def by_assistant(self) -> bool:
        """An Assistant speaks for the register."""
        return self.channel == LinkChannel.ASSISTANT
