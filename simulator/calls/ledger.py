"""A file of accepted readings, written to prove that none was lost."""

import json
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self


class FileLedger:
    """A ``Ledger`` in a file: one JSON object per line, written out at each line.

    ``{"serial_number": "…", "reading_number": 1, "at": "2026-11-20T12:00:00+00:00"}``
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1, encoding="ascii")

    def __call__(self, serial_number: str, reading_number: int, at: datetime) -> None:
        entry = {
            "serial_number": serial_number,
            "reading_number": reading_number,
            "at": at.isoformat(),
        }
        self._file.write(json.dumps(entry) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
