"""Fixed layouts: construct and the struct derived from it say the same, or nothing starts."""

from typing import Any

import pytest
from construct import (
    Bytes,
    Const,
    ExprAdapter,
    Int8sb,
    Int8ub,
    Int16sb,
    Int16ub,
    Int16ul,
    Int32ub,
    Int64ub,
    Struct,
)
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import LocalError, RemoteError
from protocol.layout import FixedLayout

PARTS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "u8": (Int8ub, st.integers(0, 0xFF)),
    "s8": (Int8sb, st.integers(-0x80, 0x7F)),
    "u16": (Int16ub, st.integers(0, 0xFFFF)),
    "s16": (Int16sb, st.integers(-0x8000, 0x7FFF)),
    "u32": (Int32ub, st.integers(0, 0xFFFF_FFFF)),
    "u64": (Int64ub, st.integers(0, 2**64 - 1)),
    "raw": (Bytes(5), st.binary(min_size=5, max_size=5)),
}
DECLARATION = Struct(*(name / wire for name, (wire, _) in PARTS.items()))
LAYOUT = FixedLayout(DECLARATION)
VALUES = st.tuples(*(values for _, values in PARTS.values()))


@given(VALUES)
def test_both_readers_and_writers_agree(values: tuple[Any, ...]) -> None:
    packed = LAYOUT.pack(*values)
    assert packed == DECLARATION.build(dict(zip(LAYOUT.names, values, strict=True)))
    assert LAYOUT.unpack(packed) == values
    assert LAYOUT.unpack_prefix(packed + b"more") == values


def test_fields_are_indexed_in_order() -> None:
    assert [LAYOUT.index(name) for name in PARTS] == list(range(len(PARTS)))


@pytest.mark.parametrize("size", [0, LAYOUT.size - 1, LAYOUT.size + 1])
def test_another_size_is_a_remote_error(size: int) -> None:
    with pytest.raises(RemoteError):
        LAYOUT.unpack(bytes(size))


def test_a_short_prefix_is_a_remote_error() -> None:
    with pytest.raises(RemoteError):
        LAYOUT.unpack_prefix(bytes(LAYOUT.size - 1))


@pytest.mark.parametrize("values", [(), (256,), (-1,), ("1",), (1, 2)])
def test_a_value_that_does_not_fit_is_a_local_error(values: tuple[Any, ...]) -> None:
    with pytest.raises(LocalError):
        FixedLayout(Struct("one" / Int8ub)).pack(*values)


@pytest.mark.parametrize("part", [Int16ul, Const(b"AT"), Struct("inner" / Int8ub)])
def test_a_part_without_a_derived_form_is_refused(part: Any) -> None:
    with pytest.raises(ValueError, match="big-endian|derived form"):
        FixedLayout(Struct("part" / part))


class ReversedBytes(Bytes):  # type: ignore[misc]
    """Looks like plain bytes to whoever derives, and is not."""

    def _parse(self, stream: Any, context: Any, path: Any) -> bytes:
        return bytes(super()._parse(stream, context, path))[::-1]


def test_a_disagreement_between_the_two_forms_is_refused() -> None:
    with pytest.raises(ValueError, match="disagrees"):
        FixedLayout(Struct("part" / ReversedBytes(4)))


def test_an_adapter_is_not_taken_for_a_number() -> None:
    halved = ExprAdapter(Int8ub, lambda raw, _: raw // 2, lambda value, _: value * 2)
    with pytest.raises(ValueError, match="derived form"):
        FixedLayout(Struct("part" / halved))
