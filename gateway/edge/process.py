"""The life of a server process: compose, wait for a signal, stop everything in order."""

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

from gateway.edge.logs import LineSink, configure

Compose = Callable[[AsyncExitStack], Awaitable[None]]
"""Function that starts the parts and pushes their ends onto the stack (last in, first out)."""

GC_EVERY_OBJECTS = 50_000

log = structlog.get_logger("process")


def run(compose: Compose, log_file: Path | None = None) -> None:
    """Run the composed parts until SIGINT or SIGTERM."""
    sink = configure(log_file)
    try:
        _run_loop(_run_until_signalled(compose, sink))
    finally:
        sink.flush()


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
    except (OSError, ValueError) as error:
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


async def _run_until_signalled(compose: Compose, sink: LineSink) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    flushing = asyncio.create_task(sink.keep_flushing(), name="log flush")
    try:
        async with AsyncExitStack() as stack:
            await compose(stack)
            _freeze_loaded_objects()
            log.info("started")
            await stop.wait()
            log.info("stopping")
    finally:
        flushing.cancel()


def _freeze_loaded_objects() -> None:
    """Exclude the loaded objects from garbage collection and collect rarely.

    The loaded objects stay for good, and a conversation leaves no reference cycle, so a collection
    is needed only once in many thousand new objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_EVERY_OBJECTS, 20, 20)
