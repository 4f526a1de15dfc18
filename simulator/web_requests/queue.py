"""Requests of one register, one after another: a bounded queue, a bounded history, one worker."""

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
"""Requests with their results; the oldest finished one is forgotten first."""


class Status(StrEnum):
    """Of one task of a request (KKT-PC 6.4)."""

    WAIT = "wait"
    IN_PROGRESS = "inProgress"
    READY = "ready"
    FAILED = "error"
    INTERRUPTED = "interrupted"
    BLOCKED = "blocked"
    CANCELED = "canceled"


UNFINISHED: Final = (Status.WAIT, Status.IN_PROGRESS, Status.BLOCKED)


class QueueFull(Exception):
    """Too much waits already."""


class DuplicateRequest(Exception):
    """A request with this uuid is in the queue or in the history."""


class RequestBegun(Exception):
    """What is under way or done cannot be cancelled."""


@dataclass(slots=True)
class TaskResult:
    """How one task stands; ``result`` is what the driver told."""

    status: Status = Status.WAIT
    code: int = failures.NO_FAULT
    description: str = failures.TEXTS[failures.NO_FAULT]
    result: Any = None


@dataclass(slots=True)
class DriverRequest:
    """Tasks that are done in their order until one fails."""

    uuid: str
    tasks: Sequence[Body]
    results: list[TaskResult]

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return all(each.status not in UNFINISHED for each in self.results)


class RequestQueue:
    """``await run()`` is the worker; ``clock`` tells the time of each task.

    A task whose paper ends is blocked until there is paper: the request waits, others behind it.
    """

    def __init__(
        self, desk: ServedRegister, clock: Callable[[], datetime], look_for_paper_s: float
    ) -> None:
        self._desk, self._clock, self._look_for_paper_s = desk, clock, look_for_paper_s
        self._requests: dict[str, DriverRequest] = {}
        self._waiting: asyncio.Queue[DriverRequest] = asyncio.Queue(MAX_WAITING)
        self.blocked: DriverRequest | None = None

    def add(self, uuid: str, tasks: Sequence[Body]) -> int:
        """How many wait before it; ``DuplicateRequest`` or ``QueueFull`` change nothing."""
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
        """A request of the queue or the history."""
        return self._requests.get(uuid)

    def cancel(self, request: DriverRequest) -> None:
        """``RequestBegun`` when it has begun."""
        if any(each.status is not Status.WAIT for each in request.results):
            raise RequestBegun
        for result in request.results:
            result.status = Status.CANCELED

    def counts(self) -> Counter[str]:
        """Requests by their status: that of the first task which is not ready."""
        return Counter(_summary(each) for each in self._requests.values())

    async def run(self) -> None:
        """Does what waits, for ever."""
        while True:
            request = await self._waiting.get()
            if not request.finished:
                await self._perform(request)

    async def run_now(self, body: Body) -> dict[str, Any]:
        """One task that only asks, beside the queue."""
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
    """Nothing is printed, so nothing is done."""


def _failed(result: TaskResult, failure: DriverFailure) -> None:
    result.status = Status.FAILED
    result.code, result.description = failure.code, failure.description


def _summary(request: DriverRequest) -> str:
    statuses = [each.status for each in request.results]
    return next((each for each in statuses if each is not Status.READY), Status.READY)
