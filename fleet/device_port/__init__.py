"""The only interface of the fleet for the gateway."""

from fleet.device_port.answers import Answer, BlockSource, Caller, Reply
from fleet.device_port.visits import DevicePort
from fleet.diagnostics.rules import EndedConversation as EndedConversation

__all__ = ["Answer", "BlockSource", "Caller", "DevicePort", "EndedConversation", "Reply"]
