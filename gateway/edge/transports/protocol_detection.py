"""Detection of a peer's protocol by the first bytes, on a port that several protocols share."""

from enum import Enum, auto
from typing import Final

from protocol.kktpc.frame import STX


class PeerProtocol(Enum):
    """Protocol of a peer."""

    FRAMES = auto()
    """KKT-PC frames without another protocol around them."""
    HTTP = auto()
    NEITHER = auto()
    UNDECIDED = auto()
    """Too few bytes to decide; ``LONGEST`` bytes always suffice."""


_METHODS: Final = tuple(
    name.encode() + b" "
    for name in ("POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE")
)
LONGEST: Final = max(map(len, _METHODS))


def detect_protocol(first: bytes) -> PeerProtocol:
    """Return the protocol of a peer from its first bytes (at least one)."""
    if first[0] == STX:
        return PeerProtocol.FRAMES
    if first.startswith(_METHODS):
        return PeerProtocol.HTTP
    if any(method.startswith(first) for method in _METHODS):
        return PeerProtocol.UNDECIDED
    return PeerProtocol.NEITHER
