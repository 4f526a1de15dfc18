"""The loop of the worker: nothing that a job does ends it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from sqlalchemy import func, select
from structlog.testing import LogCapture

from fleet.accounts.models import Partner
from fleet.kit.act import Act
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.metrics import JOB_RUNS
from fleet.worker import runner
from fleet.worker.runner import Worker
from fleet.worker.schedule import Job
from tests.fleet.conftest import START, HandClock
from tests.pace import scaled

SOON_S = scaled(20.0)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    capture = LogCapture()
    monkeypatch.setattr(runner, "log", structlog.wrap_logger(None, processors=[capture]))
    return capture.entries


async def soon(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not happened():  # noqa: ASYNC110 - the worker's loop sets no event
            await asyncio.sleep(0.005)


def runs(name: str, outcome: str) -> float:
    return float(JOB_RUNS.labels(name, outcome)._value.get())


async def partners(database: Database) -> int:
    async with database.read() as db:
        return await db.scalar(select(func.count()).select_from(Partner)) or 0


def with_jobs(database: Database, clock: HandClock, *jobs: Job) -> Worker:
    return Worker(database, clock, FleetConfig(), jobs)


async def test_a_failed_job_is_logged_counted_and_run_again(
    database: Database, clock: HandClock, lines: list[Any]
) -> None:
    calls = 0

    async def fail_twice(act: Act, portion: int) -> int:
        nonlocal calls
        calls += 1
        act.db.add(Partner(name="P", created_at=START))
        await act.db.flush()
        if calls < 3:
            raise LookupError
        return 1

    failed, done = runs("fails", "failed"), runs("fails", "done")
    worker = with_jobs(database, clock, Job("fails", 0.01, 10, fail_twice))
    worker.start()
    await soon(lambda: runs("fails", "done") >= done + 1)
    await asyncio.wait_for(worker.stop(), SOON_S)
    assert runs("fails", "failed") == failed + 2
    events = [(line["event"], line["job"]) for line in lines[:3]]
    assert events == [("job_failed", "fails")] * 2 + [("job_done", "fails")]
    assert lines[0]["exc_info"] and lines[2]["items"] == 1
    assert await partners(database) == runs("fails", "done") - done


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_hanging_job_is_cancelled_and_delays_no_other(
    database: Database, clock: HandClock, lines: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "TIMEOUT_S", 0.05)
    other = 0

    async def hang(act: Act, portion: int) -> int:
        act.db.add(Partner(name="P", created_at=START))
        await act.db.flush()
        await asyncio.Event().wait()
        return 0

    async def work(act: Act, portion: int) -> int:
        nonlocal other
        other += 1
        return 0

    failed = runs("hangs", "failed")
    worker = with_jobs(database, clock, Job("hangs", 0.01, 1, hang), Job("works", 0.01, 1, work))
    worker.start()
    await soon(lambda: runs("hangs", "failed") >= failed + 2 and other >= 2)
    await asyncio.wait_for(worker.stop(), SOON_S)
    assert await partners(database) == 0


async def test_stopping_rolls_back_the_running_transaction(
    database: Database, clock: HandClock
) -> None:
    began = asyncio.Event()

    async def half(act: Act, portion: int) -> int:
        act.db.add(Partner(name="P", created_at=START))
        await act.db.flush()
        began.set()
        await asyncio.Event().wait()
        return 0

    worker = with_jobs(database, clock, Job("half", 0.01, 1, half))
    worker.start()
    await asyncio.wait_for(began.wait(), SOON_S)
    await asyncio.wait_for(worker.stop(), SOON_S)
    assert await partners(database) == 0
    await asyncio.wait_for(worker.stop(), SOON_S)
