"""All metrics of the gateway."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import accumulate
from typing import Final

from prometheus_client import REGISTRY, Counter, Gauge, disable_created_metrics
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from protocol.transport import Transport

disable_created_metrics()  # type: ignore[no-untyped-call]


class ConversationOutcome(StrEnum):
    """Outcome of a conversation; each conversation has exactly one."""

    SERVED = "served"
    REFUSED_UNKNOWN = "refused_unknown"
    REFUSED_KEY = "refused_key"
    REFUSED_BLOCKED = "refused_blocked"
    REFUSED_BUSY = "refused_busy"
    REFUSED_VERSION = "refused_version"
    REFUSED_MALFORMED = "refused_malformed"
    CUT = "cut"
    """The link was lost before the register was served."""
    TIMED_OUT = "timed_out"
    TAKEN_OVER = "taken_over"
    """The register opened another conversation while this one was open."""
    NOT_KEPT = "not_kept"
    """The batch of its message failed, so it was closed without an answer."""
    STOPPED = "stopped"


class Limit(StrEnum):
    """Name of a limit that a peer exceeded."""

    CONVERSATIONS = "conversations"
    FIRST_BYTES = "first_bytes"
    """The first bytes are neither a frame nor HTTP."""
    FIRST_FRAME_BYTES = "first_frame_bytes"
    FRAME_BYTES = "frame_bytes"
    HTTP_HEADER_BYTES = "http_header_bytes"
    HTTP_BODY_BYTES = "http_body_bytes"
    TLS = "tls"
    """The TLS handshake or a TLS record is invalid."""
    HELLO_TIMEOUT = "hello_timeout"
    IDLE_TIMEOUT = "idle_timeout"
    AGE = "age"
    FRAMES_PER_S = "frames_per_s"
    HANDSHAKES_PER_ADDRESS = "handshakes_per_address"
    UNSENT_BYTES = "unsent_bytes"
    WAITING_ITEMS = "waiting_items"


class DropReason(StrEnum):
    """Reason why an MQTT message was dropped."""

    TOPIC = "topic"
    RETAINED = "retained"
    DUPLICATE = "duplicate"
    OVERSIZE = "oversize"
    SERIAL_NUMBER = "serial_number"
    """HELLO has another serial number than the topic."""
    ELSEWHERE = "elsewhere"
    """This gateway has no conversation to which the message belongs."""
    REPORT = "report"
    INBOX = "inbox"
    OUTBOX = "outbox"


_CONVERSATIONS = Counter(
    "cash_server_conversations_total", "Conversations by how they ended.", ("road", "outcome")
)
_LIMITS = Counter("cash_server_limits_total", "Peers that ran into a limit.", ("limit",))

_MQTT_DROPPED = Counter("cash_server_mqtt_dropped_total", "MQTT messages not taken.", ("why",))
MQTT_CONNECTED = Gauge("cash_server_mqtt_connected", "Whether the MQTT broker is connected.")

STEPS = Counter("cash_server_steps_total", "Commands of operations given to registers.")

# A look-up by labels costs more than the increment itself, so every child is created once.
ENDED: Final[Mapping[str, Mapping[str, Counter]]] = {
    transport: {each: _CONVERSATIONS.labels(transport, each) for each in ConversationOutcome}
    for transport in Transport
}
MQTT_DROPPED: Final = {why: _MQTT_DROPPED.labels(why) for why in DropReason}
LIMITS: Final = {limit: _LIMITS.labels(limit) for limit in Limit}

CHECK_IN_BOUNDS_S: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class HotPathMetrics(Collector):
    """Metrics of every check-in: plain numbers, converted when Prometheus reads them.

    The library's counters take a lock and cost 1.3 µs each; a check-in would need seven of them.
    Only the event loop writes these numbers, so no lock is needed.
    """

    def __init__(self) -> None:
        self.open = self.check_ins = self.received_bytes = self.sent_bytes = 0
        self._seconds = 0.0
        self._counts = [0] * (len(CHECK_IN_BOUNDS_S) + 1)

    def record_check_in(self, seconds: float) -> None:
        """Count an accepted reading and the seconds from its arrival."""
        self.check_ins += 1
        self._seconds += seconds
        self._counts[bisect_left(CHECK_IN_BOUNDS_S, seconds)] += 1

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "cash_server_conversations_open", "Conversations that are open now.", self.open
        )
        for name, about, value in (
            ("check_ins", "Readings that were accepted.", self.check_ins),
            ("received_bytes", "Bytes from registers.", self.received_bytes),
            ("sent_bytes", "Bytes to registers.", self.sent_bytes),
        ):
            yield CounterMetricFamily(f"cash_server_{name}", about, value)
        bounds = [*map(str, CHECK_IN_BOUNDS_S), "+Inf"]
        yield HistogramMetricFamily(
            "cash_server_check_in_seconds",
            "From the CHECK_IN to its ACCEPTED, the commit between them.",
            list(zip(bounds, accumulate(self._counts), strict=True)),
            self._seconds,
        )


HOT_PATH_METRICS: Final = HotPathMetrics()
REGISTRY.register(HOT_PATH_METRICS)
