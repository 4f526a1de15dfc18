"""A register written from the specification alone (KKT-PC 1 and 2), for tests of the host.

It has its own frames, buffer and exchange, so that it does not repeat the product's mistakes.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

Clock = Callable[[], float]


def crc(data: bytes) -> int:
    value = 0xFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ 0x31 if value & 0x80 else value << 1) & 0xFF
    return value


def framed(packet_id: int, data: bytes) -> bytes:
    tail = data + bytes([crc(bytes([packet_id]) + data)])
    tail = tail.replace(b"\xfd", b"\xfd\xed").replace(b"\xfe", b"\xfd\xee")
    return bytes([0xFE, len(data) & 0x7F, len(data) >> 7, packet_id]) + tail


@dataclass
class ScriptedTask:
    """A command in the buffer."""

    flags: int
    command: bytes
    ready_at: float
    answer: bytes | None = None
    told: bool = False


@dataclass
class ScriptedRegister:
    """The register's side of v3: ``feed`` takes bytes, ``tick`` returns unrequested messages.

    ``answers`` maps commands to answers; by default an answer is ``55 00`` and the command.
    ``slow`` is the seconds that each command takes. ``to_say`` holds its messages over EoT.
    """

    answers: dict[bytes, bytes] = field(default_factory=dict)
    slow: float = 0.0
    room: int = 16
    at_once: bool = False
    mute: bool = False
    executed: list[bytes] = field(default_factory=list)
    relayed: list[bytes] = field(default_factory=list)
    on_relayed: Callable[[bytes], None] = lambda tlv: None
    heard: list[bytes] = field(default_factory=list)
    aborts: int = 0
    to_say: list[bytes] = field(default_factory=list)
    held: dict[int, ScriptedTask] = field(default_factory=dict)
    _buffer: bytes = b""

    def feed(self, data: bytes, now: float) -> bytes:
        """Return answers to complete frames; skip junk; answer a broken frame with an empty one."""
        self._buffer += data
        out = b""
        while (frame := self._cut()) is not None:
            packet_id, body = frame
            if self.mute:
                continue
            if body is None:
                out += framed(packet_id, b"")
                continue
            self.heard.append(body)
            out += framed(packet_id, self._answer(body, now))
        return out + self.tick(now)

    def _cut(self) -> tuple[int, bytes | None] | None:
        start = self._buffer.find(b"\xfe")
        if start < 0:
            self._buffer = b""
            return None
        self._buffer = self._buffer[start:]
        if len(self._buffer) < 4:
            return None
        length = self._buffer[1] | self._buffer[2] << 7
        packet_id, at, plain = self._buffer[3], 4, b""
        while len(plain) < length + 1:
            if at >= len(self._buffer):
                again = self._buffer.find(b"\xfe", 1)
                if again > 0:
                    self._buffer = self._buffer[again:]
                    return self._cut()
                return None
            byte = self._buffer[at]
            if byte == 0xFE:
                self._buffer = self._buffer[at:]
                return self._cut()
            if byte == 0xFD:
                if at + 1 >= len(self._buffer):
                    return None
                byte = {0xEE: 0xFE, 0xED: 0xFD}.get(self._buffer[at + 1], 0)
                at += 1
            plain, at = plain + bytes([byte]), at + 1
        self._buffer = self._buffer[at:]
        whole = crc(bytes([packet_id]) + plain[:-1]) == plain[-1]
        return packet_id, plain[:-1] if whole else None

    def _answer(self, body: bytes, now: float) -> bytes:
        match body[:1]:
            case b"\xc1":
                return self._add(body, now)
            case b"\xc2":
                return b"\xa3" if self.held.pop(body[1], None) else b"\xb3"
            case b"\xc3":
                return self._status(body[1], now)
            case b"\xc4":
                self.held.clear()
                self.aborts += 1
                return b"\xa3"
        return b"\xb4\x00"

    def _add(self, body: bytes, now: float) -> bytes:
        flags, task_id, command = body[1], body[2], body[5:]
        if task_id in self.held:
            return b"\xb2"
        if len(self.held) >= self.room:
            return b"\xb1"
        if flags & 4:
            self.held[task_id] = ScriptedTask(flags, b"", float("inf"))
            return b"\xa2"
        if command[:1] == b"\xda":
            self.relayed.append(command[1:])
            self.on_relayed(command[1:])
            return b"\xa2"
        self.executed.append(command)
        if flags & 1:
            answer = self.answers.get(command, b"\x55\x00" + command)
            self.held[task_id] = ScriptedTask(flags, command, now + self.slow, answer)
            if self.at_once:
                self.held[task_id].told = True
                return b"\xa3" + answer
        return b"\xa2"

    def _status(self, task_id: int, now: float) -> bytes:
        held = self.held.get(task_id)
        if held is None:
            return b"\xb3"
        if held.answer is not None and now >= held.ready_at:
            held.told = True
            return b"\xa3" + held.answer
        return b"\xa8" if held.flags & 4 else b"\xa2"

    def tick(self, now: float) -> bytes:
        """Return results and EoT messages, each sent once without a request."""
        if self.mute:
            return b""
        out = b""
        for task_id, held in self.held.items():
            if held.flags & 4 and held.answer is None and self.to_say:
                held.answer, held.ready_at = b"\xda" + self.to_say.pop(0), now
            if held.answer is not None and not held.told and now >= held.ready_at:
                held.told = True
                failed = held.answer[:1] == b"\x55" and held.answer[1:2] != b"\x00"
                status = b"\xa7" if failed else b"\xa6"
                out += framed(0xF0, status + bytes([task_id]) + held.answer)
        return out

    @property
    def next_at(self) -> float | None:
        waiting = [h.ready_at for h in self.held.values() if h.answer and not h.told]
        return min(waiting, default=None)
