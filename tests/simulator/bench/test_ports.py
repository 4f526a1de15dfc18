"""Ports for servers that come back to where they were."""

import socket

import pytest

from simulator.bench import ports
from simulator.bench.ports import HOST, free_port


def test_a_free_port_is_outside_the_client_range_and_can_be_bound() -> None:
    port = free_port()
    assert ports.FIRST <= port <= ports.LAST
    with socket.socket() as server:
        server.bind((HOST, port))


def test_an_error_is_raised_when_every_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        number = taken.getsockname()[1]
        monkeypatch.setattr(ports, "FIRST", number)
        monkeypatch.setattr(ports, "LAST", number)
        with pytest.raises(OSError, match="no free port"):
            free_port()
