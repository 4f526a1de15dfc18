"""The key that joins a command on its way out."""

from gateway.edge.key_rotation import with_rotated_key
from protocol.conversation.messages import Step
from protocol.conversation.seal import KeyRing

RING = KeyRing({1: bytes(32), 2: bytes(range(32))})
SERIAL = bytes.fromhex("00106100000001")


def test_only_a_rotation_gets_its_own_registers_key() -> None:
    key = RING.register_key(2, SERIAL)
    assert key is not None
    assert with_rotated_key(Step(7, 1, b"\xd6\x02"), RING, SERIAL) == Step(7, 1, b"\xd6\x02" + key)
    other = with_rotated_key(Step(7, 1, b"\xd6\x02"), RING, bytes(7))
    assert len(other.command) == 34 and key not in other.command
    for command in (b"\x48", b"\x50\x02", b"\xd7\x01"):
        assert with_rotated_key(Step(7, 1, command), RING, SERIAL).command == command


def test_an_unknown_generation_has_no_key() -> None:
    step = Step(7, 1, b"\xd6\x09")
    assert with_rotated_key(step, RING, SERIAL) == step
