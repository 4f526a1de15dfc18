"""A register of lower level v2, written from the specification (KKT-PC 2)."""

from dataclasses import dataclass, field

ENQ, ACK, STX, ETX, EOT, NAK, DLE = b"\x05", b"\x06", 2, 3, b"\x04", b"\x15", 0x10
T6_S = 0.5


def framed(data: bytes) -> bytes:
    body = b"".join(bytes([DLE, b]) if b in (DLE, ETX) else bytes([b]) for b in data) + b"\x03"
    check = 0
    for byte in body:
        check ^= byte
    return b"\x02" + body + bytes([check])


@dataclass
class ScriptedV2:
    """The register; it answers ENQ with NAK ``busy`` times and rejects ``deaf`` frames.

    With ``calls_first`` it offers an old answer when the host sends ENQ.
    """

    busy: int = 0
    deaf: int = 0
    calls_first: bool = False
    good: bytes = b"\x55\x00"
    executed: list[bytes] = field(default_factory=list)
    heard: bytes = b""
    _heard_at: float = 0.0
    _state: str = "idle"
    _frame: bytes = b""
    _command: bytes = b""
    _answer: bytes = b""
    _again_at: float | None = None

    def feed(self, data: bytes, now: float) -> bytes:
        self.heard += data
        if self._state == "frame" and now - self._heard_at >= T6_S:
            self._state = "called"  # the rest of that frame will not come
        self._heard_at = now
        return b"".join(self._one(bytes([byte]), now) for byte in data)

    def tick(self, now: float) -> bytes:
        """Offer an answer again that the host has not fetched."""
        if self._again_at is not None and now >= self._again_at:
            self._again_at = now + 1
            self._state = "offering"
            return ENQ
        return b""

    @property
    def next_at(self) -> float | None:
        return self._again_at

    def _offer(self, answer: bytes, now: float) -> bytes:
        self._answer, self._state, self._again_at = answer, "offering", now + 1
        return ENQ

    def _one(self, byte: bytes, now: float) -> bytes:
        if self._state == "frame":
            return self._in_frame(byte)
        match self._state, byte:
            case (("idle" | "called" | "taken"), b"\x05"):
                return self._called(now)
            case (("called" | "taken"), b"\x02"):
                self._state, self._frame = "frame", b""
            case "taken", b"\x04":
                self.executed.append(self._command)
                return self._offer(self.good + self._command, now)
            case "offering", b"\x06":
                self._state = "telling"
                return framed(self._answer)
            case "telling", b"\x06":
                self._state, self._again_at = "idle", None
                return EOT
            case "telling", b"\x15":
                return framed(self._answer)
        return b""

    def _called(self, now: float) -> bytes:
        if self.busy:
            self.busy -= 1
            return NAK
        if self.calls_first:
            self.calls_first = False
            return self._offer(b"\x55\x00old", now)
        self._state = "called"
        return ACK

    def _in_frame(self, byte: bytes) -> bytes:
        self._frame += byte
        data, at = b"", 0
        while at < len(self._frame) and self._frame[at] != ETX:
            at += self._frame[at] == DLE
            data += self._frame[at : at + 1]
            at += 1
        if at + 2 > len(self._frame):
            return b""
        if self.deaf or framed(data)[1:] != self._frame:
            self.deaf = max(0, self.deaf - 1)
            self._state = "called"
            return NAK
        self._state, self._command = "taken", data[2:]
        return ACK
