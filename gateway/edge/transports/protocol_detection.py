"""Who calls on a port that several kinds of peers share, told by the first bytes."""

from enum import Enum, auto
from typing import Final

from protocol.kktpc.frame import STX


class PeerProtocol(Enum):
    """What a peer speaks."""

    FRAMES = auto()
    """KKT-PC frames, as they are."""
    HTTP = auto()
    NEITHER = auto()
    UNDECIDED = auto()
    """Too few bytes to tell; ``LONGEST`` always tell."""


_METHODS: Final = tuple(
    name.encode() + b" "
    for name in ("POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE")
)
LONGEST: Final = max(map(len, _METHODS))


def detect_protocol(first: bytes) -> PeerProtocol:
    """What who begins with these bytes (one at least) speaks."""
    if first[0] == STX:
        return PeerProtocol.FRAMES
    if first.startswith(_METHODS):
        return PeerProtocol.HTTP
    if any(method.startswith(first) for method in _METHODS):
        return PeerProtocol.UNDECIDED
    return PeerProtocol.NEITHER
