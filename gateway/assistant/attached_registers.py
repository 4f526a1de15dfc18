"""The registers at the PC and the conversations held for them.

A register that the account may serve is read and checked in again and again, as often as the cash
server requests; any other register is only shown.
"""

import asyncio
import contextlib
import logging
import platform as computer
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from gateway.assistant.broker_link import RegisterLink
from gateway.assistant.conversation import (
    AssistantConversation,
    ConversationEnding,
    ConversationResult,
    HungUp,
    RegisterKey,
)
from gateway.assistant.journal import Journal, StepKey
from gateway.assistant.register_connection import (
    RegisterConnection,
    RegisterIdentity,
    RegisterUnreachable,
)
from gateway.assistant.steps import StepExecutor, StepOutcome
from gateway.assistant.texts import command_name, text_of
from protocol.conversation.assistant import (
    MAX_REGISTERS,
    AssistantReport,
    FoundRegister,
    OperationProgress,
    ReportAnswer,
    open_key,
)
from protocol.conversation.messages import StepRefusal
from protocol.errors import RemoteError
from protocol.kktpc.commands import BY_CODE

VERSION: Final = "1"
RETRY_S, MOST_RETRY_S = 5.0, 300.0
"""Seconds until the next conversation after a failed one: doubled each time, jittered."""

GRACE_S: Final = 1.0
"""Seconds that the conversation of a removed register may continue."""

Notify = Callable[..., None]
"""Function ``notify(name, **said)``, which shows a sentence of ``texts.TEXTS``."""

ShowProgress = Callable[[str, str, int | None], None]
"""Function of serial number, name of the work, and percentage; None when it has ended."""


_log = logging.getLogger(__name__)


class BrokerConnection(Protocol):
    """Part of ``broker_link.BrokerLink`` that this module uses."""

    @property
    def is_connected(self) -> bool: ...

    def request_report(self) -> None: ...

    async def register_link(self, serial_number: str) -> RegisterLink: ...


class LockedConnection:
    """A connection whose calls run one at a time, from any caller."""

    def __init__(self, connection: RegisterConnection) -> None:
        self.identity: RegisterIdentity = connection.identity
        self.connection = connection
        self._lock = asyncio.Lock()

    async def reading(self) -> dict[str, Any]:
        async with self._lock:
            return await self.connection.reading()

    async def execute(self, command: bytes, step: str) -> bytes | StepRefusal:
        async with self._lock:
            return await self.connection.execute(command, step)

    async def recover_answer(self, command: bytes, before: dict[str, Any]) -> bytes | None:
        async with self._lock:
            return await self.connection.recover_answer(command, before)

    async def state_before(self, command: bytes) -> dict[str, Any]:
        async with self._lock:
            return await self.connection.state_before(command)

    async def close(self) -> None:
        await self.connection.close()


