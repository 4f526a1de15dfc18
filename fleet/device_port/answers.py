"""What goes through the door: who calls, and what the caller is told."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from fleet.operations.types.contract import Stream
from protocol.conversation.messages import LinkChannel, Step
from protocol.platforms import Platform

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

    @property
    def by_assistant(self) -> bool:
        """An Assistant speaks for the register."""
        return self.channel == LinkChannel.ASSISTANT
