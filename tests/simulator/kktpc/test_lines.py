"""The register's end of a line, as bytes: checksums, repetitions, probes, silence, noise, and the
exchange by turns of lower level v2 in virtual time."""

import asyncio
import os
import random
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.platforms import Platform
from simulator.kktpc import LineSetup
from simulator.kktpc.line_v2 import ExchangeState, LineV2
from simulator.kktpc.line_v3 import LineV3
from simulator.kktpc.probe import ProbeLine
from simulator.register.simulated_register import SimulatedRegister
from tests.examples import examples
from tests.simulator.conftest import NOON
from tests.simulator.kktpc.conftest import at_line, new_register, with_host
from tests.simulator.kktpc.host import HostV3, frame, over_tcp, take_frame, xor

PROBE_5_0 = bytes.fromhex("24400d002001f7407465737465")
ABORT, ABORTED = bytes.fromhex("fe010000c402"), bytes.fromhex("fe010000a32e")
ASK_STATE = bytes.fromhex("c101000000 45")


@pytest.fixture
def line(register: SimulatedRegister) -> LineV3:
    return LineV3(register)


def replies(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    while (one := take_frame(data)) is not None:
        packet_id, said, data = one
        found.append((packet_id, said))
    assert not data
    return found


# ---- lower level v3 -----------------------------------------------------------------------------


def test_the_vectors_of_the_specification_are_answered(line: LineV3) -> None:
    assert line.receive(ABORT, 0) == ABORTED
    assert line.receive(bytes.fromhex("fe060000c10100000 0a577".replace(" ", "")), 0) == (
        bytes.fromhex("fe010000a21f")
    )
    told = replies(line.work(NOON, 0))
    assert told == [
        (0xF0, bytes.fromhex("a6000001013d000003000036 89") + "АТОЛ 30Ф".encode("cp866"))
    ]


def test_platform_2_5_skips_the_probe_of_5_0(line: LineV3) -> None:
    assert line.receive(PROBE_5_0 + ABORT, 0) == ABORTED


def test_a_wrong_checksum_is_answered_by_an_empty_frame(line: LineV3) -> None:
    good = frame(0x21, ASK_STATE)
    bad = good[:-1] + bytes((good[-1] ^ 1,))
    assert replies(line.receive(bad, 0)) == [(0x21, b"")]
    assert replies(line.receive(good, 0)) == [(0x21, b"\xa2")]


def test_an_empty_frame_asks_for_the_last_reply_again(line: LineV3) -> None:
    assert line.receive(frame(5, b""), 0) == b""
    said = line.receive(frame(5, ASK_STATE), 0)
    assert line.receive(frame(5, b""), 0) == said


def test_a_repeated_packet_gets_the_same_answer_and_is_done_once(
    line: LineV3, register: SimulatedRegister
) -> None:
    beep = frame(9, bytes.fromhex("c1 01 00 0000 75 00"))
    cuts = register.cuts
    first = line.receive(beep, 0)
    assert line.receive(beep, 0) == first
    line.work(NOON, 0)
    assert line.receive(beep, 0) == first
    assert line.work(NOON, 0) == b"" and register.cuts == cuts + 1


@pytest.mark.parametrize(
    ("data", "reply"),
    [
        ("c1", "b400"),
        ("c101", "b401"),
        ("c2", "b401"),
        ("c3", "b401"),
        ("77", "b400"),
        ("a3", "b400"),
    ]
    + [("c108000000", "b400"), ("c101e00000", "b401"), ("c2ff", "b401"), ("c205", "b3")],
)
def test_a_message_that_no_host_sends_is_an_illegal_value(
    line: LineV3, data: str, reply: str
) -> None:
    assert replies(line.receive(frame(1, bytes.fromhex(data)), 0)) == [(1, bytes.fromhex(reply))]


def test_the_registers_own_conversation_takes_no_slot(line: LineV3) -> None:
    assert line.receive(frame(1, bytes.fromhex("c100dd0000db02")), 0) == b""
    assert len(line.buffer) == 0
    assert replies(line.receive(frame(2, bytes.fromhex("c101dd000045")), 0)) == [(2, b"\xa2")]


def test_an_incomplete_frame_is_dropped_after_silence(line: LineV3) -> None:
    assert line.receive(frame(1, ASK_STATE)[:5], 0) == b""
    line.tick(NOON, 0.9)
    assert line.receive(b"", 0.9) == b""
    line.tick(NOON, 2.0)
    assert line.receive(ABORT, 2.0) == ABORTED


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(0, 2**32))
def test_noise_between_frames_is_ignored(noise: list[bytes], seed: int) -> None:
    line, dice = LineV3(new_register()), random.Random(seed)
    for piece in noise:
        hurt = frame(dice.randrange(0xE0), piece)
        for data in (piece, hurt, hurt[: dice.randrange(len(hurt))]):
            line.receive(data, 0)
            line.work(NOON, 0)
            line.tick(NOON, 0)
    line.tick(NOON, 5.0)
    assert replies(line.receive(ABORT, 5.0))[-1] == (0, b"\xa3")
    assert len(line.buffer) == 0


