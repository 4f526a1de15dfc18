"""Batches: in order, within bounds, and nobody is left unanswered."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.kit.batch import Batcher, PacedQueue
from tests.examples import examples
from tests.pace import scaled


class Ledger:
    """A database of integers: batches it wrote, and the answer that each item got."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.kept: list[int] = []
        self.failed: list[int] = []
        self.before: Callable[[Sequence[int]], object] = lambda batch: None

    async def write(self, batch: Sequence[int]) -> None:
        self.batches.append(list(batch))
        await asyncio.sleep(0)
        done = self.before(batch)
        if asyncio.iscoroutine(done):
            await done
        self.kept += batch

    def fail(self, batch: Sequence[int]) -> None:
        self.failed += batch

    @property
    def answered(self) -> list[int]:
        return self.kept + self.failed


async def settle() -> None:
    """Lets everything happen that waits for no clock."""
    for _ in range(20):
        await asyncio.sleep(0)


@settings(max_examples=examples(60))
@given(
    arrivals=st.lists(st.integers(0, 7), max_size=20),
    max_batch=st.integers(1, 5),
    max_waiting=st.integers(1, 12),
    bad=st.sets(st.integers(0, 40), max_size=5),
)
def test_batches_keep_the_order_and_the_limits_and_answer_every_item(
    arrivals: list[int], max_batch: int, max_waiting: int, bad: set[int]
) -> None:
    """``arrivals``: how many items come between two turns of the loop; ``bad`` spoil a batch."""
    asyncio.run(_order_and_bounds(arrivals, max_batch, max_waiting, bad))


async def _order_and_bounds(
    arrivals: list[int], max_batch: int, max_waiting: int, bad: set[int]
) -> None:
    ledger = Ledger()

    def spoil(batch: Sequence[int]) -> None:
        if bad & set(batch):
            raise LookupError

    ledger.before = spoil
    batcher = Batcher(
        ledger.write, ledger.fail, max_batch=max_batch, max_waiting=max_waiting, linger_s=0
    )
    batcher.start()
    taken, number = [], 0
    for many in arrivals:
        for _ in range(many):
            full = batcher.waiting == max_waiting
            assert batcher.add(number) is not full
            taken += [] if full else [number]
            number += 1
        assert batcher.waiting <= max_waiting
        await asyncio.sleep(0)
    await batcher.close()
    assert [item for batch in ledger.batches for item in batch] == taken
    assert all(0 < len(batch) <= max_batch for batch in ledger.batches)
    assert sorted(ledger.answered) == taken
    assert set(ledger.failed) == {
        item for batch in ledger.batches if bad & set(batch) for item in batch
    }
    assert not batcher.add(0)


async def test_items_gather_while_a_batch_is_written() -> None:
    ledger, gate = Ledger(), asyncio.Event()
    ledger.before = lambda batch: gate.wait()
    batcher = Batcher(ledger.write, ledger.fail, linger_s=0)
    batcher.start()
    for item in range(5):
        batcher.add(item)
        await settle()
    assert (ledger.batches, batcher.waiting) == ([[0]], 4)
    gate.set()
    await settle()
    assert ledger.batches == [[0], [1, 2, 3, 4]]
    await batcher.close()


async def test_a_lingering_writer_waits_for_more_items() -> None:
    ledger = Ledger()
    batcher = Batcher(ledger.write, ledger.fail, linger_s=0.05)
    batcher.start()
    batcher.add(1)
    await settle()
    batcher.add(2)
    assert ledger.batches == []
    await batcher.close()
    assert ledger.batches == [[1, 2]]


async def test_a_batch_over_its_time_limit_fails() -> None:
    ledger = Ledger()
    ledger.before = lambda batch: asyncio.Event().wait() if 1 in batch else None
    batcher = Batcher(ledger.write, ledger.fail, linger_s=0, timeout_s=0.05, max_batch=1)
    batcher.start()
    batcher.add(1)
    batcher.add(2)
    await batcher.close()
    assert (ledger.failed, ledger.kept) == ([1], [2])


async def test_closing_writes_the_waiting_items() -> None:
    ledger = Ledger()
    batcher = Batcher(ledger.write, ledger.fail, max_batch=3, linger_s=0.01)
    batcher.start()
    await settle()
    for item in range(7):
        batcher.add(item)
    closing = asyncio.create_task(batcher.close())
    await settle()
    assert not batcher.add(7)
    await asyncio.wait_for(closing, scaled(5))
    assert ledger.kept == list(range(7))


async def test_closing_an_idle_or_unstarted_batcher_returns_at_once() -> None:
    ledger = Ledger()
    idle = Batcher(ledger.write, ledger.fail)
    idle.start()
    await settle()
    await asyncio.wait_for(idle.close(), scaled(5))
    await asyncio.wait_for(Batcher(ledger.write, ledger.fail).close(), scaled(5))
    assert ledger.batches == []


@pytest.mark.parametrize("linger_s", [0, 60])
async def test_a_cancelled_writer_fails_all_its_items(linger_s: float) -> None:
    ledger = Ledger()
    ledger.before = lambda batch: asyncio.Event().wait()
    batcher = Batcher(ledger.write, ledger.fail, max_batch=2, linger_s=linger_s)
    batcher.start()
    for item in range(5):
        batcher.add(item)
    await settle()
    (writer,) = (task for task in asyncio.all_tasks() if task.get_name() == "batch writer")
    writer.cancel()
    await asyncio.wait([writer], timeout=scaled(5))
    assert writer.cancelled()
    assert (sorted(ledger.failed), ledger.kept) == ([0, 1, 2, 3, 4], [])
    assert not batcher.add(5)


async def test_a_paced_queue_yields_to_the_event_loop_between_items() -> None:
    done: list[object] = []
    paced = PacedQueue[int](done.append)
    paced.start()
    for number in range(3):
        paced.add(number)

    async def others() -> None:
        for _ in range(8):
            done.append("others")
            await asyncio.sleep(0)

    await others()
    await paced.close()
    numbers = [done.index(number) for number in range(3)]
    assert numbers == sorted(numbers)
    assert all("others" in done[one:another] for one, another in pairwise(numbers))


async def test_a_closed_paced_queue_handles_no_more_items() -> None:
    done: list[int] = []
    paced = PacedQueue[int](done.append)
    paced.start()
    paced.add(1)
    await paced.close()
    await asyncio.sleep(0)
    assert done in ([], [1])
    paced.add(2)
    await asyncio.sleep(0)
    assert 2 not in done
