"""Long-lived tasks: a failure is counted, told and followed by a new start."""

import asyncio
from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from fleet.kit import supervisor as module
from fleet.kit.batch import Batcher
from fleet.kit.supervisor import MAX_FAILURES, Supervisor, pause_s
from tests.pace import scaled


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "pause_s", lambda failures: 0.0)


async def test_a_task_that_fails_is_started_again_and_named_meanwhile() -> None:
    tasks, runs, steady = Supervisor(), 0, asyncio.Event()

    async def run() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise OSError("no space left on the device")
        steady.set()
        await asyncio.Event().wait()

    with capture_logs() as lines:
        task = tasks.start("batch writer", run)
        await asyncio.wait_for(steady.wait(), scaled(5))
    assert tasks.failing_names() == ("batch writer",)
    assert [line["task"] for line in lines if line["event"] == "task_failed"] == ["batch writer"]
    assert not tasks.exhausted.is_set()
    task.cancel()


async def test_a_steady_task_is_no_longer_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEADY_S", 0.0)
    tasks, again = Supervisor(), asyncio.Event()

    async def run() -> None:
        if not again.is_set():
            again.set()
            raise ValueError
        await asyncio.Event().wait()

    task = tasks.start("follower", run)
    await asyncio.wait_for(again.wait(), scaled(5))
    await asyncio.sleep(0)
    assert tasks.failing_names() == ()
    task.cancel()


async def test_a_task_that_fails_always_exhausts_the_process() -> None:
    tasks, runs = Supervisor(), 0

    async def run() -> None:
        nonlocal runs
        runs += 1
        raise ValueError

    with capture_logs():
        task = tasks.start("sweep", run)
        await asyncio.wait_for(tasks.exhausted.wait(), scaled(5))
    assert runs >= MAX_FAILURES
    assert tasks.failing_names() == ("sweep",)
    task.cancel()


async def test_a_task_that_returns_is_not_started_again() -> None:
    runs = 0

    async def run() -> None:
        nonlocal runs
        runs += 1

    await asyncio.wait_for(Supervisor().start("once", run), scaled(5))
    assert runs == 1


def test_pauses_grow_to_a_bound_and_differ() -> None:
    assert all(0.125 <= pause_s(1) <= 0.25 for _ in range(100))
    assert all(4.0 <= pause_s(50) <= 8.0 for _ in range(100))
    assert len({pause_s(3) for _ in range(10)}) > 1


async def test_a_batch_writer_goes_on_after_whatever_ended_it() -> None:
    kept: list[int] = []
    failing = True

    async def write(batch: Sequence[int]) -> None:
        kept.extend(batch)

    def fail(batch: Sequence[int]) -> None:
        pass

    tasks = Supervisor()
    batcher = Batcher(write, fail, linger_s=0, start_task=tasks.start)
    write_one = batcher._write_one

    async def broken(batch: Sequence[int]) -> None:
        nonlocal failing
        if failing:
            failing = False
            raise RuntimeError("a fault of the writer itself")
        await write_one(batch)

    batcher._write_one = broken  # type: ignore[method-assign]
    with capture_logs():
        batcher.start()
        batcher.add(1)
        while failing:  # noqa: ASYNC110 - the writer sets no event
            await asyncio.sleep(0)
        assert batcher.add(2)
        await asyncio.wait_for(batcher.close(), scaled(5))
    assert kept == [2]
