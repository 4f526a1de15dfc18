"""The door for the gateway: nobody is answered before the commit, and everybody is answered."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from random import Random
from threading import Thread

import pytest
from sqlalchemy import func, select, text

from fleet.accounts.roles import Role
from fleet.device_port import Answer, Caller, DevicePort
from fleet.kit.act import Act
from fleet.kit.batch import Batcher
from fleet.kit.database import Database
from fleet.operations.rules import OperationStatus
from fleet.registers import service as registers
from fleet.telemetry.models import READINGS, RegisterState
from fleet.wiring import REACTIONS
from protocol.conversation.messages import Hello, StepDone
from protocol.errors import RemoteError
from protocol.platforms import Platform
from protocol.telemetry import BLOCK_VERSION
from simulator.register.simulated_register import SimulatedRegister
from tests.fleet.conftest import Employ, HandClock
from tests.fleet.operations.stage import Stage, answer_step, serial
from tests.fleet.telemetry.readings import make_block
from tests.pace import scaled

SOON_S = scaled(20.0)
UPLOAD = {"settings": {"278": "host.example", "279": 8080}}


class Counter:
    """The gateway's side: calls the port as listeners do, and keeps what it is told."""

    def __init__(self, port: DevicePort) -> None:
        self.port = port
        self.answers: list[Answer | None] = []

    def caller(self, serial_number: str, platform: Platform = Platform.V5_0) -> Caller:
        return self.port.identify(hello(serial_number, platform.wire_code))

    async def check_in(self, caller: Caller, block: bytes | None = None) -> Answer | None:
        told: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        assert self.port.check_in(caller, BLOCK_VERSION, block or make_block(), told.set_result)
        return await asyncio.wait_for(told, SOON_S)

    async def step_done(self, caller: Caller, word: StepDone) -> Answer | None:
        told: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        assert self.port.step_done(caller, word, told.set_result)
        return await asyncio.wait_for(told, SOON_S)


def hello(serial_number: str, platform: int) -> Hello:
    return Hello(1, platform, bytes.fromhex(serial_number), 69, 2, 1, bytes(16))


@pytest.fixture
async def wired(database_url: str, database: Database) -> AsyncIterator[Database]:
    """The database with the reactions of the product; ``database`` is another process's view."""
    wired = Database(database_url, REACTIONS)
    yield wired
    await wired.close()


@pytest.fixture
async def counter(wired: Database, clock: HandClock) -> AsyncIterator[Counter]:
    port = DevicePort(wired, clock, batch_linger_s=0)
    await port.start()
    yield Counter(port)
    await asyncio.wait_for(port.close(), SOON_S)


@pytest.fixture
async def stage(database: Database, clock: HandClock, employ: Employ) -> Stage:
    return Stage(database, clock, await employ("anna", Role.ADMINISTRATOR))