@settings(max_examples=examples(300), deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_answered_as_a_command(command: bytes) -> None:
    answer = new_register().execute_on_line(b"\0\0" + command, NOON)
    assert answer


# ---- platform 5.0 -------------------------------------------------------------------------------


def test_platform_5_0_echoes_its_probe_and_nothing_else() -> None:
    line = ProbeLine()
    assert line.receive(PROBE_5_0 + ABORT, 0) == PROBE_5_0
    assert line.receive(frame(1, ASK_STATE), 0) == b""
    assert line.receive(PROBE_5_0[:5], 0) == b""
    assert line.receive(PROBE_5_0[5:] + PROBE_5_0, 0) == PROBE_5_0 * 2


async def test_platform_5_0_answers_only_its_probe_on_tcp() -> None:
    async with at_line("tcp", new_register(Platform.V5_0)) as wire:
        wire.write(PROBE_5_0 + ABORT)
        assert await asyncio.to_thread(wire.read, 2.0) == PROBE_5_0
        assert await asyncio.to_thread(wire.read, 0.1) == b""


# ---- at the port --------------------------------------------------------------------------------


async def test_a_command_that_takes_time_can_be_watched(register: SimulatedRegister) -> None:
    def watch(host: HostV3) -> list[bytes]:
        first = host.say(bytes.fromhex("c101000000 45"))
        second = host.say(bytes.fromhex("c101010000 45"))
        asked = [host.say(b"\xc3\0"), host.say(b"\xc3\1")]
        host.wait_for(lambda data: data[:2] == b"\xa6\1")
        return [first, second, *asked, host.say(b"\xc3\0"), host.say(b"\xc4"), host.say(b"\xc3\0")]

    said = await with_host("tcp", register, watch, LineSetup(now=lambda: NOON, work_s=0.1))
    assert said[:4] == [b"\xa2", b"\xa1", b"\xa2", b"\xa1"]
    assert said[4][:2] == b"\xa3\x55" and said[5:] == [b"\xa3", b"\xb3"]


async def test_a_new_host_replaces_the_first_and_finds_the_answers(
    register: SimulatedRegister,
) -> None:
    async with at_line("tcp", register) as wire:
        host = HostV3(wire)
        await asyncio.to_thread(host.begin)
        await asyncio.to_thread(host.say, bytes.fromhex("c101070000 a5"))
        await asyncio.to_thread(host.wait_for, lambda data: data[:2] == b"\xa6\x07")
        with socket.socket(fileno=os.dup(wire.descriptor)) as link:
            address = link.getpeername()
        other = HostV3(over_tcp(address))
        found = await asyncio.to_thread(other.say, b"\xc3\x07")
        assert found[:3] == b"\xa3\x00\x01"
        assert await asyncio.to_thread(host.gone)
        other.wire.close()


# ---- lower level v2 -----------------------------------------------------------------------------

ENQ, ACK, EOT, NAK = b"\x05", b"\x06", b"\x04", b"\x15"


def old_frame(data: bytes) -> bytes:
    stuffed = data.replace(b"\x10", b"\x10\x10").replace(b"\x03", b"\x10\x03") + b"\x03"
    return b"\x02" + stuffed + bytes((xor(stuffed),))


def asked(line: LineV2) -> None:
    """The host's half of an exchange; the command is done."""
    assert line.receive(ENQ, 0) == ACK
    assert line.receive(old_frame(b"\0\0\x45"), 0) == ACK
    assert line.receive(EOT, 0) == b""
    assert line.busy and line.work(NOON, 0) == ENQ


def test_a_v2_exchange_answers_and_returns_to_idle(register: SimulatedRegister) -> None:
    line = LineV2(register)
    asked(line)
    assert line.receive(ACK, 0) == old_frame(b"\x55\0\0")
    assert line.receive(ACK, 0) == EOT
    assert line.state is ExchangeState.IDLE


def test_a_broken_v2_frame_is_requested_again(register: SimulatedRegister) -> None:
    line = LineV2(register)
    line.receive(ENQ, 0)
    good = old_frame(b"\0\0\x45")
    assert line.receive(good[:-1] + bytes((good[-1] ^ 0x80,)), 0) == NAK
    assert line.receive(good, 0) == ACK
    assert line.receive(good, 0) == ACK


def test_a_working_register_answers_enq_with_nak(register: SimulatedRegister) -> None:
    line = LineV2(register)
    line.receive(ENQ + old_frame(b"\0\0\x45") + EOT, 0)
    assert line.receive(ENQ, 0) == NAK


def test_a_silent_host_gets_five_enqs(register: SimulatedRegister) -> None:
    line = LineV2(register)
    asked(line)
    said = [line.tick(NOON, 0.51 * count) for count in range(1, 7)]
    assert said == [ENQ] * 4 + [EOT, b""]
    assert line.state is ExchangeState.IDLE


def test_an_unacknowledged_frame_is_sent_ten_times(register: SimulatedRegister) -> None:
    line = LineV2(register)
    asked(line)
    answer = line.receive(ACK, 0)
    assert [line.receive(NAK, 0) for _ in range(10)] == [answer] * 9 + [EOT]


def test_enq_is_repeated_after_a_collision(register: SimulatedRegister) -> None:
    line = LineV2(register)
    asked(line)
    assert line.receive(ENQ, 0) == b""
    assert line.tick(NOON, 0.4) == b""
    assert line.tick(NOON, 0.51) == ENQ


def test_an_exchange_with_a_silent_host_is_dropped(register: SimulatedRegister) -> None:
    line = LineV2(register)
    line.receive(ENQ, 0)
    assert line.tick(NOON, 2.1) == b"" and line.state is ExchangeState.IDLE
    line.receive(ENQ + old_frame(b"\0\0\x45")[:4], 3)
    assert line.tick(NOON, 3.6) == NAK


def test_a_lost_eot_does_not_lose_the_command(register: SimulatedRegister) -> None:
    line = LineV2(register)
    line.receive(ENQ + old_frame(b"\0\0\x45"), 0)
    line.tick(NOON, 0.6)
    assert line.busy


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=12), st.sampled_from((ENQ, ACK, NAK, EOT)))))
def test_noise_on_a_v2_line_is_ignored(pieces: list[bytes]) -> None:
    line, now_s = LineV2(new_register()), 0.0
    for piece in pieces:
        now_s += 0.3
        line.receive(piece, now_s)
        line.work(NOON, now_s)
        line.tick(NOON, now_s)
    for _ in range(20):
        now_s += 3.0
        line.work(NOON, now_s)
        line.tick(NOON, now_s)
    assert line.state is ExchangeState.IDLE
    asked_again = line.receive(ENQ, now_s)
    assert asked_again == ACK
