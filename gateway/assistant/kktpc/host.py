"""One register at the end of one line: commands in, answers out, EoT beside them."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from gateway.assistant.kktpc.errors import HostError, LineLost, NoKktPcAnswer, UnsupportedPlatform
from gateway.assistant.kktpc.events import (
    CommandAnswered,
    CommandUnanswered,
    Event,
    RelayBroken,
    RelayData,
)
from gateway.assistant.kktpc.host_v2 import HostV2
from gateway.assistant.kktpc.host_v3 import HostV3, Timing
from gateway.assistant.kktpc.lines import SPEED, Line
from gateway.assistant.kktpc.probe import probe
from protocol.kktpc import frame_v2 as v2
from protocol.kktpc.commands import BY_CODE, may_repeat, with_password
from protocol.kktpc.probes import ANSWER_WITHIN_S
from protocol.platforms import Platform

COMMAND_S: Final = 10.0
"""For a command that the table does not know (KKT-PC 1.4)."""

BITS_OF_A_BYTE: Final = 10
"""A start bit, eight of data, a stop bit."""

_READ_TYPE: Final = b"\xa5"
_V2_PROBE_S: Final = 3.0


class Engine(Protocol):
    """A host without a line or a clock: v3.py, v2.py."""

    def ask(
        self, command: bytes, now: float, timeout_s: float, *, need_result: bool, repeatable: bool
    ) -> None: ...

    def receive(self, data: bytes, now: float) -> None: ...

    def tick(self, now: float) -> None: ...

    def to_send(self) -> bytes: ...

    def events(self) -> list[Event]: ...

    def farewell(self) -> bytes: ...

    @property
    def wake_at(self) -> float | None: ...


class RelayListener(Protocol):
    """Who carries EoT; called from the loop, never waits."""

    def on_relay_data(self, data: bytes) -> None:
        """What the register said: ``DA`` and a TLV."""

    def on_relay_broken(self) -> None:
        """Something may have been lost on the line: both sockets begin anew."""

    def on_relay_room(self) -> None:
        """The register took something; ``relay_backlog`` is less."""


class KktHost:
    """Owns a line whose register has answered the probes; ``connect`` makes one.

    ``ask`` may be called from several tasks: commands go one by one.
    """

    def __init__(
        self, line: Line, engine: HostV3 | HostV2, on_lost: Callable[[str], None] | None = None
    ) -> None:
        self._line = line
        self._engine: Engine = engine
        self.lower_level = 3 if isinstance(engine, HostV3) else 2
        self._v3 = engine if isinstance(engine, HostV3) else None
        self._loop = asyncio.get_running_loop()
        self._asking = asyncio.Lock()
        self._pending: asyncio.Future[CommandAnswered | CommandUnanswered] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._listener: RelayListener | None = None
        self._lost: asyncio.Future[str] = self._loop.create_future()
        line.attach(self)

    @property
    def lost(self) -> str | None:
        """Why the line is gone, or None while it is there."""
        return self._lost.result() if self._lost.done() else None

    async def wait_lost(self) -> str:
        """Returns when the line is gone or closed, and why."""
        return await asyncio.shield(self._lost)

    async def ask(
        self,
        command: bytes,
        timeout_s: float | None = None,
        *,
        need_result: bool = True,
        repeatable: bool | None = None,
        password: str = "0000",
    ) -> bytes:
        """The application's answer to a command (KKT-PC 3), good or bad; empty without a result.

        ``timeout_s`` and ``repeatable`` (may be done twice without harm) are the command table's
        unless told.  ``NotDone``: it surely was not done.  ``FateUnknown`` and ``LineLost``: it
        may have been.
        """
        known = BY_CODE.get(command[0]) if command else None
        if timeout_s is None:
            timeout_s = known.timeout_s if known else COMMAND_S
        if repeatable is None:
            repeatable = may_repeat(command)
        async with self._asking:
            await self._wait_for_abandoned_command()
            if self._lost.done():
                raise LineLost(self._lost.result())
            self._pending = self._loop.create_future()
            whole = with_password(command, password)
            self._engine.ask(
                whole,
                self._loop.time(),
                timeout_s,
                need_result=need_result,
                repeatable=repeatable,
            )
            self._after()
            outcome = await asyncio.shield(self._pending)
        if isinstance(outcome, CommandUnanswered):
            raise outcome.error
        return outcome.data

    async def _wait_for_abandoned_command(self) -> None:
        """A caller who was cancelled has left its command in the register."""
        if self._pending is not None and not self._pending.done():
            await asyncio.wait({self._pending})

    def set_relay_listener(self, listener: RelayListener | None) -> None:
        """Begins or ends to carry EoT; only v3 can (``NoKktPcAnswer`` otherwise)."""
        if self._v3 is None:
            raise NoKktPcAnswer("lower level v2 carries no EoT")
        self._listener = listener
        self._v3.set_relay(listener is not None, self._loop.time())
        self._after()

    def relay_send(self, command: bytes) -> None:
        """``DA`` and a TLV to the register; whoever calls keeps ``relay_backlog`` small."""
        if self._v3 is not None and not self._lost.done():
            self._v3.relay_send(with_password(command), self._loop.time())
            self._after()

    def pause_relay(self, pause: bool) -> None:
        """Takes nothing more of EoT from the register, or goes on."""
        if self._v3 is not None:
            self._v3.pause_relay(pause, self._loop.time())
            self._after()

    @property
    def relay_backlog(self) -> int:
        """EoT commands that the register has not taken yet."""
        return self._v3.relay_backlog if self._v3 is not None else 0

    def close(self) -> None:
        """Empties the register's buffer and lets go of the line; may be said twice."""
        if not self._lost.done():
            self._line.write(self._engine.farewell())
            self._line.close()
            self._end("closed")

    # What the line and the clock say

    def on_data(self, data: bytes) -> None:
        self._engine.receive(data, self._loop.time())
        self._after()

    def on_line_lost(self, why: str) -> None:
        self._end(why)

    def _end(self, why: str) -> None:
        if self._lost.done():
            return
        self._lost.set_result(why)
        if self._timer is not None:
            self._timer.cancel()
        if self._pending is not None and not self._pending.done():
            self._pending.set_result(CommandUnanswered(LineLost(why)))

    def _tick(self) -> None:
        self._timer = None
        self._engine.tick(self._loop.time())
        self._after()

    def _after(self) -> None:
        """Whatever moved the engine: send, tell, and wake it in time."""
        wire = self._engine.to_send()
        if wire:
            self._line.write(wire)
        for event in self._engine.events():
            self._dispatch(event)
        if self._listener is not None:
            self._listener.on_relay_room()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wake_at = self._engine.wake_at
        if wake_at is not None and not self._lost.done():
            self._timer = self._loop.call_at(wake_at, self._tick)

    def _dispatch(self, event: Event) -> None:
        if isinstance(event, CommandAnswered | CommandUnanswered):
            if self._pending is not None and not self._pending.done():
                self._pending.set_result(event)
        elif self._listener is not None:
            if isinstance(event, RelayData):
                self._listener.on_relay_data(event.data)
            elif isinstance(event, RelayBroken):
                self._listener.on_relay_broken()