async def soon(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not happened():  # noqa: ASYNC110 - what happens in a database sets no event
            await asyncio.sleep(0.01)


async def kept(database: Database) -> tuple[int, int]:
    """How many states and how many readings are there for everybody to see."""
    async with database.read() as db:
        return (
            await db.scalar(select(func.count()).select_from(RegisterState)) or 0,
            await db.scalar(select(func.count()).select_from(READINGS)) or 0,
        )


# ---- who calls ----------------------------------------------------------------------------------


async def test_who_calls_is_known_from_hello(counter: Counter) -> None:
    caller = counter.caller(serial(1), Platform.V2_5)
    assert caller == Caller(
        serial_number=serial(1),
        key=int(serial(1)),
        platform=Platform.V2_5,
        model=69,
        channel=2,
        key_generation=1,
    )
    for number, platform in (("99999999999999", 2), (serial(1), 0xEE)):
        with pytest.raises(RemoteError) as refused:
            counter.port.identify(hello(number, platform))
        assert refused.value.code == "unknown"


async def test_the_blocked_ones_follow_the_database(counter: Counter, stage: Stage) -> None:
    await stage.enrol(serial(1), Platform.V5_0)
    wired = Database(stage.database.engine.url.render_as_string(hide_password=False), REACTIONS)

    def refused() -> bool:
        try:
            counter.caller(serial(1))
        except RemoteError as error:
            assert error.code == "blocked"
            return True
        return False

    assert not refused()
    for change, expected in ((registers.BLOCK, True), (registers.UNBLOCK, False)):
        async with wired.transaction() as db:
            await registers.set_flag(Act(db, stage.actor, stage.clock()), change, [serial(1)])
        await soon(lambda expected=expected: refused() is expected)  # type: ignore[misc]
    await wired.close()


async def test_what_is_no_block_is_refused_at_once(counter: Counter, database: Database) -> None:
    with pytest.raises(RemoteError):
        counter.port.check_in(
            counter.caller(serial(1)), BLOCK_VERSION, b"\0", counter.answers.append
        )
    assert counter.answers == [] and await kept(database) == (0, 0)


# ---- replies and commits ------------------------------------------------------------------------


async def test_a_reply_comes_after_the_commit(counter: Counter, database: Database) -> None:
    """When the reply is called, a reader of another program sees the reading already."""
    url = database.engine.url
    seen: list[int] = []
    done = asyncio.Event()
    look = _look_sqlite if url.get_backend_name() == "sqlite" else _look_postgresql

    def reply(answer: Answer | None) -> None:
        seen.append(look(url.render_as_string(hide_password=False)))
        done.set()

    assert counter.port.check_in(counter.caller(serial(1)), BLOCK_VERSION, make_block(), reply)
    assert seen == []
    await asyncio.wait_for(done.wait(), SOON_S)
    assert seen == [1]


def _look_sqlite(url: str) -> int:
    link = sqlite3.connect(url.partition(":///")[2])
    try:
        return int(link.execute("SELECT count(*) FROM register_states").fetchone()[0])
    finally:
        link.close()


def _look_postgresql(url: str) -> int:
    """A look without this thread's loop: the reply must not be awaited for."""
    found: list[int] = []

    async def look() -> None:
        elsewhere = Database(url)
        found.append((await kept(elsewhere))[0])
        await elsewhere.close()

    thread = Thread(target=lambda: asyncio.run(look()))
    thread.start()
    thread.join(SOON_S)
    return found[0]


async def test_many_at_once_are_few_transactions(counter: Counter, database: Database) -> None:
    answers = await asyncio.gather(
        *(counter.check_in(counter.caller(serial(number))) for number in range(300))
    )
    assert [answer and (answer.step, answer.pending) for answer in answers] == [(None, 0)] * 300
    assert await kept(database) == (300, 300)


async def test_a_batch_that_fails_is_told_and_the_next_one_works(
    counter: Counter, database: Database
) -> None:
    """The tables are away for a while."""
    await rename(database, "readings", "readings_away")
    assert await counter.check_in(counter.caller(serial(1))) is None
    await rename(database, "readings_away", "readings")
    assert await kept(database) == (0, 0)
    assert await counter.check_in(counter.caller(serial(1))) is not None
    assert await kept(database) == (1, 1)


async def rename(database: Database, before: str, after: str) -> None:
    async with database.transaction() as db:
        await db.execute(text(f"ALTER TABLE {before} RENAME TO {after}"))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_lost_database_connection_costs_one_batch_at_most(
    counter: Counter, database: Database
) -> None:
    assert await counter.check_in(counter.caller(serial(1))) is not None
    async with database.transaction() as db:
        await db.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )
    answers = [await counter.check_in(counter.caller(serial(1))) for _ in range(3)]
    assert answers[1:].count(None) == 0
    assert (await kept(database))[1] == 1 + 3 - answers.count(None)


