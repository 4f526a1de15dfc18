"""A fleet of simulated registers that call one server, each on its own schedule.

At most ``max_open`` calls are being made at once; a call counts from dialling until it ends or is
held, so held conversations do not keep others from calling. After a failure or a refusal a register
backs off with jitter; after ACCEPTED it calls at the time set by the server, or every
``interval_s``.
"""

import asyncio
import heapq
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import Any, Final

from protocol.conversation.seal import KeyRing
from protocol.telemetry import BLOCK_VERSION
from simulator.calls.conversation import (
    ConversationEnding,
    ConversationResult,
    Ledger,
    RegisterConversation,
    no_ledger,
)
from simulator.calls.socket_call import CallTimeouts, SocketCall, utc_now
from simulator.calls.statistics import Statistics
from simulator.calls.transports import PLAIN_TCP, TransportSetup
from simulator.register.simulated_register import SimulatedRegister

USUAL_INTERVAL_S: Final = 300.0
"""A register's factory setting, used until the server has set another interval."""

FIRST_BACK_OFF_S: Final = 2.0
LONGEST_BACK_OFF_S: Final = 120.0
SHORTEST_INTERVAL_S: Final = 1.0
JITTER: Final = 0.1
HANG_UP_TURNS: Final = 5


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """Options of a fleet's run, which ends after ``seconds`` or ``calls``.

    ``interval_s`` overrides the interval set by the server. The first calls are spread over
    ``spread_s`` seconds, by default over one interval.
    """

    host: str
    port: int
    key_ring: KeyRing
    interval_s: float | None = None
    spread_s: float | None = None
    max_open: int = 256
    seconds: float | None = None
    calls: int | None = None
    seed: int = 0
    timeouts: CallTimeouts = field(default_factory=CallTimeouts)
    ledger: Ledger = no_ledger
    transport: TransportSetup = PLAIN_TCP
    telemetry_version: int = BLOCK_VERSION
    now: Callable[[], datetime] = utc_now


