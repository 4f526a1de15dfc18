"""Who calls on a port that several kinds of peers share, told by the first bytes."""

from enum import Enum, auto
from typing import Final

from protocol.kktpc.frame import STX


class Speech(Enum):
    """What a peer speaks."""

    FRAMES = auto()
    """KKT-PC frames, as they are."""
    HTTP = auto()
    NEITHER = auto()
    UNTOLD = auto()
    """Too few bytes to tell; ``LONGEST`` always tell."""


_METHODS: Final = tuple(
    name.encode() + b" "
    for name in ("POST", "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE")
)
LONGEST: Final = max(map(len, _METHODS))


def speech(first: bytes) -> Speech:
    """What who begins with these bytes (one at least) speaks."""
    if first[0] == STX:
        return Speech.FRAMES
    if first.startswith(_METHODS):
        return Speech.HTTP
    if any(method.startswith(first) for method in _METHODS):
        return Speech.UNTOLD
    return Speech.NEITHER
