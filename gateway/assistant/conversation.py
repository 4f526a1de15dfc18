"""One conversation with the cash server in the name of a register that cannot hold it itself.

HELLO, CHECK_IN with what the way could read, then every step and block that comes, until the
gateway says farewell.  The link is a pair of functions, so that any road can carry it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from gateway.assistant.steps import Steps
from gateway.assistant.ways import Way, WayLost
from protocol import telemetry
from protocol.conversation.connection import RegisterEnd, State
from protocol.conversation.messages import (
    Accepted,
    Block,
    Challenge,
    CheckIn,
    Farewell,
    Keepalive,
    LinkChannel,
    Message,
    RefusalReason,
    Refused,
    Step,
)
from protocol.errors import ProtocolError

ANSWER_S: Final = 30.0
HELD_S: Final = 180.0
"""Three of the gateway's keepalives."""

KEEPALIVE_S: Final = 15.0
"""While a long step is being done the gateway hears so often that we are there."""


class HungUp(Exception):
    """The link or the gateway ended the conversation."""


class Link(Protocol):
    """What carries a conversation; both raise ``HungUp`` when that is no more."""

    async def send(self, data: bytes) -> None:
        """Frames to the gateway."""

    async def receive(self) -> bytes:
        """Frames from the gateway, at least one byte."""


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A register's key of one generation."""

    generation: int
    key: bytes

    def __repr__(self) -> str:
        return f"HeldKey({self.generation})"


class Ending(StrEnum):
    """How a conversation ended."""

    DONE = "done"
    REFUSED = "refused"
    CUT = "cut"
    REGISTER_LOST = "register_lost"


@dataclass(frozen=True, slots=True)
class Ended:
    """``next_s``: seconds to the next call that the gateway told, None if it told none.
    ``detail`` is the gateway's reason or what broke."""

    ending: Ending
    detail: str = ""
    next_s: int | None = None
    accepted: bool = False


class Conversation:
    """From HELLO to its end; ``run`` once.  ``reading`` is asked when the gateway has proven
    itself, and again whenever a held conversation is to report."""

    def __init__(
        self,
        way: Way,
        key: HeldKey,
        steps: Steps,
        link: Link,
        reading: Callable[[], Awaitable[dict[str, Any]]],
    ) -> None:
        self._way, self._key, self._steps, self._link = way, key, steps, link
        self._reading = reading
        self._end = RegisterEnd(key.key)
        self._next_s: int | None = None
        self._held = self._accepted = False
        self._ended: Ended | None = None

    async def run(self) -> Ended:
        """Raises nothing but cancellation."""
        try:
            return await self._run()
        except ProtocolError as error:
            return self._finished(Ending.CUT, error.code)
        except TimeoutError:
            return self._finished(Ending.CUT, "silence")
        except HungUp as why:
            return self._finished(Ending.CUT, str(why))
        except WayLost as why:
            return self._finished(Ending.REGISTER_LOST, str(why))

    async def _run(self) -> Ended:
        about = self._way.about
        await self._link.send(
            self._end.hello(
                bytes.fromhex(about.serial_number),
                about.platform.wire_code,
                about.model,
                LinkChannel.ASSISTANT,
                self._key.generation,
            )
        )
        while self._ended is None:
            for message in self._end.receive(await self._heard()):
                if self._ended is None:
                    await _ON[type(message)](self, message)
        return self._ended

    async def _heard(self) -> bytes:
        """In a held conversation the time for the next reading may come before any word."""
        wait_s = ANSWER_S
        if self._held:
            wait_s = min(self._next_s or HELD_S, HELD_S)
        while True:
            try:
                async with asyncio.timeout(wait_s):
                    return await self._link.receive()
            except TimeoutError:
                if not self._held or self._end.state is not State.OPEN:
                    raise
                await self._report()
                wait_s = ANSWER_S

    async def _report(self) -> None:
        block = telemetry.encode(await self._reading())
        await self._say(CheckIn(telemetry.BLOCK_VERSION, block))

    async def _say(self, message: Message) -> None:
        if self._end.state is not State.CLOSED:
            await self._link.send(self._end.send(message))

    def _finished(self, ending: Ending, detail: str = "") -> Ended:
        self._ended = Ended(ending, detail, self._next_s, self._accepted)
        return self._ended

    async def _challenged(self, _: Challenge) -> None:
        await self._report()

    async def _was_accepted(self, message: Accepted) -> None:
        self._accepted, self._held = True, bool(message.hold)
        self._next_s = message.next_check_in_s
        if not message.hold and not message.pending_operations:
            self._finished(Ending.DONE)

    async def _step(self, message: Step) -> None:
        """The step goes on even if this conversation is cut, and is then asked for again."""
        doing = asyncio.ensure_future(self._steps.do(self._way, message))
        try:
            while not (await asyncio.wait({doing}, timeout=KEEPALIVE_S))[0]:
                await self._say(Keepalive())
            await self._say(doing.result())
        finally:
            doing.cancel()

    async def _block(self, message: Block) -> None:
        await self._way.do(message.command, "")

    async def _keepalive(self, message: Keepalive) -> None:
        await self._say(message)

    async def _farewell(self, message: Farewell) -> None:
        self._next_s = message.next_check_in_s
        self._finished(Ending.DONE)

    async def _refused(self, message: Refused) -> None:
        self._next_s = message.retry_after_s
        known = message.reason in set(RefusalReason)
        reason = RefusalReason(message.reason).name.lower() if known else f"{message.reason}"
        self._finished(Ending.REFUSED, reason)


_ON: Final[dict[type[Any], Callable[[Conversation, Any], Awaitable[None]]]] = {
    Challenge: Conversation._challenged,
    Accepted: Conversation._was_accepted,
    Step: Conversation._step,
    Block: Conversation._block,
    Keepalive: Conversation._keepalive,
    Farewell: Conversation._farewell,
    Refused: Conversation._refused,
}
