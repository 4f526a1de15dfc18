"""Keys and sealing: as the formulas say, and open to nobody else."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.conversation.seal import DOWN, UP, KeyRing, Seal, proof
from protocol.errors import RemoteError
from tests.protocol import sealing_formulas as by_the_book

FLEET_KEY = bytes(range(32))
SERIAL = bytes.fromhex("00106101234567")
NONCES = bytes(range(100, 132))
RING = KeyRing({1: bytes(32), 3: FLEET_KEY})


def key_of(serial: bytes = SERIAL, generation: int = 3) -> bytes:
    key = RING.register_key(generation, serial)
    assert key is not None
    return key


@given(st.binary(min_size=7, max_size=7), st.binary(min_size=32, max_size=32))
def test_a_register_key_follows_the_formula(serial: bytes, fleet_key: bytes) -> None:
    assert KeyRing({9: fleet_key}).register_key(9, serial) == by_the_book.register_key(
        fleet_key, serial
    )


@given(st.binary(max_size=40), st.binary(min_size=16, max_size=16))
def test_the_gateway_proof_follows_the_formula(hello_body: bytes, nonce: bytes) -> None:
    assert proof(key_of(), hello_body, nonce) == by_the_book.proof(key_of(), hello_body, nonce)


@pytest.mark.parametrize(("direction", "word"), [(UP, "up"), (DOWN, "down")])
def test_sealed_messages_follow_the_formula(direction: bytes, word: str) -> None:
    seal = Seal(key_of(), direction, NONCES)
    for counter, message in enumerate((b"", b"one", bytes(1000))):
        expected = by_the_book.sealed(key_of(), word, NONCES, counter, message, SERIAL)
        assert seal.seal(message, b"\x03" + SERIAL) == expected


def pair(key: bytes | None = None) -> tuple[Seal, Seal]:
    return Seal(key_of(), UP, NONCES), Seal(key or key_of(), UP, NONCES)


def refused(opener: Seal, sealed: bytes, associated: bytes = b"ad") -> bool:
    with pytest.raises(RemoteError) as caught:
        opener.open(sealed, associated)
    return caught.value.code == "key"


@given(st.lists(st.binary(max_size=50), max_size=5))
def test_messages_open_in_order(messages: list[bytes]) -> None:
    sealer, opener = pair()
    assert [opener.open(sealer.seal(each, b"ad"), b"ad") for each in messages] == messages


def test_a_replayed_message_does_not_open() -> None:
    sealer, opener = pair()
    sealed = sealer.seal(b"one", b"ad")
    opener.open(sealed, b"ad")
    assert refused(opener, sealed)


def test_reordered_and_lost_messages_do_not_open() -> None:
    sealer, opener = pair()
    first, second = sealer.seal(b"one", b"ad"), sealer.seal(b"two", b"ad")
    assert refused(opener, second)
    assert opener.open(first, b"ad") == b"one"


def test_a_message_of_the_other_direction_does_not_open() -> None:
    sealed = Seal(key_of(), DOWN, NONCES).seal(b"one", b"ad")
    assert refused(Seal(key_of(), UP, NONCES), sealed)


def test_a_message_of_another_conversation_does_not_open() -> None:
    sealed = Seal(key_of(), UP, NONCES[::-1]).seal(b"one", b"ad")
    assert refused(Seal(key_of(), UP, NONCES), sealed)


def test_a_message_under_another_kind_or_serial_does_not_open() -> None:
    sealer, opener = pair()
    assert refused(opener, sealer.seal(b"one", b"\x03" + SERIAL), b"\x03" + bytes(7))


@pytest.mark.parametrize("generation", [1, 3])
def test_another_registers_key_opens_nothing(generation: int) -> None:
    sealer, opener = pair(key_of(bytes(7), generation))
    assert refused(opener, sealer.seal(b"one", b"ad"))


@given(st.binary(max_size=40), st.data())
def test_a_message_with_a_flipped_bit_does_not_open(message: bytes, data: st.DataObject) -> None:
    sealer, opener = pair()
    sealed = bytearray(sealer.seal(message, b"ad"))
    place = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[place // 8] ^= 1 << place % 8
    assert refused(opener, bytes(sealed))


@given(st.binary(max_size=60))
def test_a_forged_message_does_not_open(forged: bytes) -> None:
    assert refused(pair()[1], forged)


def test_a_key_ring_has_no_key_of_an_unknown_generation() -> None:
    assert RING.register_key(2, SERIAL) is None
    assert RING.current == 3


def test_a_generated_key_ring_round_trips(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    path.write_text(KeyRing.generate())
    first, second = KeyRing.load(path), KeyRing.parse(KeyRing.generate())
    assert first.current == second.current == 1
    assert first.register_key(1, SERIAL) != second.register_key(1, SERIAL)


@pytest.mark.parametrize(
    "ring",
    [
        {},
        [],
        {"0": "00" * 32},
        {"256": "00" * 32},
        {"one": "00" * 32},
        {"1": "00" * 31},
        {"1": "zz" * 32},
        {"1": 5},
    ],
)
def test_an_invalid_key_ring_is_refused(ring: object) -> None:
    with pytest.raises(ValueError):
        KeyRing.parse(json.dumps(ring))
    with pytest.raises(ValueError, match="not a key ring"):
        KeyRing.parse(json.dumps(ring)[:-1])


def test_keys_are_hidden_in_errors_and_representations() -> None:
    secret = "5e" * 32
    assert secret not in repr(KeyRing({1: bytes.fromhex(secret)}))
    for text in (f'{{"0": "{secret}"}}', f'{{"1": "{secret}00"}}', f'["{secret}"]', f'"{secret}'):
        with pytest.raises(ValueError) as caught:
            KeyRing.parse(text)
        assert secret not in repr(caught.value) + str(caught.value.__cause__)
