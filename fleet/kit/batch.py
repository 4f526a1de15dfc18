"""Batches: many small writes that wait for one commit together.

While one batch is being committed the next one gathers, so the database sets the pace: a
light load is written at once, a heavy one by the thousand.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

Item = TypeVar("Item")

log = structlog.get_logger(__name__)


class Batcher(Generic[Item]):
    """Gathers items and hands them to ``write`` in order, one batch at a time.

    ``write`` must answer every item itself after its commit.  When it raises, is cancelled or
    takes longer than ``timeout_s``, ``fail`` gets the items: none of them was kept.  ``fail``
    must not raise.  ``linger_s`` is how long the writer waits for company before each batch.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Awaitable[None]],
        fail: Callable[[Sequence[Item]], None],
        *,
        max_batch: int = 1000,
        max_waiting: int = 20_000,
        linger_s: float = 0.002,
        timeout_s: float = 20.0,
    ) -> None:
        self._write = write
        self._fail = fail
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._linger_s = linger_s
        self._timeout_s = timeout_s
        self._waiting: list[Item] = []
        self._arrived = asyncio.Event()
        self._closing = False
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._writer = asyncio.create_task(self._run(), name="batch writer")

    def add(self, item: Item) -> bool:
        """False when too much waits already or the batcher is closing: refuse the peer."""
        if self._closing or len(self._waiting) >= self._max_waiting:
            return False
        self._waiting.append(item)
        self._arrived.set()
        return True

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def close(self) -> None:
        """Writes what waits, then ends."""
        self._closing = True
        self._arrived.set()
        if self._writer is not None:
            await self._writer

    async def _run(self) -> None:
        try:
            while not (self._closing and not self._waiting):
                await self._write_next()
        finally:  # closed, or cancelled: then nobody will write what still waits
            self._closing = True
            self._fail(self._waiting)

    async def _write_next(self) -> None:
        await self._arrived.wait()
        if self._linger_s and not self._closing:
            await asyncio.sleep(self._linger_s)
        batch = self._waiting[: self._max_batch]
        del self._waiting[: self._max_batch]
        if not self._waiting and not self._closing:
            self._arrived.clear()
        if batch:
            await self._write_one(batch)

    async def _write_one(self, batch: Sequence[Item]) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._write(batch)
        except asyncio.CancelledError:
            self._fail(batch)
            raise
        except Exception:  # a failed batch must not stop the ones after it
            log.exception("batch_failed", items=len(batch))
            self._fail(batch)


class PacedQueue(Generic[Item]):
    """Hands items to ``do`` one at a time and lets the event loop breathe between them.

    For work that is heavy for a loop: many at once would keep everybody else waiting.  ``do``
    must not raise.
    """

    def __init__(self, do: Callable[[Item], None]) -> None:
        self._process = do
        self._items: asyncio.Queue[Item] = asyncio.Queue()
        self._doer: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._doer = asyncio.create_task(self._run(), name="paced work")

    def add(self, item: Item) -> None:
        """The queue is as long as there are conversations, which have a limit of their own."""
        self._items.put_nowait(item)

    async def close(self) -> None:
        """What still waits is dropped: its conversations end unanswered."""
        if self._doer is not None:
            self._doer.cancel()
            await asyncio.gather(self._doer, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._process(await self._items.get())
            await asyncio.sleep(0)
