"""What the server keeps of each conversation: how far it got, and why it ended."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text

from fleet.device_port import EndedConversation
from gateway.edge.metrics import ConversationOutcome
from protocol.conversation.connection import RegisterEnd
from protocol.conversation.messages import Step
from protocol.kktpc.frame import ASYNC_ID, Frame, FrameReader, encode
from protocol.platforms import Platform
from tests.gateway.edge.ordering import order, owner_of
from tests.gateway.edge.running_gateway import SERIAL, RawRegister, RunningGateway

Does = Callable[[RunningGateway, RawRegister], Awaitable[None]]


@pytest.fixture
def ended(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> list[EndedConversation]:
    """What the door hears, in order."""
    found: list[EndedConversation] = []
    monkeypatch.setattr(gateway.port, "conversation_ended", found.append)
    return found


async def nothing(_: RunningGateway, line: RawRegister) -> None:
    return


async def half_a_hello(_: RunningGateway, line: RawRegister) -> None:
    line.send(line.hello()[:-1])


async def garbage(_: RunningGateway, line: RawRegister) -> None:
    line.send(b"garbage")
    await line.refusal()


async def unknown(_: RunningGateway, line: RawRegister) -> None:
    line.send(RegisterEnd(bytes(32)).hello(bytes.fromhex("00299000000001"), 50, 61, 2, 1))
    await line.answers(1)


async def greeting(_: RunningGateway, line: RawRegister) -> None:
    await line.reach_challenge()


async def forgery(_: RunningGateway, line: RawRegister) -> None:
    await line.reach_challenge()
    (sealed,) = FrameReader().feed(line.check_in())
    assert isinstance(sealed, Frame)
    line.send(encode(ASYNC_ID, sealed.data[:-1] + bytes((sealed.data[-1] ^ 1,))))
    await line.answers(1)


async def damage(_: RunningGateway, line: RawRegister) -> None:
    await line.reach_challenge()
    frame = encode(ASYNC_ID, bytes(28))
    line.send(frame[:-1] + bytes((frame[-1] ^ 1,)))
    await line.refusal()


async def a_reading_that_is_none(_: RunningGateway, line: RawRegister) -> None:
    await line.reach_challenge()
    line.send(line.check_in(b""))
    await line.refusal()


async def a_reading_that_is_not_kept(gateway: RunningGateway, line: RawRegister) -> None:
    async with gateway.database.transaction() as db:
        await db.execute(text("ALTER TABLE readings RENAME TO readings_away"))
    await line.reach_challenge()
    line.send(line.check_in())
    await line.hung_up()


async def a_check_in(_: RunningGateway, line: RawRegister) -> None:
    await line.reach_accepted()


async def a_step(gateway: RunningGateway, line: RawRegister) -> None:
    await line.reach_accepted()
    actor = await owner_of(gateway.database, [SERIAL])
    await order(gateway.database, actor, [SERIAL], Platform.V5_0)
    await gateway.until(lambda: len(gateway.port._due) == 1)
    line.send(line.check_in())
    await line.receive()
    assert isinstance(await line.receive(), Step)


# fmt: off
TABLE: dict[Does, tuple[str, ConversationOutcome, str, str]] = {
    nothing: ("", ConversationOutcome.CUT, "", "silent"),
    half_a_hello: ("", ConversationOutcome.CUT, "", "silent"),
    garbage: ("", ConversationOutcome.REFUSED_MALFORMED, "first_bytes", "silent"),
    unknown: ("00299000000001", ConversationOutcome.REFUSED_UNKNOWN, "unknown", "greeted"),
    greeting: (SERIAL, ConversationOutcome.CUT, "", "challenged"),
    forgery: (SERIAL, ConversationOutcome.REFUSED_KEY, "key", "challenged"),
    damage: (SERIAL, ConversationOutcome.REFUSED_MALFORMED, "crc", "challenged"),
    a_reading_that_is_none: (
        SERIAL,
        ConversationOutcome.REFUSED_MALFORMED,
        "malformed",
        "checked_in",
    ),
    a_reading_that_is_not_kept: (SERIAL, ConversationOutcome.NOT_KEPT, "", "checked_in"),
    a_check_in: (SERIAL, ConversationOutcome.SERVED, "", "open"),
    a_step: (SERIAL, ConversationOutcome.SERVED, "", "stepping"),
}
# fmt: on


@pytest.mark.parametrize("does", TABLE, ids=lambda does: does.__name__)
async def test_each_ending_is_reported_once(
    gateway: RunningGateway, ended: list[EndedConversation], does: Does
) -> None:
    serial_number, outcome, why, reached = TABLE[does]
    async with await gateway.line() as line:
        await gateway.until(lambda: gateway.open == 1)
        await does(gateway, line)
        line._writer.close()
        await gateway.until_quiet()
    await asyncio.sleep(0)
    (one,) = ended
    assert (one.serial_number, one.outcome, one.why, one.reached) == (
        serial_number,
        outcome,
        why,
        reached,
    )
    assert (one.transport, one.peer) == ("tcp", "127.0.0.1")
    assert (one.steps, len(one.operations)) == ((1, 1) if does is a_step else (0, 0))
    assert 0 <= one.ms < 10_000