async def connect(
    line: Line, *, serial: bool, probe_s: float = ANSWER_WITHIN_S, speed: int = SPEED
) -> KktHost:
    """A host at the line, which it then owns; closed if nobody is there.

    ``NoKktPcAnswer``: nobody speaks KKT-PC.  ``UnsupportedPlatform``: a register of platform 5.0.
    ``LineLost``. Lower level v2 is tried on serial lines only, after v3 is silent.
    """
    try:
        try:
            platform = await probe(line, probe_s)
        except NoKktPcAnswer:
            if not serial:
                raise
            return await _connect_v2(line)
        if platform is Platform.V5_0:
            raise UnsupportedPlatform("platform 5.0 answers; its wire is not public")
        return KktHost(line, HostV3(Timing(byte=BITS_OF_A_BYTE / speed)))
    except BaseException:
        line.close()
        raise


async def _connect_v2(line: Line) -> KktHost:
    # The last byte of the probes is 02, which opens a frame of v2: let the register forget it.
    await asyncio.sleep(2 * v2.T6_S)
    host = KktHost(line, HostV2())
    try:
        await host.ask(_READ_TYPE, _V2_PROBE_S)
    except LineLost:
        raise
    except HostError as error:
        raise NoKktPcAnswer(f"no register answers on the line ({error})") from None
    return host
