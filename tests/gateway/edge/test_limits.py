"""Every limit that a hostile peer meets, and what it does not do to the others."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import text

from gateway.edge.conversation import Conversation
from gateway.edge.metrics import ConversationOutcome, Limit
from gateway.edge.refusals import RETRY_S
from protocol.conversation.messages import (
    UP_PREFIX,
    Accepted,
    FrameKind,
    Keepalive,
    RefusalReason,
    Step,
    StepDone,
)
from protocol.kktpc.frame import ASYNC_ID, encode
from protocol.platforms import Platform
from simulator.demo import DemoRegisters
from tests.gateway.edge.ordering import order, owner_of
from tests.gateway.edge.running_gateway import (
    HOST,
    SERIAL,
    RawRegister,
    RunningGateway,
    assert_refused,
    key_of,
    metric_value,
    one_ending_recorded,
    running_gateway,
)

OTHER = "00106100000002"


def is_busy(refused: object) -> bool:
    return assert_refused(refused, RefusalReason.BUSY, RETRY_S)  # type: ignore[arg-type]


@asynccontextmanager
async def held_database(gateway: RunningGateway) -> AsyncIterator[None]:
    """Somebody else writes: batches wait."""
    async with gateway.database.transaction() as db:
        await db.execute(text("SELECT 1"))
        yield


async def test_a_conversation_above_the_limit_is_refused_as_busy(tmp_path: Path) -> None:
    async with (
        running_gateway(tmp_path, max_conversations=1) as gateway,
        await gateway.line() as first,
    ):
        await first.reach_challenge()
        with one_ending_recorded(
            ConversationOutcome.REFUSED_BUSY, "conversations", Limit.CONVERSATIONS
        ):
            async with await gateway.line(OTHER) as second:
                assert is_busy(await second.refusal())
        first.send(first.check_in())
        assert isinstance(await first.receive(), Accepted)


async def test_frames_above_the_rate_are_refused_as_busy(tmp_path: Path) -> None:
    async with running_gateway(tmp_path, frames_per_s=10) as gateway, await gateway.line() as line:
        await line.reach_accepted()
        with one_ending_recorded(ConversationOutcome.REFUSED_BUSY, "busy", Limit.FRAMES_PER_S):
            line.send(b"".join(line.end.send(Keepalive()) for _ in range(20)))
            assert is_busy(await line.refusal())


async def test_handshakes_above_the_limit_of_an_address_are_refused_as_busy(tmp_path: Path) -> None:
    async with running_gateway(tmp_path, handshakes_per_address_per_min=2) as gateway:
        for _ in range(2):
            async with await gateway.line() as line:
                await line.reach_accepted()
        await gateway.until_quiet()
        async with await gateway.line() as line:
            with one_ending_recorded(
                ConversationOutcome.REFUSED_BUSY, "busy", Limit.HANDSHAKES_PER_ADDRESS
            ):
                line.send(line.hello())
                assert is_busy(await line.refusal())


async def test_silence_before_the_first_frame_ends_by_the_hello_timeout(
    gateway: RunningGateway,
) -> None:
    async with await gateway.line() as line:
        await gateway.until(lambda: gateway.open == 1)
        with one_ending_recorded(
            ConversationOutcome.TIMED_OUT, "hello_timeout", Limit.HELLO_TIMEOUT
        ):
            gateway.skip(gateway.edge.config.hello_timeout_s)
            await line.hung_up()


async def test_silence_after_the_challenge_ends_by_the_idle_timeout(
    gateway: RunningGateway,
) -> None:
    async with await gateway.line() as line:
        await line.reach_challenge()
        with one_ending_recorded(ConversationOutcome.TIMED_OUT, "idle_timeout", Limit.IDLE_TIMEOUT):
            gateway.skip(gateway.edge.config.idle_timeout_s)
            await line.hung_up()


async def test_a_served_register_that_does_not_hang_up_ends_by_the_idle_timeout(
    gateway: RunningGateway,
) -> None:
    async with await gateway.line() as line:
        await line.reach_accepted()
        with one_ending_recorded(ConversationOutcome.SERVED, "idle_timeout", Limit.IDLE_TIMEOUT):
            gateway.skip(gateway.edge.config.idle_timeout_s)
            await line.hung_up()


@pytest.mark.parametrize("proven", [False, True])
async def test_an_endless_conversation_ends_by_its_age(
    gateway: RunningGateway, proven: bool
) -> None:
    async with await gateway.line() as line:
        await (line.reach_accepted() if proven else line.reach_challenge())
        outcome = ConversationOutcome.SERVED if proven else ConversationOutcome.TIMED_OUT
        with one_ending_recorded(outcome, "age", Limit.AGE):
            talking = asyncio.ensure_future(keep_talking(line, proven))
            gateway.skip(gateway.edge.config.max_age_s)
            await line.hung_up()
        talking.cancel()


async def keep_talking(line: RawRegister, proven: bool) -> None:
    while proven:
        line.send(line.end.send(Keepalive()))
        await asyncio.sleep(0.02)


async def test_a_keepalive_keeps_a_conversation_open(gateway: RunningGateway) -> None:
    async with await gateway.line() as line:
        await line.reach_accepted()
        (conversation,) = gateway.conversations
        for _ in range(3):
            before = conversation._heard_at
            line.send(line.end.send(Keepalive()))
            await gateway.until(lambda before=before: conversation._heard_at > before)  # type: ignore[misc]
            gateway.skip(0.9 * gateway.edge.config.idle_timeout_s)
            await asyncio.sleep(0.05)  # the sweep has looked
        assert gateway.open == 1


async def test_a_peer_that_does_not_read_is_cut(tmp_path: Path) -> None:
    """It reports again and again and takes none of the answers."""
    async with running_gateway(tmp_path, unsent_bytes=512, frames_per_s=100_000) as gateway:
        for listener in gateway.server._listeners:
            for listening in listener.sockets:
                listening._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1024)  # type: ignore[attr-defined]
        async with await deaf_line(gateway) as line:
            await line.reach_accepted()
            line._reader._transport.pause_reading()  # type: ignore[attr-defined]
            with one_ending_recorded(
                ConversationOutcome.SERVED, "unsent_bytes", Limit.UNSENT_BYTES
            ):
                await report_until_cut(gateway, line)


async def deaf_line(gateway: RunningGateway) -> RawRegister:
    own = socket.socket()
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    own.setblocking(False)
    await asyncio.get_running_loop().sock_connect(own, (HOST, gateway.number))
    reader, writer = await asyncio.open_connection(sock=own)
    return RawRegister(reader, writer, SERIAL, key_of(SERIAL))


async def report_until_cut(gateway: RunningGateway, line: RawRegister) -> None:
    accepted = metric_value("check_ins_total")
    for number in range(1, 2000):
        line.end.state = type(line.end.state).OPEN
        line.send(line.check_in())
        await gateway.until(
            lambda number=number: (
                not gateway.open  # type: ignore[misc]
                or metric_value("check_ins_total") >= accepted + number
            )
        )
        if not gateway.open:
            return
    pytest.fail("nobody minded")


async def test_a_check_in_above_the_waiting_limit_is_refused_as_busy(
    gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.port._batcher, "_max_waiting", 1)
    async with gateway.lines(3) as lines, held_database(gateway):
        for line in lines:
            await line.reach_challenge()
        for number, line in enumerate(lines[:2], 1):
            line.send(line.check_in())
            await gateway.until(lambda number=number: gateway.waiting == number)  # type: ignore[misc]
        with one_ending_recorded(ConversationOutcome.REFUSED_BUSY, "busy", Limit.WAITING_ITEMS):
            lines[2].send(lines[2].check_in())
            assert is_busy(await lines[2].refusal())


async def test_a_second_conversation_replaces_the_first(gateway: RunningGateway) -> None:
    async with await gateway.line() as half_dead, await gateway.line() as second:
        await half_dead.reach_accepted()
        with one_ending_recorded(ConversationOutcome.TAKEN_OVER):
            await second.reach_accepted()
            await half_dead.hung_up()
        assert gateway.open == 1


async def test_an_unproven_second_conversation_replaces_nothing(gateway: RunningGateway) -> None:
    async with await gateway.line() as first, await gateway.line(key=bytes(32)) as outsider:
        await first.reach_accepted()
        with one_ending_recorded(ConversationOutcome.REFUSED_KEY, "key"):
            outsider.send(outsider.hello())
            await outsider.answers(1)
            outsider.send(encode(ASYNC_ID, UP_PREFIX + bytes((FrameKind.SEALED,)) + bytes(420)))
            await outsider.answers(1)
        first.send(first.check_in())
        assert isinstance(await first.receive(), Accepted)


async def test_a_failed_batch_is_not_answered_and_the_next_call_is(
    gateway: RunningGateway,
) -> None:
    async with gateway.database.transaction() as db:
        await db.execute(text("ALTER TABLE readings RENAME TO readings_away"))
    async with await gateway.line() as line:
        await line.reach_challenge()
        with one_ending_recorded(ConversationOutcome.NOT_KEPT):
            line.send(line.check_in())
            await line.hung_up()
    async with gateway.database.transaction() as db:
        await db.execute(text("ALTER TABLE readings_away RENAME TO readings"))
    async with await gateway.line() as line:
        await line.reach_accepted()


async def test_a_stop_answers_the_check_ins_under_way(gateway: RunningGateway) -> None:
    async with gateway.lines(20) as lines, await gateway.line() as silent:
        for line in lines:
            await line.reach_challenge()
        async with held_database(gateway):
            for line in lines:
                line.send(line.check_in())
            await gateway.until(lambda: gateway.waiting == len(lines))
            stopping = asyncio.ensure_future(gateway.server.stop())
            await silent.hung_up()
            assert gateway.open == len(lines)
        for line in lines:
            accepted = await line.receive()
            assert isinstance(accepted, Accepted)
            assert accepted.pending_operations == 0
            await line.hung_up()
        await stopping
    with pytest.raises(OSError):
        await gateway.line()


async def test_a_stop_waits_for_a_limited_time(tmp_path: Path) -> None:
    async with running_gateway(tmp_path, stop_grace_s=0.1) as gateway, await gateway.line() as line:
        await line.reach_challenge()
        async with held_database(gateway):
            line.send(line.check_in())
            await gateway.until(lambda: gateway.waiting == 1)
            with one_ending_recorded(ConversationOutcome.CUT):
                await gateway.server.stop()
                await line.hung_up()


async def test_a_stopped_gateway_ends_idle_conversations(gateway: RunningGateway) -> None:
    async with await gateway.line() as line:
        await line.reach_challenge()
        with one_ending_recorded(ConversationOutcome.STOPPED):
            await gateway.server.stop()
            await line.hung_up()


async def test_a_reading_during_a_step_does_not_fail_the_batch(
    gateway: RunningGateway,
) -> None:
    """A register that reports while its answer to a step is being written is refused alone."""
    async with await gateway.line() as line, await gateway.line(OTHER) as other:
        await line.reach_accepted()
        actor = await owner_of(gateway.database, [SERIAL])
        await order(gateway.database, actor, [SERIAL], Platform.V5_0)
        await gateway.until(lambda: len(gateway.port._due) == 1)
        line.send(line.check_in())
        assert isinstance(await line.receive(), Accepted)
        step = await line.receive()
        assert isinstance(step, Step)
        await other.reach_challenge()
        async with held_database(gateway):
            done = line.end.send(StepDone(step.operation_id, step.step, b"\x55\x00\x00"))
            with one_ending_recorded(ConversationOutcome.REFUSED_MALFORMED, "order"):
                line.send(done + line.check_in())
                other.send(other.check_in())
                assert assert_refused(await line.refusal(), RefusalReason.MALFORMED, RETRY_S)
        assert isinstance(await other.receive(), Accepted)


GARBAGE = (
    b"\r\n\r\nhello",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\xfe\x7f\x7f\xf0" + bytes(400),
    b"\x05\x06\x02\x1f\x00\xff\x03\x04",
    b"\xfe" * 300,
)


def remembered() -> int:
    """Conversations that something still holds."""
    gc.collect()
    return sum(isinstance(one, Conversation) for one in gc.get_objects())


async def test_garbage_leaves_nothing_open_and_others_are_served(
    gateway: RunningGateway,
) -> None:
    registers = DemoRegisters(20)
    open_before = metric_value("conversations_open")
    refused_before = metric_value("conversations_total", road="tcp", outcome="refused_malformed")

    async def throw(number: int) -> None:
        async with await gateway.line() as line:
            line.send(GARBAGE[number % len(GARBAGE)] + Random(number).randbytes(20))
            assert (await line.refusal()).reason == RefusalReason.MALFORMED

    for hundred in range(20):
        calling = asyncio.ensure_future(gateway.call(registers[hundred]))
        await asyncio.gather(*(throw(100 * hundred + number) for number in range(100)))
        assert (await calling).accepted
    await gateway.until_quiet()
    assert metric_value("conversations_open") == open_before
    refused = metric_value("conversations_total", road="tcp", outcome="refused_malformed")
    assert refused - refused_before == 2000
    assert gateway.edge.presence._of_register == {}
    assert remembered() <= 2  # the last one that the sweep, and that a batch, has looked at


def test_all_limits_hold_on_uvloop(tmp_path: Path) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def scenario() -> None:
        async with running_gateway(tmp_path) as gateway:
            assert (await gateway.call(DemoRegisters(1)[0])).accepted
            async with await gateway.line() as line, await gateway.line() as silent:
                line.send(b"garbage")
                assert (await line.refusal()).reason == RefusalReason.MALFORMED
                await gateway.until(lambda: gateway.open == 1)
                gateway.skip(gateway.edge.config.hello_timeout_s)
                await silent.hung_up()
            await gateway.until_quiet()

    uvloop.run(scenario())
