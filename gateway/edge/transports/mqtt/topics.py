"""Topics of the gateway: what it subscribes to, and what a topic that comes means.

registers/<serial>/up               the first payload of a conversation; any gateway takes it
registers/<serial>/up/<gateway id>  the rest of it, to the gateway that answered
registers/<serial>/down             to the register
assistants/<login>/up, down         protocol/conversation/assistant.py
"""

import re
from enum import StrEnum
from typing import Final, NamedTuple

from protocol.conversation.assistant import LOGIN_PATTERN

GROUP: Final = "$share/gateways/"
"""The gateways share what comes here: the broker gives each message to one of them."""


class TopicKind(StrEnum):
    REGISTERS = "registers"
    ASSISTANTS = "assistants"


class TopicOwner(NamedTuple):
    """Whose topic it is: a register's serial number or an account's login."""

    kind: TopicKind
    name: str

    @property
    def down(self) -> str:
        return f"{self.kind}/{self.name}/down"


_UP: Final = {
    TopicKind.REGISTERS: re.compile(r"registers/([0-9]{14})/up(?:/[^/]+)?"),
    TopicKind.ASSISTANTS: re.compile(f"assistants/({LOGIN_PATTERN.strip('^$')})/up"),
}


def topic_owner(topic: str) -> TopicOwner | None:
    """``None`` for a topic on which nobody has anything to say."""
    for kind, pattern in _UP.items():
        if found := pattern.fullmatch(topic):
            return TopicOwner(kind, found[1])
    return None


def response_topic(serial_number: str, gateway_id: str) -> str:
    """Where a register sends the rest of a conversation."""
    return f"registers/{serial_number}/up/{gateway_id}"


def subscriptions(gateway_id: str, shared: bool) -> tuple[str, ...]:
    """Everything that a gateway listens to."""
    group = GROUP if shared else ""
    common = (f"{group}registers/+/up", f"{group}assistants/+/up")
    return (*common, response_topic("+", gateway_id)) if shared else common
