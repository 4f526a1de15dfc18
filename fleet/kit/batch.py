"""Batches: many small writes that share one commit.

Theory of operation.  ``Batcher.add`` puts an item into a list and returns at once.  One writer
task takes up to ``max_batch`` items from the list, writes them in one transaction, and takes the
next ones when that is committed.  Items that arrive during a commit wait for the next one, so the
database sets the size of a batch: under a light load an item is written almost at once, under a
heavy load items are written by the thousand.  Each item is answered once: by ``write`` after the
commit, or by ``fail`` when its batch was not kept.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

from fleet.kit.supervisor import StartTask, start_alone

Item = TypeVar("Item")

log = structlog.get_logger(__name__)


class Batcher(Generic[Item]):
    """A queue of items that are passed to ``write`` in order, one batch at a time.

    ``write`` must answer every item itself after its commit.  When it raises, is cancelled or
    takes longer than ``timeout_s``, ``fail`` receives the items instead: none of them was kept.
    ``fail`` must not raise.  ``linger_s`` is how long the writer waits before each batch for more
    items; ``max_waiting`` is the most items that may wait.
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
        start_task: StartTask = start_alone,
    ) -> None:
        self._write = write
        self._fail = fail
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._linger_s = linger_s
        self._timeout_s = timeout_s
        self._start_task = start_task
        self._waiting: list[Item] = []
        self._arrived = asyncio.Event()
        self._closing = False
        self._writer: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._writer = self._start_task("batch writer", self._run)

    def add(self, item: Item) -> bool:
        """Queue the item; return False when the queue is full or closing: then refuse the peer."""
        if self._closing or len(self._waiting) >= self._max_waiting:
            return False
        self._waiting.append(item)
        self._arrived.set()
        return True

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def close(self) -> None:
        """Write the waiting items, then end the writer."""
        self._closing = True
        self._arrived.set()
        if self._writer is not None:
            await self._writer

    async def _run(self) -> None:
        try:
            while not (self._closing and not self._waiting):
                await self._write_next()
        except asyncio.CancelledError:  # nobody will write what still waits
            self._closing = True
            self._fail(self._waiting)
            raise

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
            self._fail(batch)
            log.exception("batch_failed", items=len(batch))


class PacedQueue(Generic[Item]):
    """A queue that passes items to ``do`` one at a time and yields to the event loop after each.

    It is for work that occupies the event loop for long: many items in a row would block every
    other connection.  ``do`` must not raise.
    """

    def __init__(self, do: Callable[[Item], None], start_task: StartTask = start_alone) -> None:
        self._process = do
        self._start_task = start_task
        self._items: asyncio.Queue[Item] = asyncio.Queue()
        self._doer: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._doer = self._start_task("paced work", self._run)

    def add(self, item: Item) -> None:
        """Queue the item; the limit on conversations bounds the length of the queue."""
        self._items.put_nowait(item)

    async def close(self) -> None:
        """Drop the waiting items (their conversations end unanswered) and end the work."""
        if self._doer is not None:
            self._doer.cancel()
            await asyncio.gather(self._doer, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._process(await self._items.get())
            await asyncio.sleep(0)
