"""The roads of a call: frames as they are or over HTTP, plain or inside TLS.

A ``Carrier`` packs frames for one connection and unpacks what comes; it meets no socket.
"""

import ssl
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from simulator.calls.http import HttpCarrier

USUAL_PATH: Final = "/kkt"
"""Of a register's factory setting ``service.atol.ru\\0/kkt`` (table 19, row 1, field 9)."""


class Carrier(Protocol):
    """One connection's packing; ``CarrierBroken`` for what is none or cannot be sent now."""

    def packed(self, frames: bytes) -> bytes: ...

    def unpacked(self, data: bytes) -> bytes: ...


class AsTheyAre:
    """Frames and nothing else."""

    def packed(self, frames: bytes) -> bytes:
        return frames

    def unpacked(self, data: bytes) -> bytes:
        return data


@dataclass(frozen=True, slots=True)
class Road:
    """Plain TCP unless told more: the path of HTTP, and what TLS trusts."""

    path: str | None = None
    tls: ssl.SSLContext | None = None

    def carrier(self, host: str) -> Carrier:
        """For a new connection to ``host``, as the peer is called."""
        return HttpCarrier(host, self.path) if self.path else AsTheyAre()


PLAIN: Final = Road()


class RoadName(StrEnum):
    """What a road is called on the command line, and in the gateway's metrics."""

    TCP = "tcp"
    HTTP = "http"
    TLS = "tls"
    HTTPS = "https"


def road_named(name: RoadName, ca: Path | None = None, path: str = USUAL_PATH) -> Road:
    """The road; the certificate is verified against the file ``ca``, or as the system does.

    ``OSError`` (with ``ssl.SSLError``) for a file that holds no certificate.
    """
    inside_tls = name in (RoadName.TLS, RoadName.HTTPS)
    tls = ssl.create_default_context(cafile=ca) if inside_tls else None
    return Road(path if name in (RoadName.HTTP, RoadName.HTTPS) else None, tls)