async def test_a_reply_that_raises_hurts_nobody_else(counter: Counter, database: Database) -> None:
    def raises(answer: Answer | None) -> None:
        raise RuntimeError

    port, caller = counter.port, counter.caller(serial(1))
    assert port.check_in(caller, BLOCK_VERSION, make_block(), raises)
    assert port.check_in(
        counter.caller(serial(2)), BLOCK_VERSION, make_block(), counter.answers.append
    )
    await soon(lambda: len(counter.answers) == 1)
    assert counter.answers[0] is not None
    await rename(database, "readings", "readings_away")
    assert port.check_in(caller, BLOCK_VERSION, make_block(), raises)
    assert port.check_in(caller, BLOCK_VERSION, make_block(), counter.answers.append)
    await soon(lambda: len(counter.answers) == 2)
    assert counter.answers[1] is None
    await rename(database, "readings_away", "readings")
    assert await counter.check_in(caller) is not None


async def test_too_much_waiting_is_refused(counter: Counter, wired: Database) -> None:
    port = counter.port
    port._batcher = Batcher(port._write, lambda visits: None, max_waiting=5)
    taken = [
        port.check_in(
            counter.caller(serial(1)), BLOCK_VERSION, make_block(), counter.answers.append
        )
        for _ in range(7)
    ]
    assert taken == [True] * 5 + [False] * 2
    port._batcher.start()
    await soon(lambda: len(counter.answers) == 5)


async def test_closing_writes_what_waits(
    wired: Database, database: Database, clock: HandClock
) -> None:
    port = DevicePort(wired, clock)
    await port.start()
    counter = Counter(port)
    for number in range(10):
        caller = counter.caller(serial(number))
        assert port.check_in(caller, BLOCK_VERSION, make_block(), counter.answers.append)
    await asyncio.wait_for(port.close(), SOON_S)
    assert [answer is not None for answer in counter.answers] == [True] * 10
    assert await kept(database) == (10, 10)
    assert not port.check_in(caller, BLOCK_VERSION, make_block(), counter.answers.append)


async def test_it_does_not_start_without_a_database(clock: HandClock, closed_port: int) -> None:
    nowhere = Database(f"postgresql+asyncpg://postgres@127.0.0.1:{closed_port}/fleet")
    with pytest.raises(OSError):
        await DevicePort(nowhere, clock).start()
    await nowhere.close()


# ---- orders -------------------------------------------------------------------------------------


@pytest.fixture
def do_all(counter: Counter, stage: Stage) -> Callable[[SimulatedRegister], Awaitable[int]]:
    """A register calls and does what it is told until there is nothing more; how many steps."""

    async def do_all(register: SimulatedRegister) -> int:
        caller, steps = counter.caller(register.serial_number, register.platform), 0
        answer = await counter.check_in(caller)
        while answer is not None and answer.step is not None:
            assert answer.pending == 1
            word = answer_step(register, answer.step, stage.clock())
            assert isinstance(word, StepDone)
            answer, steps = await counter.step_done(caller, word), steps + 1
        assert answer is not None and answer.pending == 0
        return steps

    return do_all


@pytest.mark.parametrize("platform", Platform)
async def test_an_order_made_elsewhere_reaches_the_register(
    counter: Counter,
    stage: Stage,
    do_all: Callable[[SimulatedRegister], Awaitable[int]],
    platform: Platform,
) -> None:
    register = SimulatedRegister(serial(1), platform, 69, Random(1), stage.clock())
    assert await do_all(register) == 0
    async with stage.database.transaction() as db:
        await db.execute(text(f"UPDATE registers SET partner_id = {stage.actor.partner_id}"))
    operation_id = await stage.order_one("settings_upload", serial(1), UPLOAD)
    await soon(lambda: counter.port._due.get(int(serial(1))) is not None)
    assert await do_all(register) >= 2
    found = await stage.operation(operation_id)
    assert (found.status, register.memory.value(279)) == (OperationStatus.SUCCEEDED, 8080)
    # A look at the database from before the last commit may still be on its way here.
    await soon(lambda: counter.port._due.get(int(serial(1))) is None)
    assert await do_all(register) == 0


async def test_a_step_done_of_nothing_is_answered(counter: Counter) -> None:
    answer = await counter.step_done(counter.caller(serial(1)), StepDone(5, 1, b"\x55\x00"))
    assert answer is not None and (answer.step, answer.pending) == (None, 0)
