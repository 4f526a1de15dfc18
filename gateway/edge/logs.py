"""JSON log lines, cheap enough for conversations, that can never fail what they tell of.

Lines are collected in memory and written together, at the latest after ``FLUSH_S``; a warning or
error is written at once.  A line that cannot be written (a full disk, a closed pipe) or formatted
is dropped and counted, and the next one is tried again.  A log file is rotated by size and age.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

import orjson
import structlog
from prometheus_client import Counter
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from structlog.typing import EventDict

FLUSH_S = 0.5
FLUSH_LINES = 256

LOST = Counter("cash_server_log_lines_lost_total", "Log lines that could not be written.")


class LogConfig(BaseSettings):
    """The configuration of a process's log."""

    model_config = SettingsConfigDict(env_prefix="CASH_SERVER_LOG_", hide_input_in_errors=True)

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The least level that is logged."
    )
    max_bytes: int = Field(
        default=64 << 20, ge=1 << 16, description="Size at which a log file is rotated."
    )
    max_age_h: float = Field(
        default=24, gt=0, description="Hours after which a log file is rotated."
    )
    files: int = Field(
        default=7, ge=1, le=1000, description="Rotated log files that are kept beside the current."
    )


class Target(Protocol):
    """Destination of complete lines."""

    def write(self, data: bytes) -> None:
        """Write all of ``data``; raise ``OSError`` or ``ValueError`` if it cannot be written."""

    def close(self) -> None:
        """Release what the target owns."""


class Stream:
    """An open stream, such as stderr."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        """Write and flush ``data``."""
        self._stream.write(data)
        self._stream.flush()

    def close(self) -> None:
        """Leave the stream to its owner."""


class RotatedFile:
    """A file that is renamed to ``name.1``, ``name.2`` … when it is large or old."""

    def __init__(
        self, path: Path, config: LogConfig, clock: Callable[[], float] = time.time
    ) -> None:
        self._path, self._config, self._clock = path, config, clock
        self._open()

    def _open(self) -> None:
        # Unbuffered: what a full disk refuses must not come out later in the middle of a line.
        self._file = self._path.open("ab", buffering=0)
        self._size = self._file.tell()
        self._born = self._clock()

    def write(self, data: bytes) -> None:
        """Append ``data``, in a new file if the current one is too large or too old."""
        limits = self._config
        too_old = self._clock() - self._born > limits.max_age_h * 3600
        if self._size and (too_old or self._size + len(data) > limits.max_bytes):
            self._rotate()
        done = 0
        while done < len(data):
            done += self._file.write(data[done:]) or 0
        self._size += len(data)

    def close(self) -> None:
        """Close the current file."""
        self._file.close()

    def _rotate(self) -> None:
        self.close()
        for number in range(self._config.files - 1, 0, -1):
            with suppress(FileNotFoundError):
                self._numbered(number).replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))
        self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class LineSink:
    """Last element of structlog's chain: it takes complete lines and never raises."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._lines: list[bytes] = []
        self._cut = False

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
        """Write the collected lines; count those that cannot be written as lost."""
        lines, self._lines = self._lines, []
        if not lines:
            return
        # After a failed write the file may end in the middle of a line.
        text = b"\n".join([b"", *lines] if self._cut else lines) + b"\n"
        try:
            self._target.write(text)
        except (OSError, ValueError):
            self._cut = True
            LOST.inc(len(lines))
        else:
            self._cut = False

    def close(self) -> None:
        """Write the collected lines and close the target."""
        self.flush()
        self._target.close()

    async def keep_flushing(self) -> None:
        """Flush every ``FLUSH_S`` seconds until the task is cancelled."""
        while True:
            await asyncio.sleep(FLUSH_S)
            self.flush()


def configure(path: Path | None, config: LogConfig | None = None) -> LineSink:
    """Configure logging to the end of ``path``, or to stderr; return the sink."""
    config = config or LogConfig()
    sink = LineSink(RotatedFile(path, config) if path else Stream(sys.stderr.buffer))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            _to_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(config.level),
        logger_factory=lambda *_: sink,
        cache_logger_on_first_use=True,
    )
    return sink


def _to_line(_logger: object, level: str, event: EventDict) -> bytes:
    """Return a JSON line; level and time are added here, because separate processors cost more."""
    head = {"at": datetime.now(UTC), "level": level}
    try:
        return orjson.dumps({**head, **event}, default=_text_of, option=orjson.OPT_NON_STR_KEYS)
    except Exception:  # whatever was to be told, telling it must not fail its teller
        LOST.inc()
        return orjson.dumps({**head, "event": "unloggable"})


def _text_of(value: object) -> str:
    try:
        return str(value)
    except Exception:  # an object whose own text fails
        return f"<{type(value).__name__}>"
