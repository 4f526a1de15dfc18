"""Programs of the project as processes of their own, which never outlive their test."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.pace import scaled

CASH_SERVER: Final = (str(Path(sys.executable).parent / "cash-server"),)
SIMULATOR: Final = (sys.executable, "-m", "simulator")
READY_S: Final = scaled(60.0)
STOP_S: Final = scaled(5.0)
POLL_S: Final = 0.05


class Program:
    """A process that writes into files of ``folder`` and is killed at the end of the block."""

    def __init__(
        self, folder: Path, name: str, *command: str, environment: dict[str, str] | None = None
    ) -> None:
        self._out, self._errors = folder / f"{name}.out", folder / f"{name}.errors"
        with self._out.open("wb") as out, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                cwd=folder,
                env=_environment() | (environment or {}),
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def out(self) -> str:
        return self._out.read_text(encoding="utf-8")

    @property
    def errors(self) -> str:
        return self._errors.read_text(encoding="utf-8")

    def wait_until_it_says(self, words: str) -> None:
        """Wait until one of its two outputs contains the words."""
        deadline = time.monotonic() + READY_S
        while words not in self.out + self.errors:
            assert self.process.poll() is None, self.errors
            assert time.monotonic() < deadline, f"never said {words!r}: {self.errors[-2000:]}"
            time.sleep(POLL_S)

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Return the exit code after a signal; raise ``TimeoutExpired`` after ``STOP_S``."""
        self.process.send_signal(number)
        return self.process.wait(STOP_S)

    def kill(self) -> None:
        """Kill the process, as a crash would."""
        self.process.kill()
        self.process.wait(STOP_S)


def _environment() -> dict[str, str]:
    """Return this program's environment without the variables that configure the project."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith("CASH_SERVER_")
    }
