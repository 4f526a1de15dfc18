"""Telemetry: each field there and back, blocks of every length, tails that a newer one adds."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from construct import Bytes, GreedyBytes
from hypothesis import given
from hypothesis import strategies as st

from protocol import telemetry
from protocol.errors import LocalError, RemoteError
from protocol.telemetry import (
    BLOCK,
    BLOCK_VERSION,
    BY_NAME,
    EMPTY,
    FIELDS,
    LAYOUTS,
    LIVE_FIELDS,
    MAX_TAIL,
    OFTEN,
    OUR_TAGS,
    PROFILE_FIELDS,
    REQUISITES,
    SELDOM,
    TAIL_FIELDS,
    U16,
    Field,
    Tab,
    TailField,
    check,
    decode,
    encode,
    excerpt,
    tail,
)

GOLDEN = Path(__file__).parents[1] / "data" / "telemetry_blocks.tsv"
FIXED = PROFILE_FIELDS + LIVE_FIELDS
NAME = 'Общество с ограниченной ответственностью "Северный хлеб"'
ADDRESS = "191002, Санкт-Петербург, муниципальный округ Владимирский, пер. Учебный, д. 5, литера А"


def profile_of(version: int, block: bytes) -> bytes:
    return check(version, block)[1]


def nothing(field: Field) -> Any:
    """What zeros on the wire mean."""
    wire = field.codec.wire
    if wire is GreedyBytes:
        return field.codec.decode(b"")
    return field.codec.decode(bytes(wire.length) if isinstance(wire, Bytes) else 0)


def test_a_reading_of_zeros_tells_nothing() -> None:
    assert {field.name: nothing(field) for field in FIELDS} == EMPTY


JSON_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "array": list,
}


def raw_values(field: Field) -> st.SearchStrategy[Any]:
    """Anything that the wire can say for a field."""
    wire = field.codec.wire
    if wire is GreedyBytes:
        return st.binary(max_size=field.codec.schema["maxLength"])
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


@pytest.mark.parametrize("version", LAYOUTS)
@given(data=st.data())
def test_any_block_of_the_right_size_is_a_reading(version: int, data: st.DataObject) -> None:
    size = LAYOUTS[version].size
    reading = decode(version, data.draw(st.binary(min_size=size, max_size=size)))
    assert decode(version, encode(reading, version)) == reading


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
        },
        1,
    )
    profile = LAYOUTS[1].profile_size
    assert len(block) == 429
    assert block[:16] == b"5.8.14".ljust(16, b"\0")
    assert bytes.fromhex("8e8e8e2022f0a622") in block[:profile]
    assert block[profile - 2 : profile] == bytes.fromhex("ffc4")
    assert block[profile : profile + 4] == bytes.fromhex("01020304")
    assert block[-7:] == bytes.fromhex("01 0102 6b003640")
    assert bytes((0b0010_0001,)) in block[profile:]


@pytest.mark.parametrize("version", LAYOUTS)
def test_the_profile_is_what_changes_seldom(version: int) -> None:
    def profile(**said: Any) -> bytes:
        return profile_of(version, encode({**EMPTY, **said}, version))

    assert profile(reading_number=9, shift_number=3) == profile()
    assert profile(firmware_version="1") != profile() != profile(owner_name="A")
    assert profile(owner_name="A", address="B") != profile(owner_name="A")


# ---- versions and the tail ----------------------------------------------------------------------


def golden() -> list[tuple[str, ...]]:
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    return [tuple(line.split("\t")) for line in lines if not line.startswith("#")]


@pytest.mark.parametrize(
    ("version", "block", "reading"),
    [pytest.param(int(v), bytes.fromhex(b), r, id=f"{v}-{name}") for v, name, b, r in golden()],
)
def test_a_golden_block_is_decoded_for_ever(version: int, block: bytes, reading: str) -> None:
    check(version, block)
    decoded = json.loads(json.dumps(decode(version, block), default=datetime.isoformat))
    known = json.loads(reading)
    added = {name: value for name, value in EMPTY.items() if name not in known}
    assert decoded == {**added, **known}


def test_every_version_has_golden_blocks() -> None:
    assert {int(version) for version, *_ in golden()} == set(LAYOUTS)


def test_released_layouts_stay_as_they_are() -> None:
    assert {version: (each.size, each.profile_size) for version, each in LAYOUTS.items()} == {
        1: (429, 379),
        2: (317, 267),
    }
    assert max(LAYOUTS) == BLOCK_VERSION
    assert {each.names for each in LAYOUTS.values()} == {BLOCK.names}


def test_tags_stand_once_and_those_of_the_fiscal_format_are_its_numbers() -> None:
    assert len({each.tag for each in TAIL_FIELDS}) == len(TAIL_FIELDS)
    assert all(1000 <= each.tag < 1400 or each.tag >= OUR_TAGS for each in TAIL_FIELDS)
    assert {"owner_name", "address"} <= {each.field.name for each in REQUISITES}


def test_the_newest_version_says_long_texts_whole() -> None:
    said = {**EMPTY, "owner_name": NAME, "address": ADDRESS}
    block = encode(said)
    assert tail(2, block) == [(1048, NAME.encode("cp866")), (1009, ADDRESS.encode("cp866"))]
    assert decode(2, block) == said
    assert decode(2, encode({**said, "owner_name": "Я" * 256}))["owner_name"] == "Я" * 256


def test_version_1_cuts_long_texts() -> None:
    decoded = decode(1, encode({**EMPTY, "owner_name": NAME, "address": ADDRESS}, 1))
    assert (decoded["owner_name"], decoded["address"]) == (NAME[:48], ADDRESS[:64])


def test_a_tail_after_version_1_says_more_than_its_slots() -> None:
    slots = encode({**EMPTY, "owner_name": NAME, "address": ADDRESS}, 1)
    block = slots + tlvs([(1048, NAME.encode("cp866"))])
    decoded = decode(1, block)
    assert (decoded["owner_name"], decoded["address"]) == (NAME, ADDRESS[:64])
    assert profile_of(1, block) != profile_of(1, slots)


def test_a_value_that_is_not_of_its_form_is_kept_as_it_came() -> None:
    decoded = decode(2, encode(EMPTY) + tlvs([(1048, b"x" * 257)]))
    assert decoded["owner_name"] == ""
    assert decoded["tail"] == {"0418": "78" * 257}


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_number_in_the_tail_has_its_size(size: int) -> None:
    field = TailField(OUR_TAGS, OFTEN, Field("paper_m", U16, Tab.STATUS, "Бумага", "Paper"))
    assert (field.read(field.write(258)[4:]), field.empty) == (258, 0)
    with pytest.raises(RemoteError):
        field.read(bytes(size))


@pytest.mark.parametrize("mark", [SELDOM, OFTEN])
def test_one_line_adds_a_field(mark: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    field = TailField(0xFFFF, mark, Field("paper_m", U16, Tab.STATUS, "Бумага", "Paper"))
    monkeypatch.setitem(telemetry._TAIL_BY_NAME, "paper_m", field)
    monkeypatch.setitem(telemetry._TAIL_BY_TAG, 0xFFFF, field)
    monkeypatch.setitem(telemetry._ABSENT, "paper_m", field.empty)
    if mark:
        monkeypatch.setattr(telemetry, "_SELDOM_TAGS", telemetry._SELDOM_TAGS | {0xFFFF})
    block = encode({**EMPTY, "paper_m": 12})
    assert decode(2, block)["paper_m"] == 12
    assert decode(1, bytes(429))["paper_m"] == 0
    assert (profile_of(2, block) != profile_of(2, encode(EMPTY))) is mark
    monkeypatch.undo()
    assert decode(2, block) == {**EMPTY, "tail": {"ffff": "000c"}}


@pytest.mark.parametrize("version", LAYOUTS)
def test_an_excerpt_reads_every_version(version: int) -> None:
    block = encode({**EMPTY, "firmware_version": "5.9", "documents": 7}, version)
    assert excerpt("documents", "firmware_version")(version, block) == (7, "5.9")


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


TLVS = st.lists(st.tuples(st.integers(OUR_TAGS, 0xFFFF), st.binary(max_size=60)), max_size=6)


def tlvs(pairs: list[tuple[int, bytes]]) -> bytes:
    return b"".join(
        tag.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value for tag, value in pairs
    )


@given(TLVS)
def test_unknown_fields_of_a_newer_register_are_kept_unchanged(
    pairs: list[tuple[int, bytes]],
) -> None:
    block = bytes(BLOCK.size) + tlvs(pairs)
    assert tail(BLOCK_VERSION, block) == pairs
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
        {"owner_name": "x" * 257},
        {"address": "a\0b"},
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


@pytest.mark.parametrize("field", FIXED, ids=lambda field: field.name)
def test_an_incomplete_reading_is_our_own_mistake(field: Field) -> None:
    reading = {name: value for name, value in EMPTY.items() if name != field.name}
    with pytest.raises(LocalError, match=field.name):
        encode(reading)
