"""The life of a server process: compose, wait for a signal, stop everything in order."""

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog
from pydantic import ValidationError

from gateway.edge.logs import LineSink, configure

GC_EVERY_OBJECTS = 50_000


class TaskOwner(Protocol):
    """The owner of the process's long-lived tasks (``fleet.kit.supervisor.Supervisor``)."""

    exhausted: asyncio.Event
    """Set when a task failed too often."""

    def start(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """Start a task and keep it running."""


Owner = TypeVar("Owner", bound=TaskOwner)

log = structlog.get_logger("process")


def run(
    compose: Callable[[AsyncExitStack, Owner], Awaitable[None]],
    make_owner: Callable[[], Owner],
    log_file: Path | None = None,
) -> None:
    """Run the composed parts until SIGINT or SIGTERM.

    ``make_owner`` makes the owner of the long-lived tasks; when one of them fails too often, the
    process ends with code 1 for its service manager to start it anew.
    """
    sink = configure(log_file)
    try:
        _run_loop(_run_until_signalled(compose, make_owner, sink))
    finally:
        sink.close()


def exit_on_error(program: Callable[[], object]) -> None:
    """Run the console script; print an error as one sentence on stderr and exit with code 1."""
    try:
        program()
    except ValidationError as error:
        sys.exit("\n".join(f"cash-server: {_variable(mistake)}" for mistake in error.errors()))
    except FileNotFoundError as error:
        sys.exit(f"cash-server: there is no file {error.filename}")
    except ConnectionError as error:
        sys.exit(f"cash-server: cannot connect to the database: {error.strerror or error}")
    except (OSError, RuntimeError, ValueError) as error:
        sys.exit(f"cash-server: {error}")


def _variable(mistake: Any) -> str:
    name = "_".join(str(part) for part in mistake["loc"]).upper()
    return f"CASH_SERVER_{name}: {mistake['msg'].removeprefix('Value error, ')}"


def _run_loop(work: Any) -> None:
    try:
        import uvloop
    except ImportError:  # plain asyncio where uvloop is not available
        asyncio.run(work)
    else:
        uvloop.run(work)


async def _run_until_signalled(
    compose: Callable[[AsyncExitStack, Owner], Awaitable[None]],
    make_owner: Callable[[], Owner],
    sink: LineSink,
) -> None:
    stop, owner = asyncio.Event(), make_owner()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    flushing = owner.start("log flush", sink.keep_flushing)
    try:
        async with AsyncExitStack() as stack:
            await compose(stack, owner)
            _freeze_loaded_objects()
            log.info("started")
            await _first_of(stop, owner.exhausted)
            log.info("stopping")
    finally:
        flushing.cancel()
    if owner.exhausted.is_set():
        raise RuntimeError("a task of the process failed too often; the log says which")


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()


def _freeze_loaded_objects() -> None:
    """Exclude the loaded objects from garbage collection and collect rarely.

    The loaded objects stay for good, and a conversation leaves no reference cycle, so a collection
    is needed only once in many thousand new objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_EVERY_OBJECTS, 20, 20)
