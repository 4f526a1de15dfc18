"""A host for the tests, written from KKT-PC 1 and 2 without any code of the product.

It builds its own frames and has its own checksum, buffer codes and v2 exchange.
"""

import os
import select
import socket
import time
from collections.abc import Callable
from typing import Final

from tests.pace import scaled

FIRST_WAIT_S: Final = scaled(5.0)


def crc8(data: bytes) -> int:
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x31) & 0xFF if crc & 0x80 else crc << 1
    return crc


def frame(packet_id: int, data: bytes) -> bytes:
    plain = data + bytes((crc8(bytes((packet_id,)) + data),))
    escaped = plain.replace(b"\xfd", b"\xfd\xed").replace(b"\xfe", b"\xfd\xee")
    return bytes((0xFE, len(data) & 0x7F, len(data) >> 7, packet_id)) + escaped


def take_frame(heard: bytes) -> tuple[int, bytes, bytes] | None:
    """Return the first frame's id and data, and the rest; skip bytes before STX.

    Return ``None`` while the frame is incomplete.
    """
    start = heard.find(b"\xfe")
    if start < 0 or len(heard) < start + 4:
        return None
    wanted = (heard[start + 1] | heard[start + 2] << 7) + 1
    plain, place = bytearray(), start + 4
    while len(plain) < wanted:
        if place >= len(heard) or (heard[place] == 0xFD and place + 1 >= len(heard)):
            return None
        if heard[place] == 0xFD:
            plain.append({0xED: 0xFD, 0xEE: 0xFE}[heard[place + 1]])
            place += 2
        else:
            plain.append(heard[place])
            place += 1
    packet_id = heard[start + 3]
    assert crc8(bytes((packet_id,)) + plain) == 0
    return packet_id, bytes(plain[:-1]), heard[place:]


class Wire:
    """The bytes of a TCP connection or of a pty, with timeouts."""

    def __init__(self, descriptor: int, close: Callable[[], None]) -> None:
        self.descriptor, self.close = descriptor, close

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.descriptor, data) :]

    def read(self, within_s: float) -> bytes:
        """Return the bytes received, or nothing after the timeout or when the peer has closed."""
        ready, _, _ = select.select([self.descriptor], [], [], within_s)
        return os.read(self.descriptor, 4096) if ready else b""


def over_tcp(address: tuple[str, int]) -> Wire:
    link = socket.create_connection(address, timeout=FIRST_WAIT_S)
    link.setblocking(True)
    return Wire(link.fileno(), link.close)


class HostV3:
    """One host on one line; each packet waits for its reply."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.packet_id = self.task_id = 0
        self.by_itself: list[bytes] = []
        """Data of the packets with id F0, which the register sends without a request."""
        self._heard = b""
        self._replies: dict[int, bytes] = {}

    def begin(self) -> None:
        """Send the driver's two probes and check the answer of platform 2.5."""
        self.wire.write(bytes.fromhex("24400d002001f7407465737465fe010000c402"))
        assert self._reply_to(0) == b"\xa3"
        self.packet_id = 0

    def say(self, data: bytes) -> bytes:
        """Send one packet and return its reply."""
        self.packet_id = (self.packet_id + 1) % 0xE0
        self.wire.write(frame(self.packet_id, data))
        return self._reply_to(self.packet_id)

    def ask(self, command: bytes, flags: int = 0x01) -> bytes:
        """Return the application answer of a command, after acknowledging it."""
        self.task_id = (self.task_id + 1) % 0xDD
        task = bytes((self.task_id,))
        reply = self.say(b"\xc1" + bytes((flags,)) + task + b"\0\0" + command)
        assert reply[:1] in (b"\xa1", b"\xa2"), reply.hex()
        answer = self.wait_for(lambda data: data[:1] in b"\xa6\xa7" and data[1:2] == task)
        assert self.say(b"\xc2" + task) == b"\xa3"
        return answer[2:]

    def send(self, command: bytes) -> None:
        """Send a command that needs no result."""
        self.task_id = (self.task_id + 1) % 0xDD
        reply = self.say(b"\xc1\0" + bytes((self.task_id,)) + b"\0\0" + command)
        assert reply[:1] in (b"\xa1", b"\xa2"), reply.hex()

    def wait_for(self, wanted: Callable[[bytes], bool], within_s: float = FIRST_WAIT_S) -> bytes:
        """Return the first matching message that the register sends without a request."""
        until = time.monotonic() + within_s
        while True:
            for data in self.by_itself:
                if wanted(data):
                    self.by_itself.remove(data)
                    return data
            assert time.monotonic() < until, f"nothing within {within_s} s"
            self._read(0.05)

    def gone(self, within_s: float = FIRST_WAIT_S) -> bool:
        """Tell whether the register hangs up within the time."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            ready, _, _ = select.select([self.wire.descriptor], [], [], 0.05)
            if ready and not os.read(self.wire.descriptor, 4096):
                return True
        return False

    def _reply_to(self, packet_id: int) -> bytes:
        until = time.monotonic() + FIRST_WAIT_S
        while time.monotonic() < until:
            self._read(0.05)
            if packet_id in self._replies:
                return self._replies.pop(packet_id)
        raise AssertionError(f"no reply to packet {packet_id:02x}")

    def _read(self, within_s: float) -> None:
        self._heard += self.wire.read(within_s)
        while (found := take_frame(self._heard)) is not None:
            packet_id, data, self._heard = found
            if packet_id == 0xF0:
                self.by_itself.append(data)
            else:
                self._replies[packet_id] = data


class HostV2:
    """The alternating exchange of lower level v2."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def ask(self, command: bytes) -> bytes:
        data = b"\0\0" + command
        stuffed = b"".join(
            b"\x10" + bytes((b,)) if b in (0x03, 0x10) else bytes((b,)) for b in data
        )
        self.wire.write(b"\x05")
        assert self._byte() == 0x06
        self.wire.write(b"\x02" + stuffed + b"\x03" + bytes((xor(stuffed + b"\x03"),)))
        assert self._byte() == 0x06
        self.wire.write(b"\x04")
        assert self._byte() == 0x05
        self.wire.write(b"\x06")
        answer = self._frame()
        self.wire.write(b"\x06")
        assert self._byte() == 0x04
        return answer

    def _frame(self) -> bytes:
        assert self._byte() == 0x02
        plain, raw = bytearray(), bytearray()
        while True:
            byte = self._byte()
            raw.append(byte)
            if byte == 0x10:
                plain.append(self._byte())
                raw.append(plain[-1])
            elif byte == 0x03:
                break
            else:
                plain.append(byte)
        assert self._byte() == xor(bytes(raw))
        return bytes(plain)

    def _byte(self) -> int:
        ready, _, _ = select.select([self.wire.descriptor], [], [], FIRST_WAIT_S)
        assert ready, "the register is silent"
        return os.read(self.wire.descriptor, 1)[0]


def xor(data: bytes) -> int:
    total = 0
    for byte in data:
        total ^= byte
    return total
