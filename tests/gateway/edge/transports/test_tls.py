"""The port with TLS: who may shake hands, and a certificate that changes under way."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from structlog.testing import capture_logs

from fleet.kit.config import configured
from gateway.edge.config import GatewayConfig
from gateway.edge.metrics import ConversationOutcome, Limit
from gateway.edge.transports.tls import Certificate
from protocol.conversation.messages import Accepted, RefusalReason
from protocol.transport import Transport
from simulator.calls.transports import transport_setup
from simulator.demo import DemoRegisters
from tests.gateway.edge.certificates import Authority
from tests.gateway.edge.running_gateway import (
    HOST,
    SERIAL,
    RawRegister,
    RunningGateway,
    key_of,
    one_ending_recorded,
    running_gateway,
)
from tests.pace import scaled


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path)
    made.issue()
    return made


@pytest.fixture
async def gateway(tmp_path: Path, authority: Authority) -> AsyncIterator[RunningGateway]:
    async with running_gateway(tmp_path, certificate=authority.certificate()) as gateway:
        yield gateway


async def line(gateway: RunningGateway, context: ssl.SSLContext | None) -> RawRegister:
    """A connection to the port with TLS, inside TLS or not."""
    reader, writer = await asyncio.open_connection(HOST, gateway.tls_number, ssl=context)
    return RawRegister(reader, writer, SERIAL, key_of(SERIAL))


def shown(of: RawRegister) -> int:
    """Serial number of the certificate that the gateway has shown."""
    found: Any = of._writer.get_extra_info("ssl_object")
    return x509.load_der_x509_certificate(found.getpeercert(True)).serial_number


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_current_tls_versions_are_served(
    gateway: RunningGateway, authority: Authority, version: ssl.TLSVersion
) -> None:
    trust = authority.trust()
    trust.minimum_version = trust.maximum_version = version
    async with await line(gateway, trust) as register:
        await register.reach_accepted()
        with one_ending_recorded(ConversationOutcome.SERVED, transport="tls"):
            register._writer.close()
            await gateway.until_quiet()


async def test_older_versions_are_refused(gateway: RunningGateway) -> None:
    """As bytes: today's libraries no longer say such a hello.  TLS 1.1, one cipher, no more."""
    hello = bytes.fromhex("0302") + bytes(32) + bytes.fromhex("00 0002c013 0100")
    record = b"\x16\x03\x01" + (len(hello) + 4).to_bytes(2) + b"\x01" + len(hello).to_bytes(3)
    async with await line(gateway, None) as register:
        with one_ending_recorded(
            ConversationOutcome.REFUSED_MALFORMED,
            "unsupported_protocol",
            Limit.TLS,
            transport="tls",
        ):
            register.send(record + hello)
            assert (await register._reader.read()).startswith(b"\x15\x03")


# fmt: off
GARBAGE = {
    "a frame":        (b"\xfe\x1c\x00\xf0\xa6\xdd\xdb\x01", "wrong_version_number"),
    "HTTP":           (b"POST /kkt HTTP/1.1\r\nHost: x\r\n\r\n", "http_request"),
    "zeros":          (bytes(64), "wrong_version_number"),
    "a long record":  (b"\x16\x03\x01\xff\xff" + bytes(64), "packet_length_too_long"),
    "no hello":       (b"\x16\x03\x01\x00\x05" + b"\x63\x00\x00\x01\x00", "unexpected_message"),
    "data too early": (b"\x17\x03\x03\x00\x05hello", "unexpected_message"),
}
# fmt: on


@pytest.mark.parametrize("name", GARBAGE)
async def test_a_peer_without_tls_is_ended_and_counted(gateway: RunningGateway, name: str) -> None:
    words, why = GARBAGE[name]
    async with await line(gateway, None) as stranger:
        with one_ending_recorded(
            ConversationOutcome.REFUSED_MALFORMED, why, Limit.TLS, transport="tls"
        ):
            stranger.send(words)
            async with asyncio.timeout(scaled(5)):
                await stranger._reader.read()
    assert gateway.open == 0


