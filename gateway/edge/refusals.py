"""Contents of a refusal: the reason, and the time until the register connects again."""

from typing import Final

from gateway.edge.context import jittered
from protocol.conversation.messages import RefusalReason

RETRY_S: Final = 60
"""Seconds after which a refused register connects again, jittered.

A blocked or unknown register, or one with another version, waits ``RETRY_LATER_S``.
"""
RETRY_LATER_S: Final = 3600

_REASONS: Final = {
    "key": RefusalReason.KEY,
    "version": RefusalReason.VERSION,
    "unknown": RefusalReason.UNKNOWN,
    "blocked": RefusalReason.BLOCKED,
    "busy": RefusalReason.BUSY,
}

_LATER: Final = {RefusalReason.BLOCKED, RefusalReason.UNKNOWN, RefusalReason.VERSION}


def reason_of(code: str) -> RefusalReason:
    """Return the reason for an error code; MALFORMED for a code without its own reason."""
    return _REASONS.get(code, RefusalReason.MALFORMED)


def retry_after_s(reason: RefusalReason) -> int:
    """Return jittered seconds, so that registers refused together do not return together."""
    return jittered(RETRY_LATER_S if reason in _LATER else RETRY_S)
