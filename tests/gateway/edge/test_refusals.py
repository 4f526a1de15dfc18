# ruff: noqa: E501
"""Bad input on a line: refused with its reason, counted, told once, and nothing else suffers."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from fleet.registers.models import CashRegister
from gateway.edge.metrics import ConversationOutcome, Limit
from gateway.edge.refusals import RETRY_LATER_S, RETRY_S
from protocol.conversation.messages import UP_PREFIX, CheckIn, FrameKind, Keepalive, RefusalReason
from protocol.kktpc.frame import encode
from protocol.telemetry import BLOCK_VERSION, MAX_TAIL
from tests.gateway.edge.running_gateway import (
    BLOCK_OF_ZEROS,
    SERIAL,
    RawRegister,
    RunningGateway,
    assert_refused,
    metric_value,
    one_ending_recorded,
    running_gateway,
)

Bytes = Callable[[RawRegister], bytes]


def ours(kind: int, body: bytes) -> bytes:
    return encode(0xF0, UP_PREFIX + bytes((kind,)) + body)


def with_wrong_crc(_: RawRegister) -> bytes:
    frame = ours(1, bytes(28))
    return frame[:-1] + bytes((frame[-1] ^ 1,))


def with_serial(serial: str) -> Bytes:
    return lambda line: line.end.hello(bytes.fromhex(serial), 50, 61, 2, 1)


# fmt: off
FIRST_WORDS: dict[str, tuple[Bytes, ConversationOutcome, str, Limit | None]] = {
    "neither frame nor HTTP": (lambda _: b"SSH-2.0-x\r\n", ConversationOutcome.REFUSED_MALFORMED, "first_bytes", Limit.FIRST_BYTES),
    "HTTP/2":              (lambda _: b"PRI * HTTP/2.0\r\n\r\nSM", ConversationOutcome.REFUSED_MALFORMED, "first_bytes", Limit.FIRST_BYTES),
    "TLS on the plain port": (lambda _: b"\x16\x03\x01\x02\x00\x01", ConversationOutcome.REFUSED_MALFORMED, "first_bytes", Limit.FIRST_BYTES),
    "junk after a frame":  (lambda line: line.hello() + b"GET", ConversationOutcome.REFUSED_MALFORMED, "junk", None),
    "wrong checksum":      (with_wrong_crc, ConversationOutcome.REFUSED_MALFORMED, "crc", None),
    "hostile length":      (lambda _: b"\xfe\xff", ConversationOutcome.REFUSED_MALFORMED, "length", None),
    "broken escape":       (lambda _: b"\xfe\x01\x00\xf0\xfd\x00\x00", ConversationOutcome.REFUSED_MALFORMED, "escape", None),
    "oversize":            (lambda _: b"\xfe\x01\x08\xf0", ConversationOutcome.REFUSED_MALFORMED, "oversize", Limit.FRAME_BYTES),
    "endless first frame": (lambda _: b"\xfe\x7f\x07\xf0" + bytes(300), ConversationOutcome.REFUSED_MALFORMED, "first_frame_bytes", Limit.FIRST_FRAME_BYTES),
    "an ordinary frame":   (lambda _: bytes.fromhex("fe010000c402"), ConversationOutcome.REFUSED_MALFORMED, "malformed", None),
    "unknown kind":        (lambda _: ours(9, b""), ConversationOutcome.REFUSED_MALFORMED, "malformed", None),
    "short HELLO":         (lambda _: ours(1, bytes(5)), ConversationOutcome.REFUSED_MALFORMED, "malformed", None),
    "serial not BCD":      (with_serial("0010610000000a"), ConversationOutcome.REFUSED_MALFORMED, "malformed", None),
    "sealed first":        (lambda _: ours(3, bytes(40)), ConversationOutcome.REFUSED_MALFORMED, "order", None),
    "unknown version":     (lambda _: ours(1, b"\x02" + bytes(27)), ConversationOutcome.REFUSED_VERSION, "version", None),
    "unknown serial":      (with_serial("00299000000001"), ConversationOutcome.REFUSED_UNKNOWN, "unknown", None),
    "unknown platform":    (lambda line: line.hello(platform=99), ConversationOutcome.REFUSED_UNKNOWN, "unknown", None),
    "unknown generation":  (lambda line: line.hello(generation=7), ConversationOutcome.REFUSED_KEY, "key", None),
}
# fmt: on
REASONS = {
    ConversationOutcome.REFUSED_MALFORMED: (RefusalReason.MALFORMED, RETRY_S),
    ConversationOutcome.REFUSED_KEY: (RefusalReason.KEY, RETRY_S),
    ConversationOutcome.REFUSED_BUSY: (RefusalReason.BUSY, RETRY_S),
    ConversationOutcome.REFUSED_VERSION: (RefusalReason.VERSION, RETRY_LATER_S),
    ConversationOutcome.REFUSED_UNKNOWN: (RefusalReason.UNKNOWN, RETRY_LATER_S),
    ConversationOutcome.REFUSED_BLOCKED: (RefusalReason.BLOCKED, RETRY_LATER_S),
}


@pytest.mark.parametrize("name", FIRST_WORDS)
async def test_an_invalid_first_message_is_refused(tmp_path: Path, name: str) -> None:
    words, outcome, why, limit = FIRST_WORDS[name]
    async with (
        running_gateway(tmp_path, max_frame_bytes=1024) as gateway,
        await gateway.line() as line,
    ):
        with one_ending_recorded(outcome, why, limit):
            line.send(words(line))
            assert assert_refused(await line.refusal(), *REASONS[outcome])
        assert gateway.open == 0


async def test_half_a_frame_then_silence_ends_by_the_hello_timeout(gateway: RunningGateway) -> None:
    async with await gateway.line() as line:
        line.send(line.hello()[:20])
        await gateway.until(lambda: any(one._end.pending for one in gateway.conversations))
        with one_ending_recorded(
            ConversationOutcome.TIMED_OUT, "hello_timeout", Limit.HELLO_TIMEOUT
        ):
            gateway.skip(gateway.edge.config.hello_timeout_s)
            await line.hung_up()


async def recording(gateway: RunningGateway) -> tuple[bytes, bytes]:
    """HELLO and CHECK_IN of a conversation that went well."""
    async with await gateway.line() as line:
        await line.reach_challenge()
        hello = line.sent
        line.send(line.check_in())
        await line.receive()
    await gateway.until_quiet()
    return hello, line.sent[len(hello) :]


async def test_a_replayed_recording_is_refused(gateway: RunningGateway) -> None:
    hello, check_in = await recording(gateway)
    async with await gateway.line() as line:
        with one_ending_recorded(ConversationOutcome.REFUSED_KEY, "key"):
            line.send(hello)
            assert (await line.answers(1))[0][0] == FrameKind.CHALLENGE
            line.send(check_in)
            assert (await line.answers(1))[0][:2] == bytes((FrameKind.REFUSED, RefusalReason.KEY))


async def test_a_recording_replayed_at_once_is_refused_as_malformed(
    gateway: RunningGateway,
) -> None:
    """Who seals before the CHALLENGE has come cannot have an answer to it."""
    recorded = b"".join(await recording(gateway))
    async with await gateway.line() as line:
        with one_ending_recorded(ConversationOutcome.REFUSED_MALFORMED, "order"):
            line.send(recorded)
            expected = bytes((FrameKind.REFUSED, RefusalReason.MALFORMED))
            assert (await line.answers(1))[0][:2] == expected


async def test_reordered_frames_are_refused(gateway: RunningGateway) -> None:
    async with await gateway.line() as line:
        await line.reach_accepted()
        first, second = line.end.send(Keepalive()), line.end.send(Keepalive())
        with one_ending_recorded(ConversationOutcome.REFUSED_KEY, "key"):
            line.send(second + first)
            assert assert_refused(await line.refusal(), RefusalReason.KEY, RETRY_S)


async def test_a_forged_message_is_refused(gateway: RunningGateway) -> None:
    async with await gateway.line() as line:
        await line.reach_challenge()
        with one_ending_recorded(ConversationOutcome.REFUSED_KEY, "key"):
            line.send(ours(3, os.urandom(len(BLOCK_OF_ZEROS) + 18)))
            assert assert_refused(await line.refusal(), RefusalReason.KEY, RETRY_S)


async def test_a_register_with_another_key_is_refused(gateway: RunningGateway) -> None:
    """It would notice the gateway by itself; one that does not care proves nothing."""
    async with await gateway.line(key=bytes(32)) as line, await gateway.line() as honest:
        await honest.reach_challenge()
        line.send(line.hello())
        assert (await line.answers(1))[0][0] == FrameKind.CHALLENGE
        with one_ending_recorded(ConversationOutcome.REFUSED_KEY, "key"):
            line.send(honest.check_in())
            assert (await line.answers(1))[0][:2] == bytes((FrameKind.REFUSED, RefusalReason.KEY))


@pytest.mark.parametrize(
    ("check_in", "outcome", "why"),
    [
        (CheckIn(9, BLOCK_OF_ZEROS), ConversationOutcome.REFUSED_VERSION, "version"),
        (
            CheckIn(BLOCK_VERSION, BLOCK_OF_ZEROS[:-1]),
            ConversationOutcome.REFUSED_MALFORMED,
            "malformed",
        ),
        (CheckIn(1, b""), ConversationOutcome.REFUSED_MALFORMED, "malformed"),
        (
            CheckIn(BLOCK_VERSION, BLOCK_OF_ZEROS + b"\0\1\0\5abc"),
            ConversationOutcome.REFUSED_MALFORMED,
            "malformed",
        ),
        (
            CheckIn(BLOCK_VERSION, BLOCK_OF_ZEROS + bytes(MAX_TAIL + 1)),
            ConversationOutcome.REFUSED_MALFORMED,
            "malformed",
        ),
    ],
    ids=["version", "short", "empty", "tail cut", "tail too long"],
)
async def test_an_invalid_reading_is_refused(
    gateway: RunningGateway, check_in: CheckIn, outcome: ConversationOutcome, why: str
) -> None:
    async with await gateway.line() as line:
        await line.reach_challenge()
        with one_ending_recorded(outcome, why):
            line.send(line.end.send(check_in))
            assert assert_refused(await line.refusal(), *REASONS[outcome])
    async with gateway.database.read() as db:
        assert (await db.execute(select(CashRegister))).all() == []


async def test_a_blocked_register_is_refused(gateway: RunningGateway) -> None:
    async with await gateway.line() as line:
        await line.reach_accepted()
    async with gateway.database.transaction() as db:
        await db.execute(update(CashRegister).values(blocked=True))
    await gateway.until(lambda: SERIAL in gateway.port._blocked)
    async with await gateway.line() as line:
        with one_ending_recorded(ConversationOutcome.REFUSED_BLOCKED, "blocked"):
            line.send(line.hello())
            assert assert_refused(await line.refusal(), RefusalReason.BLOCKED, RETRY_LATER_S)


async def test_a_message_out_of_turn_is_refused(gateway: RunningGateway) -> None:
    async with await gateway.line() as line:
        await line.reach_challenge()
        with one_ending_recorded(ConversationOutcome.REFUSED_MALFORMED, "order"):
            line.send(line.sent)
            assert assert_refused(await line.refusal(), RefusalReason.MALFORMED, RETRY_S)


async def test_a_second_reading_before_acceptance_is_refused(gateway: RunningGateway) -> None:
    """The second comes before the first is accepted."""
    async with await gateway.line() as line:
        await line.reach_challenge()
        first = line.check_in()
        line.end.state = type(line.end.state).CHALLENGED
        with one_ending_recorded(ConversationOutcome.REFUSED_MALFORMED, "order"):
            line.send(first + line.check_in())
            assert assert_refused(await line.refusal(), RefusalReason.MALFORMED, RETRY_S)


async def test_an_unknown_register_is_stored_as_unclaimed(gateway: RunningGateway) -> None:
    async with await gateway.line() as line:
        await line.reach_accepted()
    async with gateway.database.read() as db:
        found = (await db.scalars(select(CashRegister))).all()
    assert [(one.serial_number, one.partner_id, one.model) for one in found] == [(SERIAL, None, 61)]


async def test_a_served_call_is_counted_and_logged_once(gateway: RunningGateway) -> None:
    before = {name: metric_value(name) for name in ("check_ins_total", "received_bytes_total")}
    async with await gateway.line() as line:
        with one_ending_recorded(ConversationOutcome.SERVED):
            await line.reach_accepted()
            line._writer.close()
            await gateway.until_quiet()
    assert metric_value("check_ins_total") - before["check_ins_total"] == 1
    assert metric_value("received_bytes_total") - before["received_bytes_total"] == len(line.sent)


@pytest.mark.parametrize("words", ["nothing", "hello", "proof"])
async def test_a_cut_link_is_counted_as_cut(gateway: RunningGateway, words: str) -> None:
    async with await gateway.line() as line:
        if words == "hello":
            await line.reach_challenge()
        if words == "proof":
            await line.reach_challenge()
            line.send(line.check_in()[:-1])
        await gateway.until(lambda: gateway.open == 1)
        with one_ending_recorded(ConversationOutcome.CUT):
            line._writer.close()
            await gateway.until_quiet()
