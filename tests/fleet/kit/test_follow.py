"""Following the database: words arrive, lost links are made again, and nothing stays missed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from sqlalchemy import text

from fleet.accounts.models import Partner
from fleet.kit import follow
from fleet.kit.database import Database
from fleet.kit.dialect import notify
from fleet.kit.follow import Follower
from tests.fleet.conftest import START
from tests.pace import scaled

CHANNEL = "cash_server_test"
SOON_S = scaled(20.0)


class NotificationLog:
    """What a follower was told."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.resyncs = 0
        self.trouble: list[Exception] = []
        self.pause = asyncio.Event()
        self.pause.set()

    async def hear(self, payload: str) -> None:
        await self.pause.wait()
        if self.trouble:
            raise self.trouble.pop()
        self.heard.append(payload)

    async def resync(self) -> None:
        if self.trouble:
            raise self.trouble.pop()
        self.resyncs += 1


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same waits, only shorter."""
    for name, seconds in (("SQLITE_POLL_S", 0.02), ("RECONNECT_S", 0.05), ("ALIVE_S", 0.1)):
        monkeypatch.setattr(follow, name, seconds)


Start = Callable[..., Awaitable[Follower]]


@pytest.fixture
def ear() -> NotificationLog:
    return NotificationLog()


@pytest.fixture
async def start(database: Database, ear: NotificationLog) -> AsyncIterator[Start]:
    started: list[Follower] = []

    async def start(resync_s: float = 60.0) -> Follower:
        follower = Follower(database, {CHANNEL: ear.hear}, ear.resync, resync_s)
        started.append(follower)
        await follower.start()
        return follower

    yield start
    for each in started:
        await asyncio.wait_for(each.close(), scaled(5))


async def soon(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not happened():  # noqa: ASYNC110 - what happens in a database sets no event
            await asyncio.sleep(0.01)


async def say(database: Database, *payloads: str) -> None:
    """Words of one transaction, with a write, so that SQLite has something to say too."""
    async with database.transaction() as db:
        db.add(Partner(name="P", created_at=START))
        for payload in payloads:
            await notify(db, CHANNEL, payload)


async def followed(database: Database) -> None:
    """The dedicated connection stands and listens, or has been asked since whether it stands."""
    statement = text(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query = 'SELECT 1'"
    )

    async def listeners() -> int:
        async with database.read() as db:
            return int(await db.scalar(statement) or 0)

    async with asyncio.timeout(SOON_S):
        while not await listeners():  # noqa: ASYNC110 - the server's own table sets no event
            await asyncio.sleep(0.02)


async def test_the_index_is_read_before_the_start_returns(
    start: Start, ear: NotificationLog
) -> None:
    await start()
    assert ear.resyncs >= 1


async def test_the_follower_does_not_start_without_a_database(
    closed_port: int, ear: NotificationLog
) -> None:
    nowhere = Database(f"postgresql+asyncpg://postgres@127.0.0.1:{closed_port}/fleet")

    async def read() -> None:
        await nowhere.probe()

    with pytest.raises(OSError):
        await Follower(nowhere, {CHANNEL: ear.hear}, read).start()
    await nowhere.close()


async def test_a_commit_of_another_connection_is_noticed(
    start: Start, ear: NotificationLog, database_url: str, database: Database
) -> None:
    await start()
    await soon(lambda: ear.resyncs >= 2)  # the one of the standing link
    before, elsewhere = ear.resyncs, Database(database_url)
    await say(elsewhere, "one", "two")
    if database.dialect == "sqlite":
        await soon(lambda: ear.resyncs > before)
    else:
        await soon(lambda: ear.heard == ["one", "two"])
    await elsewhere.close()


async def test_a_rolled_back_transaction_sends_no_notification(
    start: Start, ear: NotificationLog, database: Database
) -> None:
    await start()
    await soon(lambda: ear.resyncs >= 2)
    before = ear.resyncs
    with pytest.raises(LookupError):
        async with database.transaction() as db:
            db.add(Partner(name="P", created_at=START))
            await notify(db, CHANNEL, "never")
            raise LookupError
    await asyncio.sleep(0.2)
    assert (ear.resyncs, ear.heard) == (before, [])


async def test_the_index_is_read_again_periodically(start: Start, ear: NotificationLog) -> None:
    await start(resync_s=0.1)
    await soon(lambda: ear.resyncs >= 5)


async def test_a_failed_read_of_the_index_is_repeated(start: Start, ear: NotificationLog) -> None:
    await start()
    ear.trouble.append(LookupError())
    await soon(lambda: ear.resyncs >= 2)
    assert ear.trouble == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_lost_connection_is_opened_again(
    start: Start, ear: NotificationLog, database: Database
) -> None:
    await start()
    await soon(lambda: ear.resyncs >= 2)
    await followed(database)
    before = ear.resyncs
    async with database.transaction() as db:
        killed = await db.scalar(
            text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        )
    assert killed
    await soon(lambda: ear.resyncs > before)
    await followed(database)
    await say(database, "after")
    await soon(lambda: ear.heard == ["after"])


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_an_overflow_of_notifications_causes_a_resync(
    start: Start, ear: NotificationLog, database: Database
) -> None:
    follower = await start()
    follower._words = asyncio.Queue(maxsize=3)
    await soon(lambda: ear.resyncs >= 2)
    await followed(database)
    ear.pause.clear()
    before = ear.resyncs
    await say(database, *(str(number) for number in range(10)))
    await asyncio.sleep(0.2)
    ear.pause.set()
    await soon(lambda: ear.resyncs > before)
    assert 0 < len(ear.heard) < 10
    await say(database, "after")
    await soon(lambda: ear.heard[-1] == "after")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_notification_that_fails_causes_a_resync(
    start: Start, ear: NotificationLog, database: Database
) -> None:
    await start()
    await soon(lambda: ear.resyncs >= 2)
    await followed(database)
    before = ear.resyncs
    ear.trouble.append(LookupError())
    await say(database, "bad")
    await soon(lambda: ear.resyncs > before)
    await say(database, "good")
    await soon(lambda: ear.heard[-1:] == ["good"])


async def test_closing_ends_the_follower(
    start: Start, ear: NotificationLog, database: Database
) -> None:
    follower = await start()
    await soon(lambda: ear.resyncs >= 2)
    await asyncio.wait_for(follower.close(), scaled(5))
    before = ear.resyncs
    await say(database, "late")
    await asyncio.sleep(0.1)
    assert (ear.resyncs, ear.heard) == (before, [])