@pytest.mark.parametrize("said", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"])
async def test_an_unfinished_handshake_ends_by_the_hello_timeout(
    tmp_path: Path, authority: Authority, said: bytes
) -> None:
    certificate = authority.certificate()
    async with (
        running_gateway(tmp_path, certificate=certificate, hello_timeout_s=0.15) as gateway,
        await line(gateway, None) as stranger,
    ):
        with one_ending_recorded(
            ConversationOutcome.TIMED_OUT, "hello_timeout", Limit.HELLO_TIMEOUT, transport="tls"
        ):
            stranger.send(said)
            async with asyncio.timeout(scaled(5)):
                await stranger._reader.read()


async def test_silence_after_the_handshake_ends_by_the_hello_timeout(
    gateway: RunningGateway, authority: Authority
) -> None:
    async with await line(gateway, authority.trust()) as silent:
        await gateway.until(lambda: gateway.open == 1)
        with one_ending_recorded(
            ConversationOutcome.TIMED_OUT, "hello_timeout", Limit.HELLO_TIMEOUT, transport="tls"
        ):
            gateway.skip(gateway.edge.config.hello_timeout_s)
            await silent.hung_up()


async def test_garbage_inside_tls_is_refused(gateway: RunningGateway, authority: Authority) -> None:
    async with await line(gateway, authority.trust()) as stranger:
        with one_ending_recorded(
            ConversationOutcome.REFUSED_MALFORMED, "first_bytes", Limit.FIRST_BYTES, transport="tls"
        ):
            stranger.send(b"?" * 1000)
            assert (await stranger.refusal()).reason == RefusalReason.MALFORMED


async def test_a_forged_tls_record_is_refused(
    gateway: RunningGateway, authority: Authority
) -> None:
    """After the handshake somebody writes under TLS."""
    async with await line(gateway, authority.trust()) as register:
        await register.reach_challenge()
        socket = register._writer.get_extra_info("socket")
        with one_ending_recorded(
            ConversationOutcome.REFUSED_MALFORMED,
            "decryption_failed_or_bad_record_mac",
            Limit.TLS,
            transport="tls",
        ):
            os.write(socket.fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))
            await gateway.until_quiet()


async def test_a_new_certificate_is_loaded_and_conversations_go_on(
    gateway: RunningGateway, authority: Authority
) -> None:
    async with await line(gateway, authority.trust()) as early:
        await early.reach_challenge()
        before = shown(early)
        with capture_logs() as told:
            after = authority.issue()
            await gateway.until(lambda: names(told)[-1:] == ["certificate_taken"])
        async with await line(gateway, authority.trust()) as late:
            assert shown(late) == after != before
        early.send(early.check_in())
        assert isinstance(await early.receive(), Accepted)


async def test_a_broken_certificate_is_reported_and_the_old_one_stays(
    gateway: RunningGateway, authority: Authority
) -> None:
    async with await line(gateway, authority.trust()) as early:
        before = shown(early)
    for broken in (b"half of a key", None):
        with capture_logs() as told:
            if broken is None:
                authority.key_file.unlink()
            else:
                authority.key_file.write_bytes(broken)
            await gateway.until(lambda told=told: "certificate_refused" in names(told))  # type: ignore[misc]
        async with await line(gateway, authority.trust()) as late:
            assert shown(late) == before
    with capture_logs() as told:
        after = authority.issue()
        await gateway.until(lambda: names(told)[-1:] == ["certificate_taken"])
    async with await line(gateway, authority.trust()) as late:
        assert shown(late) == after


def names(told: list[Any]) -> list[str]:
    return [one["event"] for one in told if one["event"].startswith("certificate")]


def test_a_gateway_does_not_start_without_its_certificate(
    tmp_path: Path, authority: Authority
) -> None:
    with pytest.raises(ValueError, match="nowhere.pem"):
        Certificate(tmp_path / "nowhere.pem", authority.key_file)
    authority.issue(BestAvailableEncryption(b"secret"))
    with pytest.raises(ValueError, match="no TLS with"):
        authority.certificate()


@pytest.mark.parametrize("given", ["tls_certificate", "tls_key", None])
def test_the_tls_port_needs_both_files(given: str | None) -> None:
    options = {given: Path("server.pem")} if given else {}
    with pytest.raises(ValueError, match="CASH_SERVER_TLS_CERTIFICATE"):
        configured(GatewayConfig, tls_devices="127.0.0.1:7443", **options)


def test_tls_behaves_alike_on_uvloop(tmp_path: Path, authority: Authority) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def scenario() -> None:
        async with running_gateway(tmp_path, certificate=authority.certificate()) as gateway:
            for name in (Transport.TLS, Transport.HTTPS):
                road = transport_setup(name, authority.file)
                assert (await gateway.call(DemoRegisters(1)[0], transport=road)).accepted
            async with await line(gateway, None) as stranger:
                stranger.send(b"garbage")
                await stranger._reader.read()
            await gateway.until_quiet()

    uvloop.run(scenario())