class FleetRunner:
    """The runner of a fleet: ``await run(stop)`` calls until the event is set or the run ends."""

    def __init__(self, registers: Sequence[SimulatedRegister], config: FleetConfig) -> None:
        self.statistics = Statistics()
        self._registers, self._config = registers, config
        self._patience = replace(config.timeouts, report_s=config.interval_s)
        self._random = Random(config.seed)
        self._due: list[tuple[float, int]] = []
        self._earlier = asyncio.Event()
        self._failures: dict[int, int] = {}
        self._open: dict[SocketCall, int] = {}
        self._dialling: set[asyncio.Task[None]] = set()
        self._host = config.host
        self._stopping = False

    @property
    def open_calls(self) -> int:
        """Return how many conversations are open, held ones included."""
        return len(self._open)

    async def run(self, stop: asyncio.Event) -> Statistics:
        """Call until the end, then hang up every open call; return the statistics.

        Raise ``OSError`` when the server's name cannot be resolved.
        """
        self._host = await self._resolve()
        self._schedule_first()
        stopping = asyncio.ensure_future(stop.wait())
        dispatching = asyncio.ensure_future(self._dispatch())
        try:
            await asyncio.wait(
                (stopping, dispatching),
                timeout=self._config.seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            await self._hang_up(stopping, dispatching)
        return self.statistics

    async def _resolve(self) -> str:
        """Return the server's address, resolved once for all calls."""
        found = await asyncio.get_running_loop().getaddrinfo(
            self._config.host, self._config.port, type=socket.SOCK_STREAM
        )
        return str(found[0][4][0])

    async def _hang_up(self, *waiting: asyncio.Future[Any]) -> None:
        self._stopping = True
        ending = (*waiting, *self._dialling)
        for one in ending:
            one.cancel()
        for call in list(self._open):
            call.hang_up("stopped")
        await asyncio.gather(*ending, return_exceptions=True)
        # Sockets are closed by callbacks of the loop's next turns.
        for _ in range(HANG_UP_TURNS):
            await asyncio.sleep(0)

    # ---- schedule -----------------------------------------------------------------------------

    def _schedule_first(self) -> None:
        config, now = self._config, asyncio.get_running_loop().time()
        spread_s = config.spread_s if config.spread_s is not None else self._interval_s(None)
        self._due = [
            (now + self._random.random() * spread_s, index) for index in range(len(self._registers))
        ]
        heapq.heapify(self._due)

    def _schedule(self, index: int, in_s: float) -> None:
        entry = asyncio.get_running_loop().time() + in_s, index
        heapq.heappush(self._due, entry)
        if self._due[0] == entry:
            self._earlier.set()

    def _interval_s(self, told_s: int | None) -> float:
        """Return the seconds to the next call; only the configured interval gets jitter here.

        The server adds jitter to its own intervals.
        """
        if self._config.interval_s is None:
            return max(told_s or USUAL_INTERVAL_S, SHORTEST_INTERVAL_S)
        return self._config.interval_s * self._random.uniform(1 - JITTER, 1 + JITTER)

    def _back_off_s(self, index: int) -> float:
        failures = self._failures[index] = self._failures.get(index, 0) + 1
        longest = min(LONGEST_BACK_OFF_S, FIRST_BACK_OFF_S * (1 << min(failures - 1, 10)))
        return longest * self._random.uniform(0.5, 1.0)

    async def _next_due(self) -> int:
        loop = asyncio.get_running_loop()
        while True:
            wait_s = self._due[0][0] - loop.time() if self._due else None
            if wait_s is not None and wait_s <= 0:
                return heapq.heappop(self._due)[1]
            self._earlier.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._earlier.wait()

    # ---- calls --------------------------------------------------------------------------------

    async def _dispatch(self) -> None:
        """Start due calls, at most ``max_open`` at once, and wait for the last ones."""
        places = asyncio.Semaphore(self._config.max_open)
        while self._config.calls is None or self.statistics.calls < self._config.calls:
            index = await self._next_due()
            await places.acquire()
            self.statistics.calls += 1
            dialling = asyncio.ensure_future(self._call(index))
            self._dialling.add(dialling)
            dialling.add_done_callback(self._dialling.discard)
            dialling.add_done_callback(lambda _: places.release())
        await asyncio.gather(*self._dialling)

    async def _call(self, index: int) -> None:
        config, register = self._config, self._registers[index]
        generation = config.key_ring.current
        key = config.key_ring.register_key(generation, register.serial)
        assert key is not None
        version = config.telemetry_version
        talk = RegisterConversation(
            register, key, generation, self._note, telemetry_version=version
        )
        call = SocketCall(talk, self._patience, self._ended, config.now, config.transport)
        self._open[call] = index
        await call.dial(self._host, config.port, config.host)
        if call.accepted_s is not None:
            self.statistics.latencies.add(call.accepted_s - call.started_s)

    def _note(self, serial_number: str, reading_number: int, at: datetime) -> None:
        self.statistics.accepted += 1
        self._config.ledger(serial_number, reading_number, at)

    def _ended(self, call: SocketCall) -> None:
        index, talk = self._open.pop(call), call.conversation
        self.statistics.steps_done += talk.steps_done
        self.statistics.steps_refused += talk.steps_refused
        if self._stopping or talk.result is None:
            return
        outcome = talk.result
        self._schedule(index, _AFTER[outcome.ending](self, index, talk, outcome))

    def _after_done(self, index: int, talk: RegisterConversation, _: ConversationResult) -> float:
        self._failures.pop(index, None)
        return self._interval_s(talk.next_check_in_s)

    def _after_refused(
        self, index: int, _: RegisterConversation, outcome: ConversationResult
    ) -> float:
        self.statistics.refused[outcome.detail] += 1
        told_s = (outcome.retry_after_s or 0) * self._random.uniform(1.0, 1.5)
        return max(told_s, self._back_off_s(index))

    def _after_broken(
        self, index: int, _: RegisterConversation, outcome: ConversationResult
    ) -> float:
        self.statistics.broken[outcome.detail] += 1
        return self._back_off_s(index)


_AFTER: Final = {
    ConversationEnding.DONE: FleetRunner._after_done,
    ConversationEnding.REFUSED: FleetRunner._after_refused,
    ConversationEnding.BROKEN: FleetRunner._after_broken,
}


def start_fleet(
    stack: AsyncExitStack, registers: Sequence[SimulatedRegister], config: FleetConfig
) -> None:
    """Start the fleet's calls, which go on until the stack is closed."""
    stop = asyncio.Event()
    calling = asyncio.create_task(FleetRunner(registers, config).run(stop), name="registers")

    async def end() -> None:
        stop.set()
        await calling

    stack.push_async_callback(end)
