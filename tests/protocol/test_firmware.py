"""Images: the signed bytes, the arithmetic of blocks, the orders of a transfer."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import LocalError, RemoteError
from protocol.firmware import (
    MAX_BLOCK,
    MAX_SIZE,
    MIN_BLOCK,
    Image,
    parse_public_key,
)
from protocol.kktpc import firmware_commands
from protocol.kktpc.commands import CommandFailed, parse_request
from protocol.platforms import Platform
from tests.protocol.publisher import PUBLISHER, STRANGER, content_of, forge, publish

CONTENT = content_of(2300)
IMAGE = publish(CONTENT)


def test_the_signed_bytes_are_the_documented_ones() -> None:
    expected = (
        b"cash-server firmware 1\n"
        + bytes([61, 50])
        + (2300).to_bytes(4, "big")
        + IMAGE.sha256
        + b"5.9.1"
    )
    assert IMAGE.signed == expected


def test_only_a_trusted_publisher_counts() -> None:
    assert IMAGE.is_genuine([STRANGER, PUBLISHER])
    assert not IMAGE.is_genuine([STRANGER])
    assert not IMAGE.is_genuine([])
    assert not forge(IMAGE).is_genuine([PUBLISHER])
    assert not IMAGE.is_genuine([b"short"])


@pytest.mark.parametrize(
    "change",
    [
        {"model": 62},
        {"platform": Platform.V2_5},
        {"version": "5.9.2"},
        {"size": 2301},
        {"sha256": bytes(32)},
    ],
    ids=str,
)
def test_no_fact_can_be_changed_under_a_signature(change: dict[str, Any]) -> None:
    assert not replace(IMAGE, **change).is_genuine([PUBLISHER])


def test_a_change_of_any_byte_of_the_file_is_noticed() -> None:
    assert IMAGE.is_whole(CONTENT)
    assert not IMAGE.is_whole(CONTENT[:-1])
    assert not IMAGE.is_whole(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))


@given(
    size=st.integers(min_value=1, max_value=MAX_SIZE),
    block_size=st.integers(min_value=MIN_BLOCK, max_value=MAX_BLOCK),
)
def test_blocks_make_up_the_whole(size: int, block_size: int) -> None:
    try:
        image = replace(IMAGE, size=size, block_size=block_size)
    except ValueError:
        assert size > 0xFFFF * block_size
        return
    last = image.blocks - 1
    assert last * block_size + image.length(last) == size
    assert 0 < image.length(last) <= block_size
    assert last == 0 or image.length(0) == block_size


@pytest.mark.parametrize(
    "change",
    [
        {"model": 256},
        {"version": "5.9"},
        {"version": "5.9.1\n"},
        {"version": "../x.1.1"},
        {"size": 0},
        {"size": MAX_SIZE + 1},
        {"sha256": bytes(31)},
        {"signature": bytes(63)},
        {"block_size": MIN_BLOCK - 1},
        {"block_size": MAX_BLOCK + 1},
    ],
    ids=str,
)
def test_impossible_facts_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no image"):
        replace(IMAGE, **change)


@pytest.mark.parametrize("platform", Platform)
def test_an_offer_round_trips(platform: Platform) -> None:
    _, fields = parse_request(firmware_commands.begin(platform, IMAGE))
    assert Image.offered(fields.get("body", fields)) == IMAGE


def test_platform_2_5_transfers_firmware_as_kkt_pc_specifies() -> None:
    begin = firmware_commands.begin(Platform.V2_5, IMAGE)
    assert begin.startswith(bytes.fromhex("ec030900"))
    assert firmware_commands.block(Platform.V2_5, 258, b"x") == bytes.fromhex("ec04020178")
    assert firmware_commands.verify(Platform.V2_5) == bytes.fromhex("ec05")
    assert firmware_commands.install(Platform.V2_5) == bytes.fromhex("ec00")
    assert firmware_commands.read_next(Platform.V2_5, bytes.fromhex("5500000201")) == 258


def test_platform_5_0_transfers_firmware_in_its_own_commands() -> None:
    assert firmware_commands.block(Platform.V5_0, 258, b"x") == bytes.fromhex("d30000010278")
    assert firmware_commands.verify(Platform.V5_0) is None
    assert firmware_commands.install(Platform.V5_0) == bytes.fromhex("d4")
    assert firmware_commands.read_next(Platform.V5_0, bytes.fromhex("550000000102")) == 258


@pytest.mark.parametrize("platform", Platform)
def test_failures_are_parsed_and_malformed_answers_refused(platform: Platform) -> None:
    assert firmware_commands.read_next(platform, b"\x55\x13\x00") == CommandFailed(0x13)
    assert firmware_commands.read_done(platform, b"\x55\x13\x00") == CommandFailed(0x13)
    assert firmware_commands.read_done(platform, b"\x55\x00\x00") is None
    for answer in (b"", b"\x55\x00", b"\x55\x00\x00", b"\x44\x00"):
        with pytest.raises(RemoteError):
            firmware_commands.read_next(platform, answer)


@pytest.mark.parametrize("change", [{"platform": 7}, {"size": 0}, {"version": "x"}], ids=str)
def test_an_impossible_offer_is_a_remote_error(change: dict[str, Any]) -> None:
    with pytest.raises(RemoteError):
        Image.offered({**IMAGE.offer(), **change})


def test_a_publisher_s_key_is_read_strictly() -> None:
    assert parse_public_key(PUBLISHER.hex()) == PUBLISHER
    for text in ("", "zz", PUBLISHER.hex()[:-2], PUBLISHER.hex() + "00"):
        with pytest.raises(LocalError):
            parse_public_key(text)
