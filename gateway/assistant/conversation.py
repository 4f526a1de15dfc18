"""One conversation with the cash server for a register that cannot hold it itself.

It sends HELLO and CHECK_IN with a reading, then executes every step and block until the gateway
sends FAREWELL.  The link is a pair of functions, so that any transport can carry it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from gateway.assistant.register_connection import RegisterConnection, RegisterUnreachable
from gateway.assistant.steps import StepExecutor
from protocol import telemetry
from protocol.conversation.connection import ConversationState, RegisterEnd
from protocol.conversation.messages import (
    Accepted,
    Block,
    Challenge,
    CheckIn,
    ConversationRefused,
    Farewell,
    Keepalive,
    LinkChannel,
    Message,
    RefusalReason,
    Step,
)
from protocol.errors import ProtocolError

ANSWER_S: Final = 30.0
HELD_S: Final = 180.0
"""Seconds that a held conversation may be silent: three keepalives of the gateway."""

KEEPALIVE_S: Final = 15.0
"""Seconds between keepalives to the gateway during a long step."""


class HungUp(Exception):
    """Error: the link or the gateway has ended the conversation."""


class ConversationLink(Protocol):
    """Link that carries a conversation; both methods raise ``HungUp`` after its end."""

    async def send(self, data: bytes) -> None:
        """Send frames to the gateway."""

    async def receive(self) -> bytes:
        """Return frames from the gateway, at least one byte."""


@dataclass(frozen=True, slots=True)
class RegisterKey:
    """A register's key of one generation."""

    generation: int
    key: bytes

    def __repr__(self) -> str:
        return f"HeldKey({self.generation})"


class ConversationEnding(StrEnum):
    """Way in which a conversation ended."""

    DONE = "done"
    REFUSED = "refused"
    CUT = "cut"
    REGISTER_LOST = "register_lost"


@dataclass(frozen=True, slots=True)
class ConversationResult:
    """Result of a conversation.

    ``next_s``: seconds to the next conversation as the gateway requested, None without a request.
    ``detail``: the gateway's reason or the error.
    """

    ending: ConversationEnding
    detail: str = ""
    next_s: int | None = None
    accepted: bool = False


class AssistantConversation:
    """A conversation from HELLO to its end; call ``run`` once.

    ``reading`` is called when the gateway has proven itself, and again when a held conversation is
    to report.
    """

    def __init__(
        self,
        connection: RegisterConnection,
        key: RegisterKey,
        steps: StepExecutor,
        link: ConversationLink,
        reading: Callable[[], Awaitable[dict[str, Any]]],
    ) -> None:
        self._way, self._key, self._steps, self._link = connection, key, steps, link
        self._reading = reading
        self._end = RegisterEnd(key.key)
        self._next_s: int | None = None
        self._held = self._accepted = False
        self._ended: ConversationResult | None = None

    async def run(self) -> ConversationResult:
        """Hold the conversation and return its result; raise only cancellation."""
        try:
            return await self._run()
        except ProtocolError as error:
            return self._finished(ConversationEnding.CUT, error.code)
        except TimeoutError:
            return self._finished(ConversationEnding.CUT, "silence")
        except HungUp as why:
            return self._finished(ConversationEnding.CUT, str(why))
        except RegisterUnreachable as why:
            return self._finished(ConversationEnding.REGISTER_LOST, str(why))

    async def _run(self) -> ConversationResult:
        about = self._way.identity
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
                    await _HANDLERS[type(message)](self, message)
        return self._ended

    async def _heard(self) -> bytes:
        """Return the next received bytes.

        In a held conversation the time of the next reading may come first: send the reading then.
        """
        wait_s = ANSWER_S
        if self._held:
            wait_s = min(self._next_s or HELD_S, HELD_S)
        while True:
            try:
                async with asyncio.timeout(wait_s):
                    return await self._link.receive()
            except TimeoutError:
                if not self._held or self._end.state is not ConversationState.OPEN:
                    raise
                await self._report()
                wait_s = ANSWER_S

    async def _report(self) -> None:
        block = telemetry.encode(await self._reading())
        await self._say(CheckIn(telemetry.BLOCK_VERSION, block))

    async def _say(self, message: Message) -> None:
        if self._end.state is not ConversationState.CLOSED:
            await self._link.send(self._end.send(message))

    def _finished(self, ending: ConversationEnding, detail: str = "") -> ConversationResult:
        self._ended = ConversationResult(ending, detail, self._next_s, self._accepted)
        return self._ended

    async def _challenged(self, _: Challenge) -> None:
        await self._report()

    async def _was_accepted(self, message: Accepted) -> None:
        self._accepted, self._held = True, bool(message.hold)
        self._next_s = message.next_check_in_s
        if not message.hold and not message.pending_operations:
            self._finished(ConversationEnding.DONE)

    async def _step(self, message: Step) -> None:
        """Execute a step, with keepalives, and send its answer.

        If this conversation is interrupted, the step continues and is requested again.
        """
        doing = asyncio.ensure_future(self._steps.execute(self._way, message))
        try:
            while not (await asyncio.wait({doing}, timeout=KEEPALIVE_S))[0]:
                await self._say(Keepalive())
            await self._say(doing.result())
        finally:
            doing.cancel()

    async def _block(self, message: Block) -> None:
        await self._way.execute(message.command, "")

    async def _keepalive(self, message: Keepalive) -> None:
        await self._say(message)

    async def _farewell(self, message: Farewell) -> None:
        self._next_s = message.next_check_in_s
        self._finished(ConversationEnding.DONE)

    async def _refused(self, message: ConversationRefused) -> None:
        self._next_s = message.retry_after_s
        known = message.reason in set(RefusalReason)
        reason = RefusalReason(message.reason).name.lower() if known else f"{message.reason}"
        self._finished(ConversationEnding.REFUSED, reason)


_HANDLERS: Final[dict[type[Any], Callable[[AssistantConversation, Any], Awaitable[None]]]] = {
    Challenge: AssistantConversation._challenged,
    Accepted: AssistantConversation._was_accepted,
    Step: AssistantConversation._step,
    Block: AssistantConversation._block,
    Keepalive: AssistantConversation._keepalive,
    Farewell: AssistantConversation._farewell,
    ConversationRefused: AssistantConversation._refused,
}
