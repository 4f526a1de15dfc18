"""The requests of one register: a bounded queue, a bounded history and one worker."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from simulator.web_requests import failures
from simulator.web_requests.body import Body
from simulator.web_requests.failures import DriverFailure
from simulator.web_requests.served_register import ServedRegister, TaskContext
from simulator.web_requests.tasks import perform

MAX_WAITING: Final = 100
MAX_KEPT: Final = 1000
"""Requests stored with their results; the oldest finished one is dropped first."""


class Status(StrEnum):
    """The status of one task of a request (KKT-PC 6.4)."""

    WAIT = "wait"
    IN_PROGRESS = "inProgress"
    READY = "ready"
    FAILED = "error"
    INTERRUPTED = "interrupted"
    BLOCKED = "blocked"
    CANCELED = "canceled"


UNFINISHED: Final = (Status.WAIT, Status.IN_PROGRESS, Status.BLOCKED)


class QueueFull(Exception):
    """Raised when too many requests wait already."""


class DuplicateRequest(Exception):
    """A request with this uuid is in the queue or in the history."""


class RequestBegun(Exception):
    """Raised when a request to cancel is running or done."""


@dataclass(slots=True)
class TaskResult:
    """The status and result of one task; ``result`` is the driver's answer."""

    status: Status = Status.WAIT
    code: int = failures.NO_FAULT
    description: str = failures.TEXTS[failures.NO_FAULT]
    result: Any = None


@dataclass(slots=True)
class DriverRequest:
    """Tasks that are executed in order until one fails."""

    uuid: str
    tasks: Sequence[Body]
    results: list[TaskResult]

    @property
    def finished(self) -> bool:
        """Tell whether all tasks of the request have reached their final status."""
        return all(each.status not in UNFINISHED for each in self.results)


class RequestQueue:
    """The queue; ``await run()`` is the worker, ``clock`` returns the time of each task.

    A task that runs out of paper is blocked until there is paper, and all later requests wait.
    """

    def __init__(
        self, desk: ServedRegister, clock: Callable[[], datetime], look_for_paper_s: float
    ) -> None:
        self._desk, self._clock, self._look_for_paper_s = desk, clock, look_for_paper_s
        self._requests: dict[str, DriverRequest] = {}
        self._waiting: asyncio.Queue[DriverRequest] = asyncio.Queue(MAX_WAITING)
        self.blocked: DriverRequest | None = None

    def add(self, uuid: str, tasks: Sequence[Body]) -> int:
        """Queue a request and return how many wait before it.

        Raise ``DuplicateRequest`` or ``QueueFull`` without changing anything.
        """
        if uuid in self._requests:
            raise DuplicateRequest
        request = DriverRequest(uuid, tasks, [TaskResult() for _ in tasks])
        before = self._waiting.qsize()
        try:
            self._waiting.put_nowait(request)
        except asyncio.QueueFull:
            raise QueueFull from None
        self._requests[uuid] = request
        self._forget_oldest()
        return before

    def find(self, uuid: str) -> DriverRequest | None:
        """Return a request from the queue or the history."""
        return self._requests.get(uuid)

    def cancel(self, request: DriverRequest) -> None:
        """Cancel the request; raise ``RequestBegun`` if it has begun."""
        if any(each.status is not Status.WAIT for each in request.results):
            raise RequestBegun
        for result in request.results:
            result.status = Status.CANCELED

    def counts(self) -> Counter[str]:
        """Return the numbers of requests by status: that of the first task that is not ready."""
        return Counter(_summary(each) for each in self._requests.values())

    async def run(self) -> None:
        """Execute waiting requests for ever."""
        while True:
            request = await self._waiting.get()
            if not request.finished:
                await self._perform(request)

    async def run_now(self, body: Body) -> dict[str, Any]:
        """Execute one read-only task without the queue."""
        return perform(TaskContext(self._desk, self._clock()), body)

    async def _perform(self, request: DriverRequest) -> None:
        for at, (body, result) in enumerate(zip(request.tasks, request.results, strict=True)):
            result.status = Status.IN_PROGRESS
            await asyncio.sleep(0)
            try:
                result.result = await self._done(request, body, result)
                result.status = Status.READY
            except DriverFailure as failure:
                _failed(result, failure)
                for rest in request.results[at + 1 :]:
                    rest.status = Status.INTERRUPTED
                    rest.code = failures.INTERRUPTED
                    rest.description = failures.TEXTS[failures.INTERRUPTED]
                return

    async def _done(self, request: DriverRequest, body: Body, result: TaskResult) -> dict[str, Any]:
        try:
            while True:
                with suppress(_PaperOut):
                    return self._try(body)
                result.status, self.blocked = Status.BLOCKED, request
                await asyncio.sleep(self._look_for_paper_s)
        finally:
            self.blocked = None

    def _try(self, body: Body) -> dict[str, Any]:
        try:
            return perform(TaskContext(self._desk, self._clock()), body)
        except DriverFailure as failure:
            if failure.code == failures.NO_PAPER:
                raise _PaperOut from None
            raise

    def _forget_oldest(self) -> None:
        if len(self._requests) > MAX_KEPT:
            finished = (uuid for uuid, each in self._requests.items() if each.finished)
            with suppress(StopIteration):
                del self._requests[next(finished)]


class _PaperOut(Exception):
    """Raised when there is no paper, so that nothing is printed or done."""


def _failed(result: TaskResult, failure: DriverFailure) -> None:
    result.status = Status.FAILED
    result.code, result.description = failure.code, failure.description


def _summary(request: DriverRequest) -> str:
    statuses = [each.status for each in request.results]
    return next((each for each in statuses if each is not Status.READY), Status.READY)
