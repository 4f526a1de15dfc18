"""Every operation type again, with the gateway killed (SIGKILL) in the middle of it.

The register has done the first step, and its answer never leaves.  A second gateway process
finishes the operation: done once, and the fleet tells the truth.  A new type is covered by its
example in the contract of types.
"""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleet.accounts import founding
from fleet.accounts import service as accounts
from fleet.accounts.roles import Role
from fleet.firmware.shelf import Shelf
from fleet.kit.database import Database
from fleet.migrations.run import upgrade
from fleet.operations.rules import OPEN, Channel, Status
from fleet.operations.types import BY_KIND
from fleet.subscriptions.entitlements import Entitlement
from fleet.subscriptions.service import grant
from fleet.wiring import REACTIONS
from protocol.messages import LinkChannel
from protocol.platforms import Platform
from simulator.register import SimulatedRegister
from simulator.talk import Talk
from tests.fleet import conftest as fleet
from tests.fleet.conftest import PASSWORD, HandClock
from tests.fleet.operations.proofs import factory_key
from tests.fleet.operations.stage import Stage
from tests.fleet.operations.test_types import EXAMPLES, FIRMWARE, IMAGES
from tests.journeys.programs import CASH_SERVER, Program, free_port
from tests.protocol.publisher import PUBLISHER

cheap_hashes = fleet.cheap_hashes

MOST_CALLS = 30
CALL_S = 10.0

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
            partner = await founding.create_partner(db, "of anna", clock())
            await grant(db, partner.id, Entitlement, clock())
            anna = await founding.create_employee(
                db,
                clock(),
                partner_id=partner.id,
                login="anna",
                full_name="Anna",
                role=Role.ADMINISTRATOR,
                password=PASSWORD,
            )
        shelf = Shelf(self.folder / "images", [PUBLISHER])
        return Stage(database, clock, accounts.to_actor(anna, 0, ""), shelf)


async def call(
    register: SimulatedRegister,
    port: int,
    way: LinkChannel | None,
    kill: Program | None = None,
) -> int:
    """One call to its end; with ``kill`` that gateway dies as soon as the register has done a
    step, before the answer leaves.  Returns the steps done."""
    held = factory_key(register)
    talk = Talk(register, held.key, held.generation, channel=way)
    async with asyncio.timeout(CALL_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(talk.start())
        while not talk.over and (data := await reader.read(65536)):
            said = talk.receive(data, datetime.now(UTC))
            if kill is not None and talk.steps_done:
                kill.kill()
                break
            writer.write(said)
        await _flushed(writer)
    talk.break_off("cut")
    return talk.steps_done


async def _flushed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:  # the far end was killed: that is the story
        return


@pytest.mark.parametrize(
    ("kind", "platform"), ON_REGISTERS, ids=lambda each: str(each).replace(".", "_")
)
async def test_done_once_though_the_gateway_was_killed(
    kind: str, platform: Platform, tmp_path: Path
) -> None:
    example, place = EXAMPLES[kind, platform], Place(tmp_path)
    await upgrade(place.url)
    database = Database(place.url, REACTIONS)
    try:
        stage = await place.stage(database)
        if (kind, platform) in IMAGES:
            await stage.publish(IMAGES[kind, platform], FIRMWARE)
        register = await stage.born(1, platform)
        register.faults.shift_forgotten = True
        id_ = await stage.ordered(kind, register.serial_number, example.params)
        directly = Channel.CASH_SERVER in BY_KIND[kind].channels
        way = None if directly else LinkChannel.ASSISTANT
        with place.gateway("first") as first:
            assert await call(register, place.port, way, kill=first) == 1
        with place.gateway("second"):
            await _until_ended(stage, register, id_, place.port, way)
        found = await stage.operation(id_)
        assert found.status is Status.SUCCEEDED, (found.cause, found.detail)
        example.prove(register, found.result or {})
        assert set(register.journal.effects.values()) == {1}
    finally:
        await database.close()


async def _until_ended(
    stage: Stage, register: SimulatedRegister, id_: int, port: int, way: LinkChannel | None
) -> None:
    for _ in range(MOST_CALLS):
        await call(register, port, way)
        if (await stage.operation(id_)).status not in OPEN:
            return
    raise AssertionError("the operation does not end")
