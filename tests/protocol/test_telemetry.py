"""Telemetry: each field there and back, blocks of every length, tails that a newer one adds."""

from datetime import UTC, datetime
from typing import Any

import pytest
from construct import Bytes
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import LocalError, RemoteError
from protocol.telemetry import (
    BLOCK,
    BLOCK_VERSION,
    BY_NAME,
    FIELDS,
    MAX_TAIL,
    PROFILE_FIELDS,
    PROFILE_SIZE,
    Field,
    check,
    decode,
    encode,
    tail,
)


def nothing(field: Field) -> Any:
    """What zeros on the wire mean."""
    wire = field.codec.wire
    return field.codec.decode(bytes(wire.length) if isinstance(wire, Bytes) else 0)


EMPTY = {field.name: nothing(field) for field in FIELDS}
JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "array": list,
}


def raw_values(field: Field) -> st.SearchStrategy[Any]:
    """Anything that the wire can say for a field."""
    wire = field.codec.wire
    if isinstance(wire, Bytes):
        return st.binary(min_size=wire.length, max_size=wire.length)
    bits = 8 * wire.sizeof()
    signed = wire.fmtstr[-1].islower()
    return (
        st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        if signed
        else st.integers(0, 2**bits - 1)
    )


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
@given(data=st.data())
def test_every_field_round_trips(field: Field, data: st.DataObject) -> None:
    value = field.codec.decode(data.draw(raw_values(field)))
    block = encode({**EMPTY, field.name: value})
    assert decode(BLOCK_VERSION, block) == {**EMPTY, field.name: value}


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
@given(data=st.data())
def test_every_value_matches_its_schema(field: Field, data: st.DataObject) -> None:
    value = field.codec.decode(data.draw(raw_values(field)))
    kind = field.codec.schema["type"]
    if kind == ["string", "null"]:
        assert value is None or (isinstance(value, datetime) and value.tzinfo is UTC)
    else:
        assert isinstance(value, JSON_TYPES[kind])


@given(st.binary(min_size=BLOCK.size, max_size=BLOCK.size))
def test_any_block_of_the_right_size_is_decoded(block: bytes) -> None:
    reading = decode(BLOCK_VERSION, block)
    assert decode(BLOCK_VERSION, encode(reading)) == reading


def test_the_block_has_the_specified_bytes() -> None:
    block = encode(
        {
            **EMPTY,
            "firmware_version": "5.8.14",
            "registration_number": "0000000001012345",
            "owner_name": 'ООО "Ёж"',
            "utc_offset_min": -60,
            "reading_number": 0x01020304,
            "printer": ["no_paper", "cover_open"],
            "shift_state": "open",
            "shift_number": 258,
            "shift_opened_at": datetime(2026, 11, 20, 12, tzinfo=UTC),
        }
    )
    assert len(block) == 429
    assert block[:16] == b"5.8.14".ljust(16, b"\0")
    assert bytes.fromhex("8e8e8e2022f0a622") in block[:PROFILE_SIZE]
    assert block[PROFILE_SIZE - 2 : PROFILE_SIZE] == bytes.fromhex("ffc4")
    assert block[PROFILE_SIZE : PROFILE_SIZE + 4] == bytes.fromhex("01020304")
    assert block[-7:] == bytes.fromhex("01 0102 6b003640")
    assert bytes((0b0010_0001,)) in block[PROFILE_SIZE:]


def test_fields_that_change_seldom_come_first() -> None:
    assert FIELDS[: len(PROFILE_FIELDS)] == PROFILE_FIELDS
    live = {**EMPTY, "reading_number": 9, "shift_number": 3}
    seldom = {**EMPTY, "firmware_version": "1"}
    assert encode(live)[:PROFILE_SIZE] == encode(EMPTY)[:PROFILE_SIZE]
    assert encode(seldom)[:PROFILE_SIZE] != encode(EMPTY)[:PROFILE_SIZE]


def test_fields_are_named_once_and_in_both_languages() -> None:
    assert len(BY_NAME) == len(FIELDS)
    assert len({field.label_ru for field in FIELDS}) == len(FIELDS)
    assert len({field.label_en for field in FIELDS}) == len(FIELDS)


@pytest.mark.parametrize("version", [0, BLOCK_VERSION + 1, 255])
def test_an_unknown_version_is_refused(version: int) -> None:
    with pytest.raises(RemoteError) as caught:
        check(version, bytes(BLOCK.size))
    assert caught.value.code == "version"


@pytest.mark.parametrize("size", [0, 1, BLOCK.size - 1])
def test_a_short_block_is_refused(size: int) -> None:
    with pytest.raises(RemoteError) as caught:
        check(BLOCK_VERSION, bytes(size))
    assert caught.value.code == "malformed"


TLVS = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=60)), max_size=6)


def tlvs(pairs: list[tuple[int, bytes]]) -> bytes:
    return b"".join(
        tag.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value for tag, value in pairs
    )


@given(TLVS)
def test_unknown_fields_of_a_newer_register_are_kept_unchanged(
    pairs: list[tuple[int, bytes]],
) -> None:
    block = bytes(BLOCK.size) + tlvs(pairs)
    assert list(tail(block)) == pairs
    kept = {f"{tag:04x}": value.hex() for tag, value in pairs}
    assert decode(BLOCK_VERSION, block).get("tail", {}) == kept


@given(TLVS.filter(bool), st.data())
def test_a_truncated_tail_is_refused(pairs: list[tuple[int, bytes]], data: st.DataObject) -> None:
    whole = tlvs(pairs)
    last = 4 + len(pairs[-1][1])
    cut = data.draw(st.integers(1, last - 1))
    with pytest.raises(RemoteError) as caught:
        check(BLOCK_VERSION, bytes(BLOCK.size) + whole[:-cut])
    assert caught.value.code == "malformed"


@pytest.mark.parametrize(("length", "good"), [(MAX_TAIL, True), (MAX_TAIL + 1, False)])
def test_a_tail_that_is_too_long_is_refused(length: int, good: bool) -> None:
    block = bytes(BLOCK.size) + tlvs([(1, bytes(length - 4))])
    if good:
        check(BLOCK_VERSION, block)
        return
    with pytest.raises(RemoteError):
        check(BLOCK_VERSION, block)


@pytest.mark.parametrize(
    "wrong",
    [
        {"firmware_version": "x" * 17},
        {"firmware_version": "a\0b"},
        {"owner_name": "漢字"},
        {"battery_mv": 0x10000},
        {"battery_mv": -1},
        {"shift_state": "ajar"},
        {"printer": ["on_fire"]},
        {"printer": ["bit_8"]},
        {"clock": datetime(2200, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_reading_that_does_not_fit_is_a_local_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(LocalError):
        encode({**EMPTY, **wrong})


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_an_incomplete_reading_is_a_local_error(field: Field) -> None:
    reading = {name: value for name, value in EMPTY.items() if name != field.name}
    with pytest.raises(LocalError, match=field.name):
        encode(reading)
