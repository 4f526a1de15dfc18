"""Data that a register behind the web service cannot keep: requisites and its last documents.

A registration is many commands of the protocol (E8, … then A6) and one task of the driver, so the
requisites are kept in a small file until A6, and survive a restart of the Assistant.  Tag 1101
(reason) starts a new set, because the fleet writes it first; a completed A6 ends it.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

REASON: Final = 1101


@dataclass(frozen=True, slots=True)
class Document:
    """A fiscal document that the driver made for us; ``made_at`` by the register's clock."""

    number: int
    made_at: datetime | None
    sign: str


class RegisterMemory:
    """Data of one register; without ``path`` they are kept in memory only.

    The file has mode 0600: it contains a cashier's name and ИНН until the registration is done.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.requisites: Mapping[int, bytes] = {}
        self.registration: Document | None = None
        self.document: Document | None = None
        if path is not None:
            with suppress(FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
                self._take(json.loads(path.read_text("utf-8")))

    def add_requisite(self, tag: int, value: bytes) -> None:
        """Store a requisite until A6 uses it."""
        before = {} if tag == REASON else self.requisites
        self.requisites = {**before, tag: value}
        self._save()

    def on_registered(self, report: Document | None) -> None:
        """Clear the requisites after A6, and store its report, None if it is unknown."""
        self.requisites, self.registration = {}, report
        self._save()

    def on_document_made(self, document: Document) -> None:
        """Store a document that the driver has just reported."""
        self.document = document
        self._save()

    def _take(self, kept: Mapping[str, Any]) -> None:
        self.requisites = {int(t): bytes.fromhex(v) for t, v in kept["requisites"].items()}
        self.registration = _document(kept["registration"])
        self.document = _document(kept["document"])

    def _save(self) -> None:
        """Write the file atomically."""
        if self._path is None:
            return
        content = {
            "requisites": {str(tag): value.hex() for tag, value in self.requisites.items()},
            "registration": _plain(self.registration),
            "document": _plain(self.document),
        }
        draft = self._path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)


def _plain(document: Document | None) -> dict[str, Any] | None:
    if document is None:
        return None
    made_at = document.made_at and document.made_at.isoformat()
    return {"number": document.number, "made_at": made_at, "sign": document.sign}


def _document(kept: Mapping[str, Any] | None) -> Document | None:
    if kept is None:
        return None
    made_at = kept["made_at"] and datetime.fromisoformat(kept["made_at"])
    return Document(int(kept["number"]), made_at, str(kept["sign"]))
