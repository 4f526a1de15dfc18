"""A Mosquitto of one's own."""

import socket
from pathlib import Path

import pytest

from tests.servers import mosquitto as module
from tests.servers.mosquitto import HOST, Mosquitto, MosquittoError, MosquittoMissing


def answers(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def test_mosquitto_restarts_on_the_same_port(mosquitto: Mosquitto) -> None:
    with Mosquitto() as broker:
        port = broker.port
        assert port != mosquitto.port and answers(port)
        broker.kill()
        assert not answers(port)
        broker.restart()
        assert answers(port)
        folder = broker._folder
    assert not answers(port)
    assert not folder.exists()


def test_a_refused_configuration_is_reported(mosquitto: Mosquitto) -> None:
    with pytest.raises(MosquittoError, match="nonsense"):
        Mosquitto(["nonsense 1"])


def test_the_production_configuration_is_accepted(mosquitto: Mosquitto) -> None:
    """Line by line, but for what names files and addresses of another machine."""
    lines = Path("deploy/mosquitto/mosquitto.conf").read_text().splitlines()
    own = ("listener", "certfile", "keyfile", "tls_version", "plugin", "allow_anonymous", "#")
    with Mosquitto([line for line in lines if line and not line.startswith(own)]) as broker:
        assert answers(broker.port)


def test_a_machine_without_mosquitto_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(module, "PROGRAMS", ("/nowhere",))
    with pytest.raises(MosquittoMissing, match="/nowhere"):
        Mosquitto()
    monkeypatch.setattr(module, "PLUGINS", ("/nowhere",))
    with pytest.raises(MosquittoMissing, match=module.PLUGIN):
        module.find_plugin()
