"""One register at the end of one line: commands and their answers, with EoT beside them."""

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
"""Seconds for a command that the table does not know (KKT-PC 1.4)."""

BITS_OF_A_BYTE: Final = 10
"""Bits of a byte on the line: a start bit, eight data bits, a stop bit."""

_READ_TYPE: Final = b"\xa5"
_V2_PROBE_S: Final = 3.0


class Engine(Protocol):
    """A host without a line or a clock: ``host_v3.py``, ``host_v2.py``."""

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
    """User of EoT, called from the event loop; no method waits."""

    def on_relay_data(self, data: bytes) -> None:
        """Handle a message of the register: ``DA`` and a TLV."""

    def on_relay_broken(self) -> None:
        """Start again with both sockets, because the line may have lost data."""

    def on_relay_room(self) -> None:
        """Send more, because the register has accepted data (``relay_backlog``)."""


class KktHost:
    """Owner of a line whose register has answered the probes; ``connect`` creates it.

    ``ask`` may be called from several tasks: commands run one at a time.
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
        """Return the reason why the line is lost, or None while it works."""
        return self._lost.result() if self._lost.done() else None

    async def wait_lost(self) -> str:
        """Wait until the line is lost or closed, and return the reason."""
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
        """Return the application's answer to a command (KKT-PC 3), good or bad.

        It is empty if no result was requested.  ``timeout_s`` and ``repeatable`` (repeating does no
        harm) default to those of the command table.  Raise ``CommandNotDone`` if the command surely
        was not executed; ``CommandOutcomeUnknown`` and ``LineLost`` if it may have been.
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
        """Wait for the command of a cancelled caller, which the register still executes."""
        if self._pending is not None and not self._pending.done():
            await asyncio.wait({self._pending})

    def set_relay_listener(self, listener: RelayListener | None) -> None:
        """Start or stop EoT; raise ``NoKktPcAnswer`` on lower level v2, which lacks it."""
        if self._v3 is None:
            raise NoKktPcAnswer("lower level v2 carries no EoT")
        self._listener = listener
        self._v3.set_relay(listener is not None, self._loop.time())
        self._after()

    def relay_send(self, command: bytes) -> None:
        """Send ``DA`` and a TLV to the register; the caller keeps ``relay_backlog`` small."""
        if self._v3 is not None and not self._lost.done():
            self._v3.relay_send(with_password(command), self._loop.time())
            self._after()

    def pause_relay(self, pause: bool) -> None:
        """Stop or resume accepting EoT data from the register."""
        if self._v3 is not None:
            self._v3.pause_relay(pause, self._loop.time())
            self._after()

    @property
    def relay_backlog(self) -> int:
        """Return the number of EoT commands that the register has not accepted yet."""
        return self._v3.relay_backlog if self._v3 is not None else 0

    def close(self) -> None:
        """Empty the register's buffer and release the line; repeated calls are allowed."""
        if not self._lost.done():
            self._line.write(self._engine.farewell())
            self._line.close()
            self._end("closed")

    # Calls of the line and the clock

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
        """Send the engine's bytes, dispatch its events, and set its timer."""
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
    """Return a host at the line, which it then owns; close the line if no register answers.

    Raise ``NoKktPcAnswer`` if no device answers KKT-PC, ``UnsupportedPlatform`` for a register of
    platform 5.0, or ``LineLost``. Lower level v2 is tried on serial lines only, after v3 was not
    answered.
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
    # The last byte of the probes is 02, which begins a v2 frame: wait until the register drops it.
    await asyncio.sleep(2 * v2.T6_S)
    host = KktHost(line, HostV2())
    try:
        await host.ask(_READ_TYPE, _V2_PROBE_S)
    except LineLost:
        raise
    except HostError as error:
        raise NoKktPcAnswer(f"no register answers on the line ({error})") from None
    return host
