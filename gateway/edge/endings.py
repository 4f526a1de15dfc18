"""The end of a conversation, told to everybody who asks later: counted, logged, remembered."""

import structlog

from fleet.device_port import DevicePort, EndedConversation
from gateway.edge.metrics import ENDED

log = structlog.get_logger("gateway")

_LOGGED = tuple("road" if name == "transport" else name for name in EndedConversation._fields)
"""The fields of the log line ``conversation``, in the order of ``EndedConversation``."""


def record_ending(port: DevicePort, ended: EndedConversation) -> None:
    """One line of the log, one count, and the fleet's memory of what the register's calls
    looked like from here (the fleet neither waits nor raises)."""
    ENDED[ended.transport][ended.outcome].inc()
    log.info("conversation", **dict(zip(_LOGGED, ended, strict=True)))
    port.conversation_ended(ended)
