"""Free ports for servers that may stop and listen on the same port again."""

import secrets
import socket
from typing import Final

HOST: Final = "127.0.0.1"
FIRST, LAST = 20_000, 31_999
"""Ports below those that systems assign to clients: one might be taken while its server is down."""
TRIES: Final = 100


def free_port() -> int:
    """Return a port of ``HOST`` on which nobody listened a moment ago."""
    for _ in range(TRIES):
        port = FIRST + secrets.randbelow(LAST - FIRST + 1)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port of {HOST} between {FIRST} and {LAST}")
