"""A register at the end of a KKT-PC line: what it tells of itself, and what it does when told."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from gateway.assistant.image_store import LINE_BLOCK, ImageNotGenuine, ImageStore, cut_into_blocks
from gateway.assistant.kktpc import connect, open_tcp
from gateway.assistant.kktpc.connection import KktPcConnection, identify_register
from gateway.assistant.kktpc.reading import FIELD_EXTRACTORS, UNAVAILABLE_FIELDS
from gateway.assistant.register_connection import (
    ConnectionKind,
    RegisterUnreachable,
    StepOutcomeUnknown,
)
from protocol import telemetry
from protocol.conversation.messages import StepRefusal
from protocol.firmware import Image
from protocol.kktpc import firmware_commands as orders
from protocol.kktpc.commands import encode_request
from protocol.platforms import Platform
from simulator.kktpc import LineSetup, serve_tcp
from simulator.register.simulated_register import SimulatedRegister
from tests.gateway.assistant.connections import DONE, NOON, SERIAL, a_register

PUBLISHER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TRUSTED = (PUBLISHER.public_key().public_bytes_raw(),)
CONTENT = b"version 3.0.9999\0" + bytes(range(256)) * 20 + b"\xfe\xfd" * 300
V2_5 = Platform.V2_5


def an_image(content: bytes = CONTENT, model: int = 61, version: str = "3.0.9999") -> Image:
    unsigned = Image(model, V2_5, version, len(content), sha256(content).digest(), bytes(64), 1024)
    signature = PUBLISHER.sign(unsigned.signed)
    return Image(model, V2_5, version, len(content), unsigned.sha256, signature, 1024)


@asynccontextmanager
async def way_to(register: SimulatedRegister, folder: Path) -> AsyncIterator[KktPcConnection]:
    setup = LineSetup(now=lambda: NOON, restart_s=0.1)
    server = await serve_tcp(register, "127.0.0.1", 0, setup)
    place = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    host = await connect(await open_tcp("127.0.0.1", int(place.split(":")[1])), serial=False)
    try:
        about = await identify_register(host, ConnectionKind.TCP, place)
        yield KktPcConnection(about, host, ImageStore(folder, SERIAL, TRUSTED), lambda: NOON)
    finally:
        host.close()
        server.close()


def test_every_field_of_the_telemetry_is_read_or_has_a_reason() -> None:
    """One of the tail that is no requisite may also wait for its line, and is empty until then."""
    known = FIELD_EXTRACTORS.keys() | UNAVAILABLE_FIELDS.keys()
    requisites = {each.field.name for each in telemetry.REQUISITES}
    assert {*telemetry.BLOCK.names, *requisites} <= known <= set(telemetry.BY_NAME)
    assert not FIELD_EXTRACTORS.keys() & UNAVAILABLE_FIELDS.keys()
    assert all(UNAVAILABLE_FIELDS.values())


async def test_the_reading_equals_the_registers_own(tmp_path: Path) -> None:
    register = a_register()
    async with way_to(register, tmp_path) as way:
        read = await way.reading()
    own = register.reading(NOON)
    telemetry.encode(read)
    rough = {
        "clock": 60,
        "fiscal_drive_activated_at": 86_400,
        "fiscal_drive_until": 86_400,
        "first_unsent_at": 60,
        "shift_opened_at": 60,
        "ofd_last_contact_at": 60,
    }
    apart = {
        name: (read[name], own[name])
        for name in FIELD_EXTRACTORS.keys() - rough.keys() - {"battery_mv", "control_unit_revision"}
        if read[name] != own[name]
    }
    assert apart == {}
    for name, seconds in rough.items():
        found, expected = read[name], own[name]
        assert (found is None) == (expected is None), name
        if found:
            assert abs(found - expected) <= timedelta(seconds=seconds), name


async def test_a_command_is_answered_through_the_connection(tmp_path: Path) -> None:
    register = a_register()
    async with way_to(register, tmp_path) as way:
        asked = encode_request("read_type")
        assert await way.execute(asked, "1") == register.execute(asked, NOON)
        assert way.identity.serial_number == SERIAL
        assert way.identity.firmware_version == register.loader.firmware


@pytest.mark.parametrize("code", [0xD0, 0xD2, 0xD5, 0xD6, 0xD8, 0xDC])
async def test_commands_outside_kkt_pc_are_unsupported(tmp_path: Path, code: int) -> None:
    async with way_to(a_register(), tmp_path) as way:
        assert await way.execute(bytes((code, 1)), "1") is StepRefusal.UNSUPPORTED


async def load(way: KktPcConnection, image: Image, content: bytes, first: int, last: int) -> None:
    for number in range(first, last):
        data = content[number * image.block_size :][: image.length(number)]
        await way.execute(orders.block(V2_5, number, data), "")


async def test_a_genuine_image_is_installed_despite_a_cut_transfer(
    tmp_path: Path,
) -> None:
    register, image = a_register(), an_image()
    register.close_shift(NOON)
    register.drive.unsent = 0
    heard: list[int] = []
    async with way_to(register, tmp_path) as way:
        assert await way.execute(orders.begin(V2_5, image), "1") == DONE + b"\0\0"
        await load(way, image, CONTENT, 0, 3)
    async with way_to(register, tmp_path) as way:
        way.report_percent = heard.append
        assert await way.execute(orders.begin(V2_5, image), "2") == DONE + b"\3\0"
        verify, install = orders.verify(V2_5), orders.install(V2_5)
        assert verify is not None
        assert await way.execute(verify, "3") == b"\x55\xaf\0"
        await load(way, image, CONTENT, 3, image.blocks)
        assert await way.execute(verify, "4") == DONE
        assert heard == sorted(heard) and heard[-1] == 100
        before = await way.state_before(install)
        assert await way.execute(install, "5") == DONE
        await way.host.wait_lost()
    async with way_to(register, tmp_path) as way:
        assert way.identity.firmware_version == "3.0.9999"
        assert await way.recover_answer(install, before) == DONE
        assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("image", "content"),
    [
        (an_image(model=62), CONTENT),
        (Image(61, V2_5, "3.0.9999", 5, sha256(b"12345").digest(), bytes(64), 1024), b"12345"),
        (an_image(), CONTENT[:-1] + b"!"),
    ],
    ids=["another model", "not signed", "another file"],
)
async def test_a_wrong_or_unsigned_image_never_reaches_the_register(
    tmp_path: Path, image: Image, content: bytes
) -> None:
    register = a_register()
    async with way_to(register, tmp_path) as way:
        verify = orders.verify(V2_5)
        assert verify is not None
        begun = await way.execute(orders.begin(V2_5, image), "1")
        await load(way, image, content, 0, image.blocks)
        verified = await way.execute(verify, "2")
        assert b"\x55\x13\0" in (begun, verified)
        assert verified != DONE


async def test_firmware_waits_until_the_register_is_idle(tmp_path: Path) -> None:
    register = a_register()
    register.drive.unsent = 0
    if register.shift_opened_at is None:
        register.open_shift(NOON)
    async with way_to(register, tmp_path) as way:
        assert await way.execute(orders.install(V2_5), "1") is StepRefusal.SHIFT_OPEN
        drive_mode = encode_request("enter_mode", mode=6, password="00000030")
        assert await way.execute(drive_mode, "2") is StepRefusal.SHIFT_OPEN


async def test_the_outcome_of_a_traceless_command_is_unknown(tmp_path: Path) -> None:
    async with way_to(a_register(), tmp_path) as way:
        cut_paper, read = encode_request("cut", partial=0), encode_request("read_state")
        with pytest.raises(StepOutcomeUnknown):
            await way.recover_answer(cut_paper, await way.state_before(cut_paper))
        assert await way.recover_answer(read, {}) is None


OPEN, CLOSE = encode_request("open_shift", flags=0), encode_request("close_shift")
X_REPORT, ARCHIVE = encode_request("print_report", type=9), encode_request("close_archive")
CASH_IN = encode_request("cash_in", flags=0, sum=500)


def in_mode(mode: int, *commands: bytes) -> tuple[bytes, ...]:
    entered = encode_request("enter_mode", mode=mode, password="00000030")
    return entered, *commands, encode_request("leave_mode")


def work(register: SimulatedRegister, commands: tuple[bytes, ...]) -> None:
    for command in commands:
        assert register.execute(command, NOON)[:2] == b"\x55\0", command.hex()
    register.drive.unsent = 0


@pytest.mark.parametrize(
    ("command", "others", "own"),
    [
        (CLOSE, in_mode(2, X_REPORT), in_mode(3, CLOSE)),
        (OPEN, in_mode(2, X_REPORT), in_mode(1, OPEN)),
        (
            CASH_IN,
            in_mode(1, encode_request("cash_in", flags=0, sum=499)),
            in_mode(1, encode_request("cash_in", flags=0, sum=1)),
        ),
        (
            encode_request("cash_out", flags=0, sum=1),
            in_mode(1, encode_request("cash_in", flags=0, sum=1)),
            in_mode(1, encode_request("cash_out", flags=0, sum=2)),
        ),
        (ARCHIVE, in_mode(2, X_REPORT), in_mode(6, ARCHIVE)),
    ],
    ids=["close", "open", "cash in", "cash out", "archive"],
)
async def test_a_cashiers_change_is_not_taken_for_the_command(
    tmp_path: Path, command: bytes, others: tuple[bytes, ...], own: tuple[bytes, ...]
) -> None:
    """Nothing happened: not done.  Something else happened: ask a person.  It happened: done."""
    register = a_register()
    register.drive.unsent = 0
    work(register, in_mode(3, CLOSE))
    if command not in (OPEN, ARCHIVE):
        work(register, in_mode(1, OPEN, CASH_IN))
    async with way_to(register, tmp_path) as way:
        before = await way.state_before(command)
        assert before
        assert await way.recover_answer(command, before) is None
        work(register, others)
        if command == ARCHIVE:  # no work of a cashier ends the life of a drive
            assert await way.recover_answer(command, before) is None
        else:
            with pytest.raises(StepOutcomeUnknown):
                await way.recover_answer(command, before)
        work(register, own)
        assert await way.recover_answer(command, before) == DONE


async def test_a_removed_register_is_unreachable(tmp_path: Path) -> None:
    async with way_to(a_register(), tmp_path) as way:
        way.host.close()
        with pytest.raises(RegisterUnreachable):
            await way.reading()


@given(st.binary(max_size=3000))
def test_line_blocks_fit_and_make_up_the_file(content: bytes) -> None:
    blocks = list(cut_into_blocks(content))
    assert b"".join(blocks) == content
    assert all(0 < len(b) + b.count(0xFD) + b.count(0xFE) <= LINE_BLOCK for b in blocks)


def test_an_offer_survives_a_restart_and_another_erases_it(tmp_path: Path) -> None:
    image, other = an_image(), an_image(CONTENT[:2000], version="3.0.9998")
    ImageStore(tmp_path, SERIAL, TRUSTED).begin(orders.begin(V2_5, image), 61)
    ImageStore(tmp_path, SERIAL, TRUSTED).write(0, CONTENT[:1024])
    again = ImageStore(tmp_path, SERIAL, TRUSTED)
    assert again.begin(orders.begin(V2_5, image), 61) == 1
    assert again.begin(orders.begin(V2_5, other), 61) == 0
    with pytest.raises(ImageNotGenuine):
        ImageStore(tmp_path, SERIAL, ()).begin(orders.begin(V2_5, image), 61)


def test_what_is_not_known_is_empty_and_can_be_sent() -> None:
    assert telemetry.encode(telemetry.EMPTY) == bytes(telemetry.BLOCK.size)
