"""The two platforms of the registers."""

from enum import StrEnum

from protocol.errors import RemoteError


class Platform(StrEnum):
    """Platform of a register.

    2.5 uses KKT-PC v3 and keeps its settings in tables; 5.0 addresses settings by number.
    """

    V2_5 = "2.5"
    V5_0 = "5.0"

    @property
    def wire_code(self) -> int:
        """Return the byte that names the platform in a HELLO."""
        return _WIRE_CODES[self]

    @classmethod
    def from_wire(cls, code: int) -> "Platform":
        """Return the platform of a HELLO's byte; raise RemoteError for an unknown byte."""
        for platform, known in _WIRE_CODES.items():
            if known == code:
                return platform
        raise RemoteError("platform_unknown", f"no platform has the code {code}")


_WIRE_CODES = {Platform.V2_5: 25, Platform.V5_0: 50}
