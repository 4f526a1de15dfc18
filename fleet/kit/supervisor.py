"""The owner of a process's long-lived tasks: none of them may end unnoticed.

A task that fails is logged, counted and started again after a growing, jittered pause.  Until it
has run steadily for ``STEADY_S`` ``failing_names`` returns it, which turns ``/readyz`` to 503.
A task that fails ``MAX_FAILURES`` times in a row sets ``exhausted``: the process ends, and whoever
started it (systemd, an orchestrator) starts it anew.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

import structlog

from fleet.kit.metrics import TASK_FAILURES

MAX_FAILURES: Final = 6
"""Failures in a row; with the pauses between them some 15 seconds."""
STEADY_S: Final = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 8.0

Run = Callable[[], Coroutine[Any, Any, None]]

log = structlog.get_logger(__name__)


class StartTask(Protocol):
    """Function that starts a long-lived task; ``run`` is called again after each failure."""

    def __call__(self, name: str, run: Run) -> asyncio.Task[None]: ...


def start_alone(name: str, run: Run) -> asyncio.Task[None]:
    """Start a task that nobody restarts: for tests and short-lived programs."""
    return asyncio.create_task(run(), name=name)


class Supervisor:
    """Restarts the long-lived tasks of one process and knows which of them fail."""

    def __init__(self) -> None:
        self.exhausted = asyncio.Event()
        self._failed_at: dict[str, float] = {}

    def failing_names(self) -> tuple[str, ...]:
        """Return the names of the tasks that failed within the last ``STEADY_S`` seconds."""
        if self.exhausted.is_set():
            return tuple(sorted(self._failed_at))
        since = asyncio.get_running_loop().time() - STEADY_S
        return tuple(sorted(name for name, at in self._failed_at.items() if at > since))

    def start(self, name: str, run: Run) -> asyncio.Task[None]:
        """Start a task and keep it running until it returns or is cancelled."""
        return asyncio.create_task(self._keep_running(name, run), name=name)

    async def _keep_running(self, name: str, run: Run) -> None:
        clock, failures = asyncio.get_running_loop().time, 0
        while True:
            began = clock()
            try:
                return await run()
            except Exception as error:  # whatever it was, the task is needed
                failures = 1 if clock() - began >= STEADY_S else failures + 1
                self._note(name, failures, error, clock())
            await asyncio.sleep(pause_s(failures))

    def _note(self, name: str, failures: int, error: Exception, at: float) -> None:
        self._failed_at[name] = at
        TASK_FAILURES.labels(name).inc()
        log.error("task_failed", task=name, failures=failures, exc_info=error)
        if failures >= MAX_FAILURES:
            log.critical("task_given_up", task=name)
            self.exhausted.set()


def pause_s(failures: int) -> float:
    """Return the seconds before the next start: doubled with each failure, jittered by half."""
    doubled = FIRST_PAUSE_S * 2.0 ** (failures - 1)
    return min(LONGEST_PAUSE_S, doubled) * random.uniform(0.5, 1.0)
