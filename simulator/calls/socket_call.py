"""One call over a socket transport: a ``RegisterConversation`` with a socket and timeouts.

Every wait is bounded, and ``on_end`` is called exactly once, when the socket is closed.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, cast

from simulator.calls.conversation import RegisterConversation
from simulator.calls.http import CarrierError
from simulator.calls.transports import PLAIN_TCP, Carrier, RawCarrier, TransportSetup

HANG_UP_S: Final = 5.0
"""Seconds for which a closed socket may still send what the peer has not taken."""


def utc_now() -> datetime:
    """Return the time of this machine in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class CallTimeouts:
    """A register's timeouts.

    ``held_s`` is three of the gateway's keepalives. ``report_s``, if given, replaces the time to
    the next reading that the gateway set in a held conversation.
    """

    connect_s: float = 10.0
    answer_s: float = 30.0
    held_s: float = 180.0
    report_s: float | None = None


class SocketCall(asyncio.Protocol):
    """One socket of one conversation; ``is_settled`` is done when the call has ended or is held."""

    def __init__(
        self,
        conversation: RegisterConversation,
        timeouts: CallTimeouts,
        on_end: Callable[["SocketCall"], None],
        now: Callable[[], datetime] = utc_now,
        transport: TransportSetup = PLAIN_TCP,
    ) -> None:
        self.conversation = conversation
        self.started_s = 0.0
        self.accepted_s: float | None = None
        self._loop = asyncio.get_running_loop()
        self.is_settled: asyncio.Future[None] = self._loop.create_future()
        self._patience, self._on_end, self._now = timeouts, on_end, now
        self._road = transport
        self._carrier: Carrier = RawCarrier()
        self._transport: asyncio.Transport | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._report: asyncio.TimerHandle | None = None
        self._heard_s = 0.0
        self._ended = False

    async def dial(self, host: str, port: int, name: str | None = None) -> None:
        """Connect, and return when the call is settled; raise nothing but cancellation.

        ``name`` is the peer's host name if ``host`` is only its address.
        """
        self.started_s = self._loop.time()
        name, tls = name or host, self._road.tls
        self._carrier = self._road.carrier(name)
        try:
            async with asyncio.timeout(self._patience.connect_s):
                await self._loop.create_connection(
                    lambda: self, host, port, ssl=tls, server_hostname=name if tls else None
                )
        except TimeoutError:
            self.hang_up("connect_timeout")
        except ssl.SSLCertVerificationError:
            self.hang_up("certificate")
        except OSError:
            self.hang_up("connect")
        await self.is_settled

    def hang_up(self, why: str) -> None:
        """End the call at once, in any state."""
        self.conversation.break_off(why)
        if self._transport is None:
            self._end()
        else:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports behave like asyncio's but do not inherit from them.
        if self._ended:
            cast(asyncio.Transport, transport).abort()
            return
        self._transport = cast(asyncio.Transport, transport)
        self._heard_s = self._loop.time()
        self._watch(self._patience.answer_s)
        self._transport.write(self._carrier.pack(self.conversation.start()))

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        heard = self.conversation.messages_received
        try:
            if answer := self.conversation.receive(self._carrier.unpack(data), self._now()):
                self._transport.write(self._carrier.pack(answer))
        except CarrierError as broken:
            self.hang_up(broken.why)
            return
        if self.conversation.messages_received > heard:
            self._heard_s = self._loop.time()
        if self.conversation.accepted and self.accepted_s is None:
            self.accepted_s = self._heard_s
        if self.conversation.is_over:
            self._finish(self._transport)
        elif self.conversation.is_held and not self.is_settled.done():
            self.is_settled.set_result(None)
            self._plan_report()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self.conversation.break_off("cut")
        self._end()

    def _finish(self, transport: asyncio.Transport) -> None:
        """Close the socket; abort it if queued bytes are not sent within ``HANG_UP_S``."""
        transport.close()
        self._cancel_timers()
        self._silence = self._loop.call_later(HANG_UP_S, transport.abort)

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._cancel_timers()
        if not self.is_settled.done():
            self.is_settled.set_result(None)
        self._on_end(self)

    # One timer for each call, moved only when it fires: most calls end long before.
    def _watch(self, for_s: float) -> None:
        self._silence = self._loop.call_later(for_s, self._check_silence)

    def _check_silence(self) -> None:
        allowed_s = self._patience.held_s if self.conversation.is_held else self._patience.answer_s
        left_s = self._heard_s + allowed_s - self._loop.time()
        if left_s > 0:
            self._watch(left_s)
        else:
            self.hang_up("silence")

    def _plan_report(self) -> None:
        told_s = self.conversation.next_check_in_s or self._patience.held_s
        self._report = self._loop.call_later(self._patience.report_s or told_s, self._send_report)

    def _send_report(self) -> None:
        if self._transport is not None and self.conversation.can_report:
            self._transport.write(self._carrier.pack(self.conversation.report(self._now())))
        self._plan_report()

    def _cancel_timers(self) -> None:
        for timer in (self._silence, self._report):
            if timer is not None:
                timer.cancel()
