"""The transports of a call: frames as they are or over HTTP, plain or inside TLS.

A ``Carrier`` packs frames for one connection and unpacks its answers; it uses no socket.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from protocol.transport import Transport
from simulator.calls.http import HttpCarrier

USUAL_PATH: Final = "/kkt"
r"""Path in the factory setting ``service.atol.ru\\0/kkt`` (table 19, row 1, field 9)."""


class Carrier(Protocol):
    """The packing of one connection; raises ``CarrierError`` for invalid or untimely data."""

    def pack(self, frames: bytes) -> bytes: ...

    def unpack(self, data: bytes) -> bytes: ...


class RawCarrier:
    """A carrier that leaves the frames as they are."""

    def pack(self, frames: bytes) -> bytes:
        return frames

    def unpack(self, data: bytes) -> bytes:
        return data


@dataclass(frozen=True, slots=True)
class TransportSetup:
    """The path of HTTP and the TLS context; plain TCP without them."""

    path: str | None = None
    tls: ssl.SSLContext | None = None

    def carrier(self, host: str) -> Carrier:
        """Return the carrier of a new connection to the peer named ``host``."""
        return HttpCarrier(host, self.path) if self.path else RawCarrier()


PLAIN_TCP: Final = TransportSetup()


SOCKET_TRANSPORTS: Final = tuple(each for each in Transport if each is not Transport.MQTT)
"""The transports that have a socket for each call; MQTT goes through a broker (``calls.mqtt``)."""


def transport_setup(
    transport: Transport, ca: Path | None = None, path: str = USUAL_PATH
) -> TransportSetup:
    """Set up a socket transport; trust the certificates in the file ``ca``, or the system's.

    Raise ``OSError`` (with ``ssl.SSLError``) for a file that holds no certificate.
    """
    tls = ssl.create_default_context(cafile=ca) if transport.is_encrypted else None
    return TransportSetup(path if transport.is_http else None, tls)
