"""What a refused register is told: why, and when to call again."""

from typing import Final

from gateway.edge.context import jittered
from protocol.conversation.messages import RefusalReason

RETRY_S: Final = 60
"""A refused register calls again after this, jittered; a blocked or unknown one much later."""
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
    """Error codes that have a reason of their own; every other one is MALFORMED."""
    return _REASONS.get(code, RefusalReason.MALFORMED)


def retry_after_s(reason: RefusalReason) -> int:
    """Jittered, so that those refused together do not come back together."""
    return jittered(RETRY_LATER_S if reason in _LATER else RETRY_S)
