"""The faults themselves, on bytes in memory."""

import pytest

from simulator.calls.bad_links import BadLink, Direction, Fault

UP, DOWN = Direction.UP, Direction.DOWN


@pytest.mark.parametrize(
    ("fault", "out"),
    [
        (Fault(), [b"abc", b"def"]),
        (Fault(drip=True), [b"a", b"b", b"c", b"d", b"e", b"f"]),
        (Fault(cut_after=0), []),
        (Fault(cut_after=2), [b"ab"]),
        (Fault(cut_after=3), [b"abc"]),
        (Fault(cut_after=4), [b"abc", b"d"]),
        (Fault(dead_after=4), [b"abc", b"d"]),
        (Fault(garbage_at=0, garbage=b"!"), [b"!abc", b"def"]),
        (Fault(garbage_at=4, garbage=b"!!"), [b"abc", b"d!!ef"]),
        (Fault(flip_at=3), [b"abc", b"eef"]),
        (Fault(repeat_chunk=1), [b"abc", b"def", b"def"]),
        (Fault(DOWN, cut_after=0, drip=True), [b"abc", b"def"]),
    ],
)
def test_each_fault_changes_the_chunks(fault: Fault, out: list[bytes]) -> None:
    link = BadLink(fault)
    assert [chunk for data in (b"abc", b"def") for chunk in link.transfer(UP, data)] == out


@pytest.mark.parametrize("cut_after", range(8))
def test_a_cut_counts_over_both_directions(cut_after: int) -> None:
    link, passed = BadLink(Fault(cut_after=cut_after)), b""
    for direction, data in ((UP, b"ab"), (DOWN, b"cd"), (UP, b"ef")):
        passed += b"".join(link.transfer(direction, data))
    assert passed == b"abcdef"[:cut_after]
    assert link.cut is (cut_after <= 6)


def test_a_dead_link_is_not_cut() -> None:
    link = BadLink(Fault(dead_after=2))
    assert link.transfer(UP, b"abc") == [b"ab"]
    assert (link.cut, link.dead) == (False, True)
    assert link.transfer(DOWN, b"abc") == []
