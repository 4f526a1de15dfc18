"""What the server keeps of each conversation: how far it got, and why it ended."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text

from fleet.device_port import EndedConversation
from gateway.edge.metrics import Outcome
from protocol.conversation.connection import RegisterEnd
from protocol.conversation.messages import Step
from protocol.kktpc.frame import ASYNC_ID, Frame, FrameReader, encode
from protocol.platforms import Platform
from tests.gateway.edge.ordering import order, owner_of
from tests.gateway.edge.running import SERIAL, Line, Running

Does = Callable[[Running, Line], Awaitable[None]]


@pytest.fixture
def ended(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> list[EndedConversation]:
    """What the door hears, in order."""
    found: list[EndedConversation] = []
    monkeypatch.setattr(gateway.port, "conversation_ended", found.append)
    return found


async def nothing(_: Running, line: Line) -> None:
    return


async def half_a_hello(_: Running, line: Line) -> None:
    line.say(line.hello()[:-1])


async def garbage(_: Running, line: Line) -> None:
    line.say(b"garbage")
    await line.refusal()


async def unknown(_: Running, line: Line) -> None:
    line.say(RegisterEnd(bytes(32)).hello(bytes.fromhex("00299000000001"), 50, 61, 2, 1))
    await line.answers(1)


async def greeting(_: Running, line: Line) -> None:
    await line.greet()


async def forgery(_: Running, line: Line) -> None:
    await line.greet()
    (sealed,) = FrameReader().feed(line.check_in())
    assert isinstance(sealed, Frame)
    line.say(encode(ASYNC_ID, sealed.data[:-1] + bytes((sealed.data[-1] ^ 1,))))
    await line.answers(1)


async def damage(_: Running, line: Line) -> None:
    await line.greet()
    frame = encode(ASYNC_ID, bytes(28))
    line.say(frame[:-1] + bytes((frame[-1] ^ 1,)))
    await line.refusal()


async def a_reading_that_is_none(_: Running, line: Line) -> None:
    await line.greet()
    line.say(line.check_in(b""))
    await line.refusal()


async def a_reading_that_is_not_kept(gateway: Running, line: Line) -> None:
    async with gateway.database.transaction() as db:
        await db.execute(text("ALTER TABLE readings RENAME TO readings_away"))
    await line.greet()
    line.say(line.check_in())
    await line.hung_up()


async def a_check_in(_: Running, line: Line) -> None:
    await line.prove()


async def a_step(gateway: Running, line: Line) -> None:
    await line.prove()
    actor = await owner_of(gateway.database, [SERIAL])
    await order(gateway.database, actor, [SERIAL], Platform.V5_0)
    await gateway.until(lambda: len(gateway.port._due) == 1)
    line.say(line.check_in())
    await line.hear()
    assert isinstance(await line.hear(), Step)


# fmt: off
TABLE: dict[Does, tuple[str, Outcome, str, str]] = {
    nothing:                    ("", Outcome.CUT, "", "silent"),
    half_a_hello:               ("", Outcome.CUT, "", "silent"),
    garbage:                    ("", Outcome.REFUSED_MALFORMED, "first_bytes", "silent"),
    unknown:                    ("00299000000001", Outcome.REFUSED_UNKNOWN, "unknown", "greeted"),
    greeting:                   (SERIAL, Outcome.CUT, "", "challenged"),
    forgery:                    (SERIAL, Outcome.REFUSED_KEY, "key", "challenged"),
    damage:                     (SERIAL, Outcome.REFUSED_MALFORMED, "crc", "challenged"),
    a_reading_that_is_none:     (SERIAL, Outcome.REFUSED_MALFORMED, "malformed", "checked_in"),
    a_reading_that_is_not_kept: (SERIAL, Outcome.NOT_KEPT, "", "checked_in"),
    a_check_in:                 (SERIAL, Outcome.SERVED, "", "open"),
    a_step:                     (SERIAL, Outcome.SERVED, "", "stepping"),
}
# fmt: on


@pytest.mark.parametrize("does", TABLE, ids=lambda does: does.__name__)
async def test_each_end_is_told_once(
    gateway: Running, ended: list[EndedConversation], does: Does
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
    assert (one.road, one.peer) == ("tcp", "127.0.0.1")
    assert (one.steps, len(one.operations)) == ((1, 1) if does is a_step else (0, 0))
    assert 0 <= one.ms < 10_000
