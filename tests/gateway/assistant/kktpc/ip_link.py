"""One end of an IP link over a serial line, in its own network namespace; run as a program.

    unshare -rn python ip_link.py pc|register FD

FD is the line. The kernel's IP stack is behind a tun interface; packets go over the line in SLIP
frames (RFC 1055), as ``slattach`` would send them. ``pc`` has one more address, on another network,
with an echo server, and forwards packets; ``register`` has only a default route, and sends BYTES to
that server and back.
"""

import asyncio
import contextlib
import fcntl
import os
import struct
import subprocess
import sys

from tests.pace import scaled

SERVER, PORT, BYTES = "203.0.113.10", 7777, 100 * 1024
ADDRESSES = {"pc": ("10.255.77.1", "10.255.77.2"), "register": ("10.255.77.2", "10.255.77.1")}
END, ESCAPED_END, ESCAPED_ESCAPE = b"\xc0", b"\xdb\xdc", b"\xdb\xdd"
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000


def run(*words: str) -> None:
    subprocess.run(words, check=True, timeout=scaled(10))


def interface(role: str) -> int:
    """Create a tun interface with the role's address; return its descriptor."""
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22s", b"kkt0", IFF_TUN | IFF_NO_PI, b""))
    own, other = ADDRESSES[role]
    run("ip", "address", "add", own, "peer", other, "dev", "kkt0")
    run("ip", "link", "set", "kkt0", "mtu", "576", "up")
    if role == "pc":
        run("ip", "link", "set", "lo", "up")
        run("ip", "address", "add", f"{SERVER}/32", "dev", "lo")
    else:
        run("ip", "route", "add", "default", "via", other)
    return tun


class Slip:
    """Packets between the interface and the line."""

    def __init__(self, tun: int, line: int) -> None:
        self._tun, self._line = tun, line
        self._heard, self._unsent = b"", b""
        self._loop = asyncio.get_running_loop()
        os.set_blocking(line, False)
        self._loop.add_reader(tun, self._packet)
        self._loop.add_reader(line, self._bytes)

    def _packet(self) -> None:
        packet = os.read(self._tun, 2048)
        self._unsent += packet.replace(b"\xdb", ESCAPED_ESCAPE).replace(END, ESCAPED_END) + END
        self._flush()

    def _flush(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._unsent = self._unsent[os.write(self._line, self._unsent) :]
        if self._unsent:
            self._loop.add_writer(self._line, self._flush)
        else:
            self._loop.remove_writer(self._line)

    def _bytes(self) -> None:
        *whole, self._heard = (self._heard + os.read(self._line, 4096)).split(END)
        for frame in filter(None, whole):
            packet = frame.replace(ESCAPED_END, END).replace(ESCAPED_ESCAPE, b"\xdb")
            os.write(self._tun, packet)


async def serve() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(echo, SERVER, PORT) as server:
        print("ready", flush=True)
        await server.serve_forever()


async def call() -> None:
    sent = os.urandom(BYTES)
    reader, writer = await asyncio.open_connection(SERVER, PORT)
    writer.write(sent)
    heard = await reader.readexactly(BYTES)
    writer.close()
    print("same" if heard == sent else "other", flush=True)


async def main(role: str, line: int) -> None:
    slip = Slip(interface(role), line)
    await asyncio.wait_for(serve() if role == "pc" else call(), scaled(40))
    del slip


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
