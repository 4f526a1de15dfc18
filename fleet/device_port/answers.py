"""The types that pass between gateway and fleet: the caller and the answer to it."""

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
"""A function that returns the commands with a stream's blocks for registers of a platform."""


class Answer(NamedTuple):
    """The committed result of a visit: the next step, and the number of operations that wait."""

    at: datetime
    step: Step | None
    pending: int
    blocks: Iterable[bytes] = ()
    """Commands that are sent before the step and are not answered."""


class Caller(NamedTuple):
    """The far end of a conversation by its HELLO; proven once a sealed message has been opened."""

    serial_number: str
    key: int
    platform: Platform
    model: int
    channel: int
    key_generation: int

    @classmethod
    def named_by(cls, hello: Hello) -> Self:
        """Return the caller of a HELLO; raise ``KeyError`` for a platform that does not exist."""
        return cls(
            serial_number=hello.serial_number,
            key=int(hello.serial_number),
            platform=PLATFORMS[hello.platform],
            model=hello.model,
            channel=hello.channel,
            key_generation=hello.key_generation,
        )

    def reading(self, block_version: int, block: bytes) -> Reading:
        """Return the telemetry block with its sender's data.

        Raise ``protocol.errors.RemoteError`` for an invalid block.
        """
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
        """Tell whether an Assistant speaks for the register."""
        return self.channel == LinkChannel.ASSISTANT
