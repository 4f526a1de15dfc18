# ruff: noqa: E501
"""Bad input on a line: refused with its reason, counted, told once, and nothing else suffers."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, update

from fleet.registers.models import CashRegister
from gateway.edge.metrics import Limit, Outcome
from gateway.edge.refusals import RETRY_LATER_S, RETRY_S
from protocol.conversation.messages import UP_PREFIX, CheckIn, Keepalive, Kind, RefusalReason
from protocol.kktpc.frame import encode
from tests.gateway.edge.running import (
    BLOCK_OF_ZEROS,
    SERIAL,
    Line,
    Running,
    counted,
    is_refused,
    noticed,
    running,
)

Bytes = Callable[[Line], bytes]


def ours(kind: int, body: bytes) -> bytes:
    return encode(0xF0, UP_PREFIX + bytes((kind,)) + body)


def with_wrong_crc(_: Line) -> bytes:
    frame = ours(1, bytes(28))
    return frame[:-1] + bytes((frame[-1] ^ 1,))


def with_serial(serial: str) -> Bytes:
    return lambda line: line.end.hello(bytes.fromhex(serial), 50, 61, 2, 1)


# fmt: off
FIRST_WORDS: dict[str, tuple[Bytes, Outcome, str, Limit | None]] = {
    "neither frame nor HTTP": (lambda _: b"SSH-2.0-x\r\n", Outcome.REFUSED_MALFORMED, "first_bytes", Limit.FIRST_BYTES),
    "HTTP/2":              (lambda _: b"PRI * HTTP/2.0\r\n\r\nSM", Outcome.REFUSED_MALFORMED, "first_bytes", Limit.FIRST_BYTES),
    "TLS on the plain port": (lambda _: b"\x16\x03\x01\x02\x00\x01", Outcome.REFUSED_MALFORMED, "first_bytes", Limit.FIRST_BYTES),
    "junk after a frame":  (lambda line: line.hello() + b"GET", Outcome.REFUSED_MALFORMED, "junk", None),
    "wrong checksum":      (with_wrong_crc, Outcome.REFUSED_MALFORMED, "crc", None),
    "hostile length":      (lambda _: b"\xfe\xff", Outcome.REFUSED_MALFORMED, "length", None),
    "broken escape":       (lambda _: b"\xfe\x01\x00\xf0\xfd\x00\x00", Outcome.REFUSED_MALFORMED, "escape", None),
    "oversize":            (lambda _: b"\xfe\x01\x08\xf0", Outcome.REFUSED_MALFORMED, "oversize", Limit.FRAME_BYTES),
    "endless first frame": (lambda _: b"\xfe\x7f\x07\xf0" + bytes(300), Outcome.REFUSED_MALFORMED, "first_frame_bytes", Limit.FIRST_FRAME_BYTES),
    "an ordinary frame":   (lambda _: bytes.fromhex("fe010000c402"), Outcome.REFUSED_MALFORMED, "malformed", None),
    "unknown kind":        (lambda _: ours(9, b""), Outcome.REFUSED_MALFORMED, "malformed", None),
    "short HELLO":         (lambda _: ours(1, bytes(5)), Outcome.REFUSED_MALFORMED, "malformed", None),
    "serial not BCD":      (with_serial("0010610000000a"), Outcome.REFUSED_MALFORMED, "malformed", None),
    "sealed first":        (lambda _: ours(3, bytes(40)), Outcome.REFUSED_MALFORMED, "order", None),
    "unknown version":     (lambda _: ours(1, b"\x02" + bytes(27)), Outcome.REFUSED_VERSION, "version", None),
    "unknown serial":      (with_serial("00299000000001"), Outcome.REFUSED_UNKNOWN, "unknown", None),
    "unknown platform":    (lambda line: line.hello(platform=99), Outcome.REFUSED_UNKNOWN, "unknown", None),
    "unknown generation":  (lambda line: line.hello(generation=7), Outcome.REFUSED_KEY, "key", None),
}
# fmt: on
REASONS = {
    Outcome.REFUSED_MALFORMED: (RefusalReason.MALFORMED, RETRY_S),
    Outcome.REFUSED_KEY: (RefusalReason.KEY, RETRY_S),
    Outcome.REFUSED_BUSY: (RefusalReason.BUSY, RETRY_S),
    Outcome.REFUSED_VERSION: (RefusalReason.VERSION, RETRY_LATER_S),
    Outcome.REFUSED_UNKNOWN: (RefusalReason.UNKNOWN, RETRY_LATER_S),
    Outcome.REFUSED_BLOCKED: (RefusalReason.BLOCKED, RETRY_LATER_S),
}


@pytest.mark.parametrize("name", FIRST_WORDS)
async def test_a_first_word_that_cannot_be(tmp_path: Path, name: str) -> None:
    words, outcome, why, limit = FIRST_WORDS[name]
    async with running(tmp_path, max_frame_bytes=1024) as gateway, await gateway.line() as line:
        with noticed(outcome, why, limit):
            line.say(words(line))
            assert is_refused(await line.refusal(), *REASONS[outcome])
        assert gateway.open == 0


async def test_half_a_frame_and_then_silence(gateway: Running) -> None:
    async with await gateway.line() as line:
        line.say(line.hello()[:20])
        await gateway.until(lambda: any(one._end.pending for one in gateway.conversations))
        with noticed(Outcome.TIMED_OUT, "hello_timeout", Limit.HELLO_TIMEOUT):
            gateway.skip(gateway.edge.config.hello_timeout_s)
            await line.hung_up()


async def recording(gateway: Running) -> tuple[bytes, bytes]:
    """HELLO and CHECK_IN of a conversation that went well."""
    async with await gateway.line() as line:
        await line.greet()
        hello = line.sent
        line.say(line.check_in())
        await line.hear()
    await gateway.until_quiet()
    return hello, line.sent[len(hello) :]


async def test_a_replayed_recording_proves_nothing(gateway: Running) -> None:
    hello, check_in = await recording(gateway)
    async with await gateway.line() as line:
        with noticed(Outcome.REFUSED_KEY, "key"):
            line.say(hello)
            assert (await line.answers(1))[0][0] == Kind.CHALLENGE
            line.say(check_in)
            assert (await line.answers(1))[0][:2] == bytes((Kind.REFUSED, RefusalReason.KEY))


async def test_a_recording_replayed_in_one_breath(gateway: Running) -> None:
    """Who seals before the CHALLENGE has come cannot have an answer to it."""
    recorded = b"".join(await recording(gateway))
    async with await gateway.line() as line:
        with noticed(Outcome.REFUSED_MALFORMED, "order"):
            line.say(recorded)
            expected = bytes((Kind.REFUSED, RefusalReason.MALFORMED))
            assert (await line.answers(1))[0][:2] == expected


async def test_frames_in_another_order(gateway: Running) -> None:
    async with await gateway.line() as line:
        await line.prove()
        first, second = line.end.send(Keepalive()), line.end.send(Keepalive())
        with noticed(Outcome.REFUSED_KEY, "key"):
            line.say(second + first)
            assert is_refused(await line.refusal(), RefusalReason.KEY, RETRY_S)


async def test_a_forged_message(gateway: Running) -> None:
    async with await gateway.line() as line:
        await line.greet()
        with noticed(Outcome.REFUSED_KEY, "key"):
            line.say(ours(3, os.urandom(len(BLOCK_OF_ZEROS) + 18)))
            assert is_refused(await line.refusal(), RefusalReason.KEY, RETRY_S)


async def test_a_register_with_another_key(gateway: Running) -> None:
    """It would notice the gateway by itself; one that does not care proves nothing."""
    async with await gateway.line(key=bytes(32)) as line, await gateway.line() as honest:
        await honest.greet()
        line.say(line.hello())
        assert (await line.answers(1))[0][0] == Kind.CHALLENGE
        with noticed(Outcome.REFUSED_KEY, "key"):
            line.say(honest.check_in())
            assert (await line.answers(1))[0][:2] == bytes((Kind.REFUSED, RefusalReason.KEY))


@pytest.mark.parametrize(
    ("check_in", "outcome", "why"),
    [
        (CheckIn(9, BLOCK_OF_ZEROS), Outcome.REFUSED_VERSION, "version"),
        (CheckIn(1, BLOCK_OF_ZEROS[:-1]), Outcome.REFUSED_MALFORMED, "malformed"),
        (CheckIn(1, b""), Outcome.REFUSED_MALFORMED, "malformed"),
        (CheckIn(1, BLOCK_OF_ZEROS + b"\0\1\0\5abc"), Outcome.REFUSED_MALFORMED, "malformed"),
        (CheckIn(1, BLOCK_OF_ZEROS + bytes(1028)), Outcome.REFUSED_MALFORMED, "malformed"),
    ],
    ids=["version", "short", "empty", "tail cut", "tail too long"],
)
async def test_a_reading_that_is_none(
    gateway: Running, check_in: CheckIn, outcome: Outcome, why: str
) -> None:
    async with await gateway.line() as line:
        await line.greet()
        with noticed(outcome, why):
            line.say(line.end.send(check_in))
            assert is_refused(await line.refusal(), *REASONS[outcome])
    async with gateway.database.read() as db:
        assert (await db.execute(select(CashRegister))).all() == []


async def test_a_blocked_register(gateway: Running) -> None:
    async with await gateway.line() as line:
        await line.prove()
    async with gateway.database.transaction() as db:
        await db.execute(update(CashRegister).values(blocked=True))
    await gateway.until(lambda: SERIAL in gateway.port._blocked)
    async with await gateway.line() as line:
        with noticed(Outcome.REFUSED_BLOCKED, "blocked"):
            line.say(line.hello())
            assert is_refused(await line.refusal(), RefusalReason.BLOCKED, RETRY_LATER_S)


async def test_words_out_of_turn(gateway: Running) -> None:
    async with await gateway.line() as line:
        await line.greet()
        with noticed(Outcome.REFUSED_MALFORMED, "order"):
            line.say(line.sent)
            assert is_refused(await line.refusal(), RefusalReason.MALFORMED, RETRY_S)


async def test_two_readings_at_once(gateway: Running) -> None:
    """The second comes before the first is accepted."""
    async with await gateway.line() as line:
        await line.greet()
        first = line.check_in()
        line.end.state = type(line.end.state).CHALLENGED
        with noticed(Outcome.REFUSED_MALFORMED, "order"):
            line.say(first + line.check_in())
            assert is_refused(await line.refusal(), RefusalReason.MALFORMED, RETRY_S)


async def test_a_register_that_is_nobodys_is_kept_as_unclaimed(gateway: Running) -> None:
    async with await gateway.line() as line:
        await line.prove()
    async with gateway.database.read() as db:
        found = (await db.scalars(select(CashRegister))).all()
    assert [(one.serial_number, one.partner_id, one.model) for one in found] == [(SERIAL, None, 61)]


async def test_a_good_call_is_counted_and_told_once(gateway: Running) -> None:
    before = {name: counted(name) for name in ("check_ins_total", "received_bytes_total")}
    async with await gateway.line() as line:
        with noticed(Outcome.SERVED):
            await line.prove()
            line._writer.close()
            await gateway.until_quiet()
    assert counted("check_ins_total") - before["check_ins_total"] == 1
    assert counted("received_bytes_total") - before["received_bytes_total"] == len(line.sent)


@pytest.mark.parametrize("words", ["nothing", "hello", "proof"])
async def test_a_link_that_is_cut(gateway: Running, words: str) -> None:
    async with await gateway.line() as line:
        if words == "hello":
            await line.greet()
        if words == "proof":
            await line.greet()
            line.say(line.check_in()[:-1])
        await gateway.until(lambda: gateway.open == 1)
        with noticed(Outcome.CUT):
            line._writer.close()
            await gateway.until_quiet()
