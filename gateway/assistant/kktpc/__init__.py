"""The Assistant as the host of KKT-PC registers: lines, both lower levels, discovery, EoT.

``Discovery`` finds registers and returns a ``KktHost`` for each; ``EotRelay`` connects one to the
PC's network.  Every failure is a ``HostError``, whose class tells whether the command may have been
executed.
"""

from gateway.assistant.kktpc.discovery import (
    ATOL_USB_VENDOR,
    Discovery,
    Found,
    LineKind,
    Lost,
    Port,
    Sources,
    split_address,
)
from gateway.assistant.kktpc.errors import (
    CommandNotDone,
    CommandOutcomeUnknown,
    HostError,
    LineBusy,
    LineLost,
    NoKktPcAnswer,
    UnsupportedPlatform,
)
from gateway.assistant.kktpc.host import KktHost, connect
from gateway.assistant.kktpc.lines import KKT_PC_PORT, Line, open_serial, open_tcp
from gateway.assistant.kktpc.relay import EotRelay, Targets

__all__ = [
    "ATOL_USB_VENDOR",
    "KKT_PC_PORT",
    "Discovery",
    "EotRelay",
    "CommandOutcomeUnknown",
    "Found",
    "HostError",
    "KktHost",
    "Line",
    "LineBusy",
    "LineKind",
    "LineLost",
    "Lost",
    "CommandNotDone",
    "Port",
    "NoKktPcAnswer",
    "Sources",
    "Targets",
    "UnsupportedPlatform",
    "connect",
    "open_serial",
    "open_tcp",
    "split_address",
]
