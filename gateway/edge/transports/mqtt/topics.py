"""MQTT topics of the gateway: its subscriptions and the meaning of a received topic.

registers/<serial>/up               first payload of a conversation; any gateway takes it
registers/<serial>/up/<gateway id>  later payloads, for the gateway that answered
registers/<serial>/down             payloads for the register
assistants/<login>/up, down         protocol/conversation/assistant.py
"""

import re
from enum import StrEnum
from typing import Final, NamedTuple

from protocol.conversation.assistant import LOGIN_PATTERN

GROUP: Final = "$share/gateways/"
"""Prefix of a shared subscription: the broker gives each message to one of the gateways."""


class TopicKind(StrEnum):
    """Kind of a topic's owner: the first level of the topic."""

    REGISTERS = "registers"
    ASSISTANTS = "assistants"


class TopicOwner(NamedTuple):
    """Owner of a topic: a register's serial number or an account's login."""

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
    """Return the owner of a received topic; None for any other topic."""
    for kind, pattern in _UP.items():
        if found := pattern.fullmatch(topic):
            return TopicOwner(kind, found[1])
    return None


def response_topic(serial_number: str, gateway_id: str) -> str:
    """Return the topic to which a register sends the rest of a conversation."""
    return f"registers/{serial_number}/up/{gateway_id}"


def subscriptions(gateway_id: str, shared: bool) -> tuple[str, ...]:
    """Return all topic filters of a gateway."""
    group = GROUP if shared else ""
    common = (f"{group}registers/+/up", f"{group}assistants/+/up")
    return (*common, response_topic("+", gateway_id)) if shared else common