@dataclass(slots=True)
class AttachedRegister:
    """A register at the PC.

    ``calling_task`` is its loop of conversations, ``progress`` the present step.
    """

    connection: LockedConnection
    progress: OperationProgress | None = None
    calling_task: asyncio.Task[None] | None = None
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Event that is set while no conversation is held."""


class AttachedRegisters:
    """The registers at the PC; it owns the connections that it is given.

    Call ``set_broker`` before ``add``, and ``close`` at the end.
    """

    def __init__(self, journal: Journal, notify: Notify, show_progress: ShowProgress) -> None:
        self._journal, self._tell, self._show = journal, notify, show_progress
        self._secret = X25519PrivateKey.generate()
        self._standing: dict[str, AttachedRegister] = {}
        self._keys: dict[str, RegisterKey] = {}
        self._steps: dict[str, StepExecutor] = {}
        self._broker: BrokerConnection | None = None
        self._may_call = asyncio.Event()

    def set_broker(self, broker: BrokerConnection) -> None:
        """Set the broker that carries conversations."""
        self._broker = broker

    @property
    def places(self) -> frozenset[str]:
        """Return the places of all registers."""
        return frozenset(self._standing)

    def add(self, connection: RegisterConnection) -> None:
        """Add a register that was found, and start its loop of conversations."""
        about = connection.identity
        standing = self._standing[about.place] = AttachedRegister(LockedConnection(connection))
        standing.idle.set()
        self._tell("found", **found_fields(about))
        standing.calling_task = asyncio.create_task(self._keep_calling(standing), name=about.place)
        self._changed()

    async def remove(self, place: str, why: str) -> None:
        """Remove the register at a place, and close its connection."""
        standing = self._standing.pop(place, None)
        if standing is None:
            return
        self._tell("lost", place=place, why=why)
        if standing.progress is not None:
            self._show(standing.connection.identity.serial_number, standing.progress.stage, None)
        self._changed()
        await self._let_go(standing)

    async def close(self) -> None:
        """End all conversations and close all connections."""
        for steps in self._steps.values():
            await steps.close()
        standing, self._standing = list(self._standing.values()), {}
        await asyncio.gather(*map(self._let_go, standing))

    def on_progress(self, serial_number: str, stage: str, percent: int) -> None:
        """Show and report the progress of a long step."""
        self._show(serial_number, stage, percent)
        for standing in self._at(serial_number):
            if standing.progress is not None:
                standing.progress = standing.progress.model_copy(update={"percent": percent})
        self._changed()

    # Calls of the broker (broker_link.BrokerLinkListener)

    def make_report(self) -> AssistantReport:
        """Return a report of the registers at the PC, at most ``MAX_REGISTERS``."""
        found = [_found(each) for each in self._standing.values()]
        return AssistantReport(
            version=VERSION,
            computer=computer.node()[:128],
            public_key=self._secret.public_key().public_bytes_raw().hex(),
            registers=found[:MAX_REGISTERS],
        )

    def on_report_answer(self, registers: ReportAnswer) -> None:
        """Take the keys of permitted registers, and start their conversations."""
        keys = {}
        for each in registers.registers:
            with contextlib.suppress(RemoteError):
                key = open_key(each.key, each.serial_number, self._secret)
                keys[each.serial_number] = RegisterKey(each.key_generation, key)
        self._keys = keys
        for standing in self._standing.values():
            if (serial := standing.connection.identity.serial_number) not in keys:
                self._tell("not_ours", serial_number=serial)
        self._wake()

    def on_signed_in(self) -> None:
        self._tell("signed_in")
        self._wake()

    def on_signed_out(self, why: str, wait_s: float) -> None:
        self._tell("signed_out", why=why, wait_s=round(wait_s))

    # Conversations

    async def _keep_calling(self, standing: AttachedRegister) -> None:
        """Hold conversations until the register is lost; its discovery may find it again."""
        retry_s, serial_number = RETRY_S, standing.connection.identity.serial_number
        while True:
            key = self._keys.get(serial_number)
            if key is None or not self._is_first(standing) or not self._is_connected():
                await self._wait_for_wake()
                continue
            standing.idle.clear()
            try:
                ended = await self._call(standing, key)
            except Exception as error:  # for example a full disk: the next call may succeed
                _log.exception("a call for %s", serial_number)
                ended = ConversationResult(ConversationEnding.CUT, type(error).__name__)
            standing.idle.set()
            if ended.ending is ConversationEnding.REGISTER_LOST:
                break
            retry_s = RETRY_S if ended.accepted else min(retry_s * 2, MOST_RETRY_S)
            await asyncio.sleep(_pause_s(ended, retry_s))
        standing.calling_task = None
        await self.remove(standing.connection.identity.place, ended.detail)

    async def _call(self, standing: AttachedRegister, key: RegisterKey) -> ConversationResult:
        """Read the register, then hold a conversation, so that no gateway waits for a slow line."""
        way, serial_number = standing.connection, standing.connection.identity.serial_number
        try:
            prepared = [await self._read(way)]
            link = await self._link(serial_number)
        except RegisterUnreachable as error:
            return ConversationResult(ConversationEnding.REGISTER_LOST, str(error))
        except HungUp as error:
            return ConversationResult(ConversationEnding.CUT, str(error))

        async def reading() -> dict[str, Any]:
            return prepared.pop() if prepared else await self._read(way)

        ended = await AssistantConversation(
            way, key, self._steps_of(serial_number), link, reading
        ).run()
        await link.hang_up()
        name = "checked_in" if ended.accepted else "not_checked_in"
        self._tell(name, serial_number=serial_number, why=ended.detail)
        return ended

    async def _read(self, way: LockedConnection) -> dict[str, Any]:
        number = self._journal.next_reading(way.identity.serial_number)
        return {**await way.reading(), "reading_number": number}

    async def _link(self, serial_number: str) -> RegisterLink:
        if self._broker is None:
            raise HungUp("no broker")
        return await self._broker.register_link(serial_number)

    def _steps_of(self, serial_number: str) -> StepExecutor:
        if serial_number not in self._steps:
            self._steps[serial_number] = StepExecutor(serial_number, self._journal, self._on_step)
        return self._steps[serial_number]

    def _on_step(self, key: StepKey, command: bytes, outcome: StepOutcome | None) -> None:
        """Show a step's beginning or end by its name; its bytes may contain a password."""
        known = BY_CODE.get(command[0]) if command else None
        name = known.name if known else command[:1].hex()
        for standing in self._at(key.serial_number):
            doing = OperationProgress(operation_id=max(key.operation_id, 1), stage=name, percent=0)
            standing.progress = doing if outcome is None else None
        if outcome is None:
            self._show(key.serial_number, name, 0)
        else:
            ending = "done" if isinstance(outcome, bytes) else f"refused_{outcome.name.lower()}"
            self._show(key.serial_number, name, None)
            self._tell("step", **key._asdict(), what=f"{command_name(name)} → {text_of(ending)}")
        self._changed()

    def _at(self, serial_number: str) -> list[AttachedRegister]:
        every = self._standing.values()
        return [each for each in every if each.connection.identity.serial_number == serial_number]

    def _is_first(self, standing: AttachedRegister) -> bool:
        """Tell whether this is the connection to use: a register may be found twice."""
        return self._at(standing.connection.identity.serial_number)[:1] == [standing]

    def _is_connected(self) -> bool:
        return self._broker is not None and self._broker.is_connected

    def _changed(self) -> None:
        if self._broker is not None:
            self._broker.request_report()
        self._wake()

    def _wake(self) -> None:
        self._may_call.set()

    async def _wait_for_wake(self) -> None:
        self._may_call.clear()
        await self._may_call.wait()

    async def _let_go(self, standing: AttachedRegister) -> None:
        """Stop the loop of conversations and close the connection.

        Wait at most ``GRACE_S`` seconds for the present conversation, which may still pass on the
        answer of a register that is restarting.
        """
        if standing.calling_task is not None and not standing.calling_task.done():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE_S):
                    await standing.idle.wait()
        if standing.calling_task is not None:
            standing.calling_task.cancel()
            await asyncio.gather(standing.calling_task, return_exceptions=True)
        await standing.connection.close()


def found_fields(about: RegisterIdentity) -> dict[str, Any]:
    """Return the fields of a register for the sentence ``found``."""
    return {
        "place": about.place,
        "serial_number": about.serial_number,
        "platform": about.platform,
        "version": about.firmware_version,
    }


def _found(standing: AttachedRegister) -> FoundRegister:
    about = standing.connection.identity
    return FoundRegister(
        serial_number=about.serial_number,
        platform=about.platform,
        model=about.model,
        firmware_version=about.firmware_version[:128],
        way=about.kind,
        place=about.place[:128],
        doing=standing.progress,
    )


def _pause_s(ended: ConversationResult, retry_s: float) -> float:
    """Return the seconds until the next conversation; the server's number is already jittered."""
    if ended.next_s is not None:
        return float(ended.next_s)
    return retry_s * (0.5 + random.random() / 2)
