"""The one door for the gateway: the fleet, as a gateway sees it."""

from fleet.device_port.visits import Answer, BlockSource, Caller, DevicePort, Reply

__all__ = ["Answer", "BlockSource", "Caller", "DevicePort", "Reply"]
