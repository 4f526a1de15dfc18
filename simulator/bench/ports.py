"""Ports for servers that are told where to listen, and may stop and listen there again."""

import secrets
import socket
from typing import Final

HOST: Final = "127.0.0.1"
FIRST, LAST = 20_000, 31_999
"""Below those that systems lend to calls: one might be lent while its server is away."""
TRIES: Final = 100


def free_port() -> int:
    """A port of ``HOST`` that nobody listened on a moment ago."""
    for _ in range(TRIES):
        port = FIRST + secrets.randbelow(LAST - FIRST + 1)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port of {HOST} between {FIRST} and {LAST}")
