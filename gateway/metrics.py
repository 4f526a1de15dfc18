"""Every metric of the gateway."""

from enum import StrEnum
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]


class Outcome(StrEnum):
    """How a conversation ended; each has exactly one."""

    SERVED = "served"
    REFUSED_UNKNOWN = "refused_unknown"
    REFUSED_KEY = "refused_key"
    REFUSED_BLOCKED = "refused_blocked"
    REFUSED_BUSY = "refused_busy"
    REFUSED_VERSION = "refused_version"
    REFUSED_MALFORMED = "refused_malformed"
    REFUSED_ELSEWHERE = "refused_elsewhere"
    CUT = "cut"
    """The link was lost before the register got what it called for."""
    TIMED_OUT = "timed_out"
    TAKEN_OVER = "taken_over"
    """The same register called again while this conversation was open."""
    NOT_KEPT = "not_kept"
    """Its batch failed, so it was closed unanswered."""
    STOPPED = "stopped"


class Limit(StrEnum):
    """A named limit that a peer ran into."""

    CONVERSATIONS = "conversations"
    FIRST_FRAME_BYTES = "first_frame_bytes"
    FRAME_BYTES = "frame_bytes"
    HELLO_TIMEOUT = "hello_timeout"
    IDLE_TIMEOUT = "idle_timeout"
    AGE = "age"
    FRAMES_PER_S = "frames_per_s"
    HANDSHAKES_PER_ADDRESS = "handshakes_per_address"
    UNSENT_BYTES = "unsent_bytes"
    WAITING_ITEMS = "waiting_items"


_CONVERSATIONS = Counter(
    "cash_server_conversations_total", "Conversations by how they ended.", ("road", "outcome")
)
_LIMITS = Counter("cash_server_limits_total", "Peers that ran into a limit.", ("limit",))

OPEN = Gauge("cash_server_conversations_open", "Conversations that are open now.")
CHECK_INS = Counter("cash_server_check_ins_total", "Readings that were accepted.")
CHECK_IN_SECONDS = Histogram(
    "cash_server_check_in_seconds",
    "From the CHECK_IN to its ACCEPTED, the commit between them.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
STEPS = Counter("cash_server_steps_total", "Commands of operations given to registers.")
BYTES_RECEIVED = Counter("cash_server_received_bytes_total", "Bytes from registers.")
BYTES_SENT = Counter("cash_server_sent_bytes_total", "Bytes to registers.")

# A labelled look-up costs more than the increment itself, so every child is made once.
ENDED: Final = {
    road: {outcome: _CONVERSATIONS.labels(road, outcome) for outcome in Outcome}
    for road in ("tcp",)
}
LIMITS: Final = {limit: _LIMITS.labels(limit) for limit in Limit}
