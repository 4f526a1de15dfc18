"""JSON log lines, cheap enough for one line per conversation.

Lines are collected in memory and written together, at the latest after ``FLUSH_S``; a warning or
error is written at once.
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import orjson
import structlog
from structlog.typing import EventDict

FLUSH_S = 0.5
FLUSH_LINES = 256


class LineSink:
    """Last element of structlog's chain: it takes complete lines."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lines: list[bytes] = []

    def msg(self, line: bytes) -> None:
        """Collect a line; write all lines when there are ``FLUSH_LINES``."""
        self._lines.append(line)
        if len(self._lines) >= FLUSH_LINES:
            self.flush()

    debug = info = msg

    def urgent(self, line: bytes) -> None:
        """Write a line at once, after the collected ones."""
        self._lines.append(line)
        self.flush()

    warning = error = exception = critical = urgent

    def flush(self) -> None:
        """Write the collected lines."""
        lines, self._lines = self._lines, []
        if lines:
            self._file.write(b"\n".join(lines) + b"\n")
            self._file.flush()

    async def keep_flushing(self) -> None:
        """Flush every ``FLUSH_S`` seconds until the task is cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            self.flush()


def configure(path: Path | None) -> LineSink:
    """Configure logging to the end of ``path``, or to stderr; return the sink."""
    sink = LineSink(path.open("ab") if path else sys.stderr.buffer)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            _to_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("INFO"),
        logger_factory=lambda *_: sink,
        cache_logger_on_first_use=True,
    )
    return sink


def _to_line(_logger: object, level: str, event: EventDict) -> bytes:
    """Return a JSON line; level and time are added here, because separate processors cost more."""
    return orjson.dumps({"at": datetime.now(UTC), "level": level, **event}, default=str)
