"""Licences: a vector by hand, and no bit of one may change."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import RemoteError
from protocol.licences import MAX_NUMBER, WIRE_CODES, Licence, LicenceKind, decode
from tests.protocol.licence_issuer import ISSUING_KEY, LICENCE_ISSUER, licence_of, signed
from tests.protocol.publisher import STRANGER

SERIAL = "00106112345678"
FACTS = "01" + SERIAL + "03" + "69a55110" + "00000000deadbeef"
"""Version 1, the serial number, kind 3, 2026-03-02 08:57:52 UTC, the number."""

licences = st.builds(
    Licence,
    serial_number=st.text("0123456789", min_size=14, max_size=14),
    kind=st.sampled_from(LicenceKind),
    issued_at=st.integers(min_value=0, max_value=2**32 - 1).map(
        lambda seconds: datetime.fromtimestamp(seconds, UTC)
    ),
    number=st.integers(min_value=0, max_value=MAX_NUMBER),
    signature=st.binary(min_size=64, max_size=64),
)


def test_a_licence_has_the_specified_bytes() -> None:
    issued_at = datetime(2026, 3, 2, 8, 57, 52, tzinfo=UTC)
    licence = Licence(SERIAL, LicenceKind.NEWGER_AS_PRINTER, issued_at, 0xDEADBEEF, b"s" * 64)
    assert licence.encode().hex() == FACTS + "73" * 64
    assert licence.signed == b"cash-server licence 1\n" + bytes.fromhex(FACTS)
    assert len(licence.encode()) == 85
    assert decode(licence.encode()) == licence


@given(licences)
def test_every_licence_round_trips(licence: Licence) -> None:
    assert decode(licence.encode()) == licence


@given(st.binary(max_size=100))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(RemoteError):
        assert decode(data).encode() != data


@given(st.integers(min_value=0, max_value=85 * 8 - 1))
def test_a_licence_with_a_changed_bit_is_not_genuine(bit: int) -> None:
    good = bytearray(licence_of(SERIAL, LicenceKind.WEB_DKKT).encode())
    assert decode(bytes(good)).is_genuine([STRANGER, LICENCE_ISSUER])
    good[bit // 8] ^= 1 << bit % 8
    try:
        assert not decode(bytes(good)).is_genuine([LICENCE_ISSUER])
    except RemoteError:
        return


def test_only_a_known_issuer_makes_it_genuine() -> None:
    licence = licence_of(SERIAL, LicenceKind.PLATFORM_5_0)
    assert not licence.is_genuine([])
    assert not licence.is_genuine([STRANGER, b"no key"])
    assert not replace(licence, serial_number="00106112345679").is_genuine([LICENCE_ISSUER])
    assert signed(licence, ISSUING_KEY) == licence


@pytest.mark.parametrize(
    "wrong",
    [
        bytes.fromhex("02" + FACTS[2:]) + bytes(64),
        bytes.fromhex(FACTS.replace(SERIAL + "03", SERIAL + "04")) + bytes(64),
        bytes.fromhex(FACTS.replace(SERIAL, "0010611234567a")) + bytes(64),
        bytes.fromhex(FACTS.replace("00000000deadbeef", "80000000deadbeef")) + bytes(64),
        bytes.fromhex(FACTS) + bytes(63),
        bytes.fromhex(FACTS) + bytes(65),
    ],
)
def test_an_unknown_version_kind_or_length_is_refused(wrong: bytes) -> None:
    with pytest.raises(RemoteError):
        decode(wrong)


@pytest.mark.parametrize(
    "change",
    [
        {"serial_number": "12"},
        {"serial_number": "0010611234567٨"},
        {"number": -1},
        {"number": 2**63},
        {"issued_at": datetime(1969, 12, 31, tzinfo=UTC)},
        {"issued_at": datetime(2107, 1, 1, tzinfo=UTC)},
        {"signature": b"short"},
    ],
)
def test_a_licence_with_impossible_facts_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no licence"):
        replace(licence_of(SERIAL, LicenceKind.WEB_DKKT), **change)


def test_every_kind_has_its_code() -> None:
    assert set(WIRE_CODES) == set(LicenceKind)
    assert sorted(WIRE_CODES.values()) == [1, 2, 3]
