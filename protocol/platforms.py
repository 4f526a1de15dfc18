"""The two platforms of the registers."""

from enum import StrEnum

from protocol.errors import RemoteError


class Platform(StrEnum):
    """2.5 speaks KKT-PC v3 and keeps its settings in tables; 5.0 knows settings by number."""

    V2_5 = "2.5"
    V5_0 = "5.0"

    @property
    def wire_code(self) -> int:
        """The byte that names the platform in a HELLO."""
        return _WIRE_CODES[self]

    @classmethod
    def from_wire(cls, code: int) -> "Platform":
        """The platform of a HELLO's byte; RemoteError for any other."""
        for platform, known in _WIRE_CODES.items():
            if known == code:
                return platform
        raise RemoteError("platform_unknown", f"no platform has the code {code}")


_WIRE_CODES = {Platform.V2_5: 25, Platform.V5_0: 50}
