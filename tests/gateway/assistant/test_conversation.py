"""Conversations in a register's name with a gateway joined in memory."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.assistant import conversation as conversations
from gateway.assistant.conversation import (
    AssistantConversation,
    ConversationEnding,
    ConversationResult,
    HungUp,
    RegisterKey,
)
from gateway.assistant.journal import Journal
from gateway.assistant.register_connection import RegisterUnreachable
from gateway.assistant.steps import StepExecutor
from protocol import telemetry
from protocol.conversation.connection import GatewayEnd
from protocol.conversation.messages import (
    Accepted,
    Block,
    CheckIn,
    Farewell,
    Hello,
    Keepalive,
    LinkChannel,
    Message,
    RefusalReason,
    Step,
    StepDone,
)
from protocol.conversation.seal import KeyRing
from tests.gateway.assistant.connections import DONE, SERIAL, CountingConnection
from tests.pace import scaled

KEYS = KeyRing({1: bytes(range(32))})
KEY = KEYS.register_key(1, bytes.fromhex(SERIAL)) or b""


class Joined:
    """Both ends of a link: the Assistant's side is a ``Link``, the other is in a test's hands."""

    def __init__(self) -> None:
        self.end = GatewayEnd(KEYS)
        self._down: asyncio.Queue[bytes] = asyncio.Queue()
        self._heard: asyncio.Queue[Message] = asyncio.Queue()

    async def send(self, data: bytes) -> None:
        for message in self.end.receive(data):
            self._heard.put_nowait(message)

    async def receive(self) -> bytes:
        data = await self._down.get()
        if not data:
            raise HungUp("the gateway hung up")
        return data

    async def hear(self) -> Message:
        return await asyncio.wait_for(self._heard.get(), scaled(5))

    def say(self, *messages: Message) -> None:
        self._down.put_nowait(b"".join(map(self.end.send, messages)))

    def raw(self, data: bytes) -> None:
        self._down.put_nowait(data)


class Scene:
    def __init__(self, journal: Journal) -> None:
        self.way, self.link = CountingConnection(), Joined()
        self.steps = StepExecutor(SERIAL, journal)
        self.key = RegisterKey(1, KEY)

    def begin(self) -> asyncio.Task[ConversationResult]:
        talk = AssistantConversation(self.way, self.key, self.steps, self.link, self.way.reading)
        return asyncio.create_task(talk.run())

    async def checked_in(self) -> CheckIn:
        hello = await self.link.hear()
        assert isinstance(hello, Hello) and hello.channel == LinkChannel.ASSISTANT
        assert hello.serial_number == SERIAL
        self.link.raw(self.link.end.challenge())
        reading = await self.link.hear()
        assert isinstance(reading, CheckIn)
        return reading


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    journal = Journal(tmp_path / "journal.sqlite")
    scene = Scene(journal)
    yield scene
    await scene.steps.close()
    journal.close()


def accepted(pending: int = 0, hold: int = 0) -> Accepted:
    return Accepted(1_800_000_000, 300, hold, pending)


async def test_an_idle_call_sends_a_reading_and_is_accepted(scene: Scene) -> None:
    ended = scene.begin()
    reading = await scene.checked_in()
    told = telemetry.decode(reading.block_version, reading.block)
    assert told["firmware_version"] and told["fiscal_drive_number"]
    scene.link.say(accepted())
    assert await ended == ConversationResult(ConversationEnding.DONE, "", 300, True)


async def test_blocks_and_steps_are_done_in_order(scene: Scene) -> None:
    ended = scene.begin()
    await scene.checked_in()
    scene.link.say(accepted(1), Block(9, b"\xec\x04"), Step(9, 1, b"\xa6"))
    assert await scene.link.hear() == StepDone(9, 1, DONE + b"\x02")
    scene.link.say(Step(9, 2, b"\xa7"))
    assert await scene.link.hear() == StepDone(9, 2, DONE + b"\x03")
    scene.link.say(Farewell(60))
    assert await ended == ConversationResult(ConversationEnding.DONE, "", 60, True)
    assert scene.way.effects == [b"\xec\x04", b"\xa6", b"\xa7"]


async def test_a_long_step_outlives_its_conversation_and_is_answered_in_the_next(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "KEEPALIVE_S", 0.01)
    may_end = asyncio.Event()

    async def slow(command: bytes, step: str) -> bytes:
        scene.way.effects.append(command)
        await may_end.wait()
        return DONE

    monkeypatch.setattr(scene.way, "execute", slow)
    first = scene.begin()
    await scene.checked_in()
    scene.link.say(accepted(1), Step(9, 1, b"\xa6"))
    assert await scene.link.hear() == Keepalive()
    first.cancel()
    scene.link = Joined()
    second = scene.begin()
    await scene.checked_in()
    scene.link.say(accepted(1), Step(9, 1, b"\xa6"))
    assert await scene.link.hear() == Keepalive()
    may_end.set()
    while isinstance(said := await scene.link.hear(), Keepalive):
        pass
    assert said == StepDone(9, 1, DONE)
    scene.link.say(Farewell(60))
    assert (await second).ending is ConversationEnding.DONE
    assert scene.way.effects == [b"\xa6"]


async def test_a_held_conversation_reports_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "HELD_S", 0.05)
    ended = scene.begin()
    await scene.checked_in()
    scene.link.say(accepted(hold=1))
    assert isinstance(await scene.link.hear(), CheckIn)
    scene.link.say(accepted(hold=1), Keepalive())
    assert await scene.link.hear() == Keepalive()
    scene.link.say(Farewell(60))
    assert (await ended).next_s == 60


async def test_a_refusal_sets_the_time_of_the_next_call(scene: Scene) -> None:
    ended = scene.begin()
    assert isinstance(await scene.link.hear(), Hello)
    scene.link.raw(scene.link.end.refuse(RefusalReason.BUSY, 17))
    assert await ended == ConversationResult(ConversationEnding.REFUSED, "busy", 17, False)


async def test_a_gateway_without_the_key_gets_no_reading(scene: Scene) -> None:
    scene.key = RegisterKey(1, bytes(32))
    ended = scene.begin()
    assert isinstance(await scene.link.hear(), Hello)
    scene.link.raw(scene.link.end.challenge())
    assert (await ended).detail == "key"


@pytest.mark.parametrize("noise", [b"", b"\xfe\x01\x00\x00\xc4\x02", b"GET / HTTP/1.1"])
async def test_noise_or_a_hang_up_ends_the_conversation(
    scene: Scene, noise: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversations, "ANSWER_S", 0.1)
    ended = scene.begin()
    await scene.checked_in()
    scene.link.raw(noise)
    assert (await ended).ending is ConversationEnding.CUT


async def test_silence_ends_the_conversation(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversations, "ANSWER_S", 0.02)
    assert await scene.begin() == ConversationResult(ConversationEnding.CUT, "silence")


async def test_a_removed_register_ends_the_conversation(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone() -> dict[str, Any]:
        raise RegisterUnreachable("unplugged")

    monkeypatch.setattr(scene.way, "reading", gone)
    ended = scene.begin()
    assert isinstance(await scene.link.hear(), Hello)
    scene.link.raw(scene.link.end.challenge())
    assert await ended == ConversationResult(ConversationEnding.REGISTER_LOST, "unplugged")


def test_a_key_is_never_shown() -> None:
    assert KEY.hex() not in repr(RegisterKey(1, KEY)) and repr(KEY) not in repr(RegisterKey(1, KEY))
