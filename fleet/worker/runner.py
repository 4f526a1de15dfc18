"""The worker, which runs each job of the schedule at its own interval."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial

import structlog

from fleet.kit.acts import Acts
from fleet.kit.clock import Clock
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.metrics import JOB_RUNS
from fleet.kit.supervisor import StartTask, start_alone
from fleet.worker.schedule import JOBS, ExternalJob, Job

TIMEOUT_S = 60.0

log = structlog.get_logger("worker")


class Worker:
    """The owner of one task for each job; a job that fails is logged and runs again later."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        config: FleetConfig,
        jobs: Sequence[Job | ExternalJob] = JOBS,
        start_task: StartTask = start_alone,
    ) -> None:
        self._acts = Acts(database, clock, None, config.language, config)
        self._jobs = jobs
        self._start_task = start_task
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [
            self._start_task(f"job {job.name}", partial(self._repeat, job)) for job in self._jobs
        ]

    async def stop(self) -> None:
        """Cancel all jobs; an open transaction is rolled back, and the next start does it again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def run_once(self, job: Job | ExternalJob) -> int:
        """Run the job until nothing is left to do now; return how many items it handled."""
        total = 0
        while True:
            async with asyncio.timeout(TIMEOUT_S):
                done = await self._run_portion(job)
            total += done
            if done < job.portion:
                return total

    async def _run_portion(self, job: Job | ExternalJob) -> int:
        if isinstance(job, ExternalJob):
            return await job.run(self._acts)
        async with self._acts.transaction() as act:
            return await job.run(act, job.portion)

    async def _repeat(self, job: Job | ExternalJob) -> None:
        while True:
            await asyncio.sleep(job.every_s * random.uniform(0.9, 1.1))
            try:
                done = await self.run_once(job)
            except Exception:  # whatever it was, the next run may succeed
                log.exception("job_failed", job=job.name)
                JOB_RUNS.labels(job.name, "failed").inc()
            else:
                JOB_RUNS.labels(job.name, "done").inc()
                if done:
                    log.info("job_done", job=job.name, items=done)


def start_worker(
    stack: AsyncExitStack,
    database: Database,
    clock: Clock,
    config: FleetConfig,
    start_task: StartTask = start_alone,
) -> None:
    """Start a worker that stops with the stack."""
    worker = Worker(database, clock, config, start_task=start_task)
    worker.start()
    stack.push_async_callback(worker.stop)
