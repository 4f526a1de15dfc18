"""Notification of an in-memory index that rows have changed in the database.

Theory of operation.  A writer calls ``fleet.kit.dialect.notify(db, channel, payload)`` in its
transaction.  Each process with an index runs a ``Follower``:

* On PostgreSQL it keeps one connection that LISTENs on the channels.  PostgreSQL delivers a
  notification when the writer's transaction commits (never after a rollback); the follower queues
  it and calls ``channels[channel](payload)``, which reads the rows that the payload names.
* On SQLite there are no notifications.  The follower polls ``PRAGMA data_version`` every
  ``SQLITE_POLL_S``; the value changes when another connection has committed something, and then
  the follower calls ``resync()``, which reads everything again.

On both databases ``resync()`` also runs at the start, after a lost connection, after an overflow
of the queue and every ``resync_s``.  A lost notification therefore delays an update, but the index
never stays wrong.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from sqlalchemy import text

from fleet.kit.database import Database
from fleet.kit.supervisor import StartTask, start_alone

SQLITE_POLL_S = 0.5
RECONNECT_S = 5.0
ALIVE_S = 10.0
"""How often an idle listening connection is tested with a query."""

log = structlog.get_logger(__name__)

OnPayload = Callable[[str], Awaitable[None]]
OnResync = Callable[[], Awaitable[None]]


class Follower:
    """A task that calls ``channels[name](payload)`` for each notification.

    It calls ``resync()`` instead when anything may have changed.
    """

    def __init__(
        self,
        database: Database,
        channels: Mapping[str, OnPayload],
        resync: OnResync,
        resync_s: float = 60.0,
        start_task: StartTask = start_alone,
    ) -> None:
        self._database = database
        self._channels = channels
        self._resync = resync
        self._resync_s = resync_s
        self._start_task = start_task
        self._words: asyncio.Queue[tuple[str, str]] = asyncio.Queue(maxsize=10_000)
        self._overflown = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Call ``resync()`` once, raising its error, then follow the database until ``close``."""
        await self._resync()
        follow = self._poll if self._database.dialect == "sqlite" else self._listen
        self._task = self._start_task("database follower", lambda: self._reconnect_forever(follow))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _reconnect_forever(self, follow: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await follow()
            except Exception as error:  # whatever broke the connection, a new one may work
                log.warning("database_link_lost", error=type(error).__name__)
            await asyncio.sleep(RECONNECT_S * random.uniform(0.5, 1.0))

    async def _poll(self) -> None:
        async with self._database.engine.connect() as link:
            await link.execution_options(isolation_level="AUTOCOMMIT")
            version, passed_s = -1, 0.0
            while True:
                found = (await link.execute(text("PRAGMA data_version"))).scalar_one()
                await link.rollback()
                if found != version or passed_s >= self._resync_s:
                    version, passed_s = found, 0.0
                    await self._resync()
                await asyncio.sleep(SQLITE_POLL_S)
                passed_s += SQLITE_POLL_S

    async def _listen(self) -> None:
        async with self._database.engine.connect() as link:
            raw: Any = (await link.get_raw_connection()).driver_connection
            for channel in self._channels:
                await raw.add_listener(channel, self._on_notification)
            try:
                await self._resync()
                await self._dispatch(raw)
            finally:
                with contextlib.suppress(Exception):
                    for channel in self._channels:
                        await raw.remove_listener(channel, self._on_notification)

    def _on_notification(self, _link: object, _pid: int, channel: str, payload: str) -> None:
        try:
            self._words.put_nowait((channel, payload))
        except asyncio.QueueFull:
            self._overflown = True

    async def _dispatch(self, raw: Any) -> None:
        clock = asyncio.get_running_loop().time
        resync_at = clock() + self._resync_s
        while True:
            try:
                async with asyncio.timeout(ALIVE_S):
                    channel, payload = await self._words.get()
                await self._channels[channel](payload)
            except TimeoutError:
                await raw.execute("SELECT 1", timeout=ALIVE_S)
            if self._overflown or clock() >= resync_at:
                self._overflown, resync_at = False, clock() + self._resync_s
                await self._resync()
