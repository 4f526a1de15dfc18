"""The roads that a simulated register may take, without a socket, and on the command line."""

import subprocess
import sys
from pathlib import Path

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.conversation.seal import KeyRing
from protocol.transport import Transport
from simulator.calls.http import LONGEST_ANSWER, CarrierError, HttpCarrier
from simulator.calls.transports import PLAIN_TCP, SOCKET_TRANSPORTS, transport_setup
from tests.pace import scaled

OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n%b"


def answer(body: bytes, more: bytes = b"") -> bytes:
    return OK % (len(body), more, body)


def asked(request: bytes) -> tuple[h11.Request, bytes]:
    """A request as a server reads it."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(request)
    head, data = server.next_event(), server.next_event()
    assert isinstance(head, h11.Request) and isinstance(data, h11.Data)
    assert isinstance(server.next_event(), h11.EndOfMessage)
    return head, bytes(data.data)


def test_frames_become_a_request() -> None:
    head, body = asked(HttpCarrier("service.example", "/kkt").pack(b"\xfe\x01"))
    assert (head.method, head.target, body) == (b"POST", b"/kkt", b"\xfe\x01")
    headers = dict(head.headers)
    assert headers[b"host"] == b"service.example"
    assert headers[b"content-type"] == b"application/octet-stream"


@given(st.binary(max_size=50), st.integers(1, 20))
def test_an_answer_in_pieces_yields_its_frames_when_complete(body: bytes, size: int) -> None:
    carrier = HttpCarrier("x", "/kkt")
    for _ in range(2):
        carrier.pack(b"frames")
        data = answer(body)
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert [carrier.unpack(piece) for piece in pieces[:-1]] == [b""] * (len(pieces) - 1)
        assert carrier.unpack(pieces[-1]) == body


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "http_404"),
        (b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", "http_302"),
        (b"\xfe\x01\x00\x00\r\n\r\n", "http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n", "http"),
        (answer(bytes(LONGEST_ANSWER + 1)), "http_oversize"),
    ],
)
def test_an_invalid_answer_breaks_the_call(data: bytes, why: str) -> None:
    carrier = HttpCarrier("x", "/kkt")
    carrier.pack(b"frames")
    with pytest.raises(CarrierError) as broken:
        carrier.unpack(data)
    assert broken.value.why == why


def test_a_request_after_the_peer_closed_breaks_the_call() -> None:
    carrier = HttpCarrier("x", "/kkt")
    carrier.pack(b"frames")
    assert carrier.unpack(answer(b"last", b"Connection: close\r\n")) == b"last"
    with pytest.raises(CarrierError, match="http"):
        carrier.unpack(b"more")
    with pytest.raises(CarrierError, match="http_order"):
        carrier.pack(b"frames")


@given(st.binary(max_size=200))
def test_any_answer_yields_frames_or_breaks_the_call(data: bytes) -> None:
    carrier = HttpCarrier("x", "/kkt")
    carrier.pack(b"frames")
    try:
        carrier.unpack(data)
    except CarrierError as broken:
        assert broken.why.startswith("http")


@pytest.mark.parametrize("name", SOCKET_TRANSPORTS)
def test_each_transport_has_its_setup(name: Transport) -> None:
    road = transport_setup(name, path="/other")
    assert (road.tls is not None) == (name in ("tls", "https"))
    assert road.path == ("/other" if name in ("http", "https") else None)
    assert (road == PLAIN_TCP) == (name == "tcp")


@pytest.mark.parametrize("file", ["nowhere.pem", __file__])
def test_a_file_without_certificates_is_reported(tmp_path: Path, file: str) -> None:
    ring = tmp_path / "key-ring.json"
    ring.write_text(KeyRing.generate())
    command = [sys.executable, "-m", "simulator", "run", "--key-ring", str(ring)]
    command += ["--road", "tls", "--ca", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=scaled(30))
    assert done.returncode == 2
    said = "".join(done.stderr.replace("│", " ").split())
    assert "--ca" in said and Path(file).name in said and "Traceback" not in said
