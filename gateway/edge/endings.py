"""Records of ended conversations: metric, log line, and the fleet's diagnostics."""

import structlog

from fleet.device_port import DevicePort, EndedConversation
from gateway.edge.metrics import ENDED

log = structlog.get_logger("gateway")

_LOGGED = tuple("road" if name == "transport" else name for name in EndedConversation._fields)
"""Fields of the log line ``conversation``, in the order of ``EndedConversation``."""


def record_ending(port: DevicePort, ended: EndedConversation) -> None:
    """Count and log the ended conversation, and pass it to the fleet's diagnostics.

    The fleet stores it later; the call neither waits nor raises.
    """
    ENDED[ended.transport][ended.outcome].inc()
    log.info("conversation", **dict(zip(_LOGGED, ended, strict=True)))
    port.conversation_ended(ended)
