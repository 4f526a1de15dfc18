"""The register's side of Ethernet over transport (KKT-PC 1.5): calls through its host's network.

Socket 0 is for the cash server, socket 1 for the OFD. Pieces for the host wait here until an armed
slot takes them. The module has no socket and no clock of its own: every call passes the seconds of
a clock that only goes forward.

The exchange with the OFD is not simulated here: the socket only shows whether the OFD can be
reached.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Final, NamedTuple

from protocol.conversation.messages import LinkChannel
from protocol.errors import LocalError, RemoteError
from protocol.kktpc import eot
from protocol.kktpc.eot import Tlv, TlvKind, TlvRecipient, TlvValue
from protocol.platforms import Platform
from simulator.calls.conversation import Ledger, RegisterConversation, no_ledger
from simulator.calls.http import CarrierError
from simulator.calls.transports import Carrier, RawCarrier, TransportSetup
from simulator.register.settings_memory import (
    CABINET_HOST,
    CABINET_INTERVAL,
    CABINET_PORT,
    OFD_HOST,
    OFD_PORT,
)
from simulator.register.simulated_register import SimulatedRegister

VERSION: Final = 2
CABINET, OFD = 0, 1
PACKET: Final = 128
"""Bytes of one RECEIVED.  A host sends one for each time it is told this size (KKT-PC 1.5, and
observed with the manufacturer's driver), so the register says it again after each."""

PIECE: Final = 200
MOST_PIECES: Final = 1024
CONNECT_S: Final = 15.0
ANSWER_S: Final = 30.0
HELD_S: Final = 180.0
RETRY_S: Final = 30.0
OFD_EVERY_S: Final = 60.0


class CallCredentials(NamedTuple):
    """The key and ledger with which the register calls the cash server."""

    key: bytes
    key_generation: int
    ledger: Ledger = no_ledger


class SocketStage(Enum):
    """The state of a socket."""

    CLOSED = auto()
    CONNECTING = auto()
    OPEN = auto()


@dataclass(slots=True)
class _Socket:
    """One socket; ``due_s`` is when to connect again, or to give up waiting."""

    stage: SocketStage = SocketStage.CLOSED
    due_s: float = 0.0


class RegisterRelay:
    """The relay; it is idle until a host opens it and while setting 276 names another channel."""

    def __init__(self, register: SimulatedRegister, caller: CallCredentials | None = None) -> None:
        self.register = register
        self.opened = False
        self.talk: RegisterConversation | None = None
        self._caller = caller
        self._carrier: Carrier = RawCarrier()
        self._links = (_Socket(), _Socket())
        self._pieces: deque[bytes] = deque()
        self._report_s: float | None = None

    @property
    def quiet(self) -> bool:
        """Tell whether no pieces wait for the host."""
        return not self._pieces

    def next_piece(self) -> bytes | None:
        """Return ``DA`` and the next TLV for the host, or ``None``."""
        return self._pieces[0] if self._pieces else None

    def on_piece_taken(self) -> None:
        """Remove the next piece, which has gone into a slot."""
        self._pieces.popleft()

    def receive(self, data: bytes, now: datetime, now_s: float) -> None:
        """Handle ``DA`` and a TLV from the host; ignore what cannot be decoded."""
        try:
            tlv = eot.decode(data, TlvRecipient.REGISTER)
        except RemoteError:
            return
        self.opened = True
        if tlv.kind is eot.ASK_VERSION:
            self._say(eot.REGISTER_VERSION, None, VERSION)
        elif tlv.kind is eot.RESET:
            self.reset(now_s)
        elif tlv.kind is eot.CONNECTED and tlv.socket is not None:
            self._connected(tlv.socket, bool(tlv.value), now_s)
        elif tlv.kind is eot.RECEIVED and tlv.socket == CABINET and isinstance(tlv.value, bytes):
            self._heard(tlv.value, now, now_s)
            if self._links[CABINET].stage is SocketStage.OPEN:
                self._say(eot.PACKET_SIZE, CABINET, PACKET)

    def reset(self, now_s: float = 0.0) -> None:
        """Close both sockets and cut their calls."""
        self._pieces.clear()
        for socket in eot.SOCKETS:
            self._end(socket, "cut", now_s)

    def tick(self, now: datetime, now_s: float) -> None:
        """Start the calls that are due and give up those that have waited too long."""
        if not self.opened or self._channel() is not LinkChannel.EOT:
            return
        for socket, link in enumerate(self._links):
            if now_s >= link.due_s:
                self._late(socket, link, now_s)
        if self._report_s is not None and now_s >= self._report_s:
            self._report(now, now_s)

    def _channel(self) -> LinkChannel | None:
        return self.register.channel if self.register.platform is Platform.V2_5 else None

    def _late(self, socket: int, link: _Socket, now_s: float) -> None:
        if link.stage is SocketStage.CLOSED:
            self._call(socket, link, now_s)
        else:
            self._hang_up(socket, "silence", now_s)

    def _call(self, socket: int, link: _Socket, now_s: float) -> None:
        if socket == CABINET and self._caller is None:
            return
        memory = self.register.memory
        place = CABINET_HOST if socket == CABINET else OFD_HOST
        host = str(memory.value(place)).partition("/")[0]
        port = int(memory.value(CABINET_PORT if socket == CABINET else OFD_PORT))
        link.stage, link.due_s = SocketStage.CONNECTING, now_s + CONNECT_S
        self._say(eot.PACKET_SIZE, socket, PACKET)
        self._say(eot.PORT, socket, port)
        if not self._say(eot.CONNECT, socket, host):
            self._hang_up(socket, "connect", now_s)

    def _connected(self, socket: int, yes: bool, now_s: float) -> None:
        link = self._links[socket]
        if not yes:
            self._end(socket, "cut" if link.stage is SocketStage.OPEN else "connect", now_s)
        elif link.stage is SocketStage.CONNECTING:
            link.stage, link.due_s = SocketStage.OPEN, now_s + ANSWER_S
            _OPENED[socket](self, now_s)

    def _begin_talk(self, now_s: float) -> None:
        assert self._caller is not None
        host, slash, path = str(self.register.memory.value(CABINET_HOST)).partition("/")
        self._carrier = TransportSetup(slash + path if path else None).carrier(host)
        self.talk = RegisterConversation(self.register, *self._caller)
        self._send(self.talk.start(), now_s)

    def _ofd_reached(self, now_s: float) -> None:
        """Record that the OFD answered the call, and hang up."""
        self.register.ofd_relayed = True
        self._hang_up(OFD, "", now_s)

    def _heard(self, data: bytes, now: datetime, now_s: float) -> None:
        talk, link = self.talk, self._links[CABINET]
        if talk is None or link.stage is not SocketStage.OPEN:
            return
        try:
            answer = talk.receive(self._carrier.unpack(data), now)
        except CarrierError as broken:
            self._hang_up(CABINET, broken.why, now_s)
            return
        link.due_s = now_s + (HELD_S if talk.is_held else ANSWER_S)
        self._send(answer, now_s)
        if talk.is_over:
            self._hang_up(CABINET, "", now_s)
        elif talk.is_held and self._report_s is None:
            self._report_s = now_s + (talk.next_check_in_s or HELD_S)

    def _report(self, now: datetime, now_s: float) -> None:
        if self.talk is not None and self.talk.can_report:
            self._send(self.talk.report(now), now_s)
        self._report_s = None

    def _send(self, frames: bytes, now_s: float) -> None:
        """Queue the frames for the host in pieces; send no request for empty frames."""
        if not frames:
            return
        try:
            data = self._carrier.pack(frames)
        except CarrierError as broken:
            self._hang_up(CABINET, broken.why, now_s)
            return
        for start in range(0, len(data), PIECE):
            if not self._say(eot.SEND, CABINET, data[start : start + PIECE]):
                self._hang_up(CABINET, "overflow", now_s)
                return

    def _hang_up(self, socket: int, why: str, now_s: float) -> None:
        self._end(socket, why, now_s)
        self._say(eot.CLOSE, socket, None)

    def _end(self, socket: int, why: str, now_s: float) -> None:
        """Close the socket and set the time of the next try, which depends on ``why``."""
        link = self._links[socket]
        if link.stage is not SocketStage.CLOSED:
            link.due_s = now_s + _ENDED[socket](self, why)
        link.stage = SocketStage.CLOSED

    def _end_talk(self, why: str) -> float:
        talk, self.talk, self._report_s = self.talk, None, None
        if talk is None:
            self.register.internet_reached = self.register.cabinet_reached = False
            return RETRY_S
        talk.break_off(why)
        outcome = talk.result
        if outcome is not None and outcome.retry_after_s is not None:
            return float(outcome.retry_after_s)
        interval = float(self.register.memory.value(CABINET_INTERVAL))
        return float(talk.next_check_in_s or (interval if talk.accepted else RETRY_S))

    def _end_ofd(self, why: str) -> float:
        if why:
            self.register.ofd_relayed = False
        return OFD_EVERY_S

    def _say(self, kind: TlvKind, socket: int | None, value: TlvValue) -> bool:
        """Queue a TLV; return false if the host's queue is full or the value cannot be encoded."""
        if len(self._pieces) >= MOST_PIECES:
            return False
        try:
            self._pieces.append(eot.encode(Tlv(kind, socket, value)))
        except LocalError:
            return False
        return True


_OPENED: Final[tuple[Callable[[RegisterRelay, float], None], ...]] = (
    RegisterRelay._begin_talk,
    RegisterRelay._ofd_reached,
)
_ENDED: Final[tuple[Callable[[RegisterRelay, str], float], ...]] = (
    RegisterRelay._end_talk,
    RegisterRelay._end_ofd,
)
