"""Readings of invented registers for the tests."""

from typing import Any

from fleet.telemetry.service import Reading
from protocol.platforms import Platform
from protocol.telemetry import BLOCK_VERSION, FIELDS, encode

HEALTHY: dict[str, Any] = {
    **{
        field.name: {"string": "", "integer": 0, "boolean": False, "array": []}.get(
            str(field.codec.schema["type"])
        )
        for field in FIELDS
    },
    "firmware_version": "5.8.14",
    "ffd_version": "1.2",
    "ffd_update_until": None,
    "host_interface": "usb",
    "statistics_interface": "ethernet",
    "ofd_channel": "ethernet",
    "fiscalised": True,
    "registration_number": "0000000001012345",
    "fiscal_drive_number": "9999000000000001",
    "owner_inn": "7701000019",
    "owner_name": 'ООО "Ромашка"',
    "address": "107031, Москва, ул. Примерная, д. 1",
    "utc_offset_min": 180,
    "battery_mv": 3100,
    "fiscal_drive_phase": "fiscal",
    "shift_state": "open",
}
"""A reading with nothing wrong in it, by the names of its fields."""


def make_block(**said: Any) -> bytes:
    """The block of a healthy reading with some fields said otherwise."""
    return encode({**HEALTHY, **said})


def make_reading(serial_number: str, *, block: bytes | None = None, **said: Any) -> Reading:
    """What the gateway takes in from a register of platform 5.0."""
    sent = make_block(**said) if block is None else block
    return Reading.from_block(int(serial_number), Platform.V5_0, 69, 1, 2, BLOCK_VERSION, sent)
