"""Every operation type again, with the gateway killed (SIGKILL) in the middle of all of them.

Each register has done the first step, and its answer never leaves.  A second gateway process
finishes the operations: done once, and the fleet tells the truth.  A new type is covered by its
example in the contract of types.
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleet.accounts import creation as founding
from fleet.accounts import service as accounts
from fleet.accounts.roles import Role
from fleet.firmware.image_folder import ImageFolder
from fleet.kit.act import Act
from fleet.kit.database import Database
from fleet.migrations.run import upgrade
from fleet.operations.rules import OPEN, Channel, OperationStatus
from fleet.operations.types import BY_KIND
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.service import grant
from fleet.wiring import REACTIONS
from protocol.conversation.messages import LinkChannel
from protocol.platforms import Platform
from simulator.bench.ports import free_port
from simulator.calls.conversation import RegisterConversation
from simulator.register.simulated_register import SimulatedRegister
from tests.fleet import conftest as fleet
from tests.fleet.conftest import PASSWORD, HandClock
from tests.fleet.operations.proofs import factory_key
from tests.fleet.operations.stage import Stage
from tests.fleet.operations.test_types import EXAMPLES, FIRMWARE, IMAGES
from tests.journeys.programs import CASH_SERVER, Program
from tests.pace import scaled
from tests.protocol.publisher import PUBLISHER

cheap_hashes = fleet.cheap_hashes

MOST_CALLS = 30
CALL_S = scaled(30.0)

ON_REGISTERS = [key for key in EXAMPLES if not BY_KIND[key[0]].on_server]


class Place:
    """A folder with a database, keys and images, and the gateway over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite+aiosqlite:///{folder / 'fleet.db'}"
        self.port = free_port()
        keys = {"1": bytes(range(32)).hex(), "2": bytes(range(32, 64)).hex()}
        (folder / "key-ring.json").write_text(json.dumps(keys))

    def gateway(self, name: str) -> Program:
        devices = f"127.0.0.1:{self.port}"
        options = ("--data", str(self.folder), "--devices", devices, "--database", self.url)
        environment = {
            "CASH_SERVER_METRICS": "127.0.0.1:0",
            "CASH_SERVER_FIRMWARE_IMAGES": str(self.folder / "images"),
            "CASH_SERVER_FIRMWARE_KEYS": PUBLISHER.hex(),
        }
        program = Program(
            self.folder, name, *CASH_SERVER, "gateway", *options, environment=environment
        )
        program.wait_until_it_says('"listening"')
        return program

    async def stage(self, database: Database) -> Stage:
        """People and registers; the clock stands at the present moment."""
        clock = HandClock()
        clock.now = datetime.now(UTC)
        async with database.transaction() as db:
            partner = await founding.create_partner(Act(db, None, clock()), "of anna")
            await grant(Act(db, None, clock()), partner.id, Entitlement)
            anna = await founding.create_employee(
                Act(db, None, clock()),
                partner_id=partner.id,
                login="anna",
                full_name="Anna",
                role=Role.ADMINISTRATOR,
                password=PASSWORD,
            )
        shelf = ImageFolder(self.folder / "images", [PUBLISHER])
        return Stage(database, clock, accounts.to_actor(anna, 0, ""), shelf)


@dataclass(frozen=True)
class Story:
    """An operation and its register, which calls over ``way``."""

    kind: str
    register: SimulatedRegister
    way: LinkChannel | None
    id: int

    def talk(self) -> RegisterConversation:
        held = factory_key(self.register)
        return RegisterConversation(self.register, held.key, held.generation, channel=self.way)


async def told(stage: Stage, number: int, kind: str, platform: Platform) -> Story:
    register = await stage.boot_register(number, platform)
    register.faults.shift_forgotten = True
    id_ = await stage.order_one(kind, register.serial_number, EXAMPLES[kind, platform].params)
    directly = Channel.CASH_SERVER in BY_KIND[kind].channels
    return Story(kind, register, None if directly else LinkChannel.ASSISTANT, id_)


async def half_a_call(story: Story, port: int) -> asyncio.StreamWriter:
    """A call until the register has done a step, and the answer has not left."""
    talk = story.talk()
    async with asyncio.timeout(CALL_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(talk.start())
        while data := await reader.read(65536):
            said = talk.receive(data, datetime.now(UTC))
            if talk.steps_done:
                break
            writer.write(said)
    talk.break_off("cut")
    assert talk.steps_done == 1, story
    return writer


async def call(story: Story, port: int) -> None:
    """One call to its end."""
    talk = story.talk()
    async with asyncio.timeout(CALL_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(talk.start())
        while not talk.is_over and (data := await reader.read(65536)):
            writer.write(talk.receive(data, datetime.now(UTC)))
        await hang_up(writer)
    talk.break_off("cut")


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:  # the far end was killed: that is the story
        return


@pytest.mark.timeout(240)
async def test_operation_is_executed_once_despite_a_killed_gateway(tmp_path: Path) -> None:
    place = Place(tmp_path)
    await upgrade(place.url)
    database = Database(place.url, REACTIONS)
    try:
        stage = await place.stage(database)
        for image in IMAGES.values():
            await stage.publish(image, FIRMWARE)
        stories = [await told(stage, number, *key) for number, key in enumerate(ON_REGISTERS, 1)]
        with place.gateway("first") as first:
            lines = await asyncio.gather(*(half_a_call(story, place.port) for story in stories))
            first.kill()
        await asyncio.gather(*map(hang_up, lines))
        with place.gateway("second"):
            await asyncio.gather(*(until_ended(stage, story, place.port) for story in stories))
        for story, key in zip(stories, ON_REGISTERS, strict=True):
            found = await stage.operation(story.id)
            assert found.status is OperationStatus.SUCCEEDED, (story, found.cause, found.detail)
            EXAMPLES[key].prove(story.register, found.result or {})
            assert set(story.register.journal.effects.values()) == {1}, story
    finally:
        await database.close()


async def until_ended(stage: Stage, story: Story, port: int) -> None:
    for _ in range(MOST_CALLS):
        await call(story, port)
        if (await stage.operation(story.id)).status not in OPEN:
            return
    raise AssertionError(f"the operation does not end: {story}")
