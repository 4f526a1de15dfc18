"""Journal of the steps executed for registers, in a file: a step takes effect at most once.

A record is written before a command is sent, with the state that tells afterwards whether it was
executed; another one is written after its answer.  The file is SQLite; every record is synced
before the call returns.  Commands are stored as their SHA-256, because one may contain a secret.
"""

import json
import sqlite3
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

KEPT_ANSWERS: Final = 512
"""Answers kept for each register; of older steps only the number is kept."""

KEPT_OPERATIONS: Final = 20_000
"""Operations of each register whose last step is kept."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS step (
    serial_number TEXT NOT NULL, operation_id INTEGER NOT NULL, step INTEGER NOT NULL,
    command BLOB NOT NULL, before TEXT NOT NULL, answer BLOB,
    UNIQUE (serial_number, operation_id, step));
CREATE TABLE IF NOT EXISTS last_step (
    serial_number TEXT NOT NULL, operation_id INTEGER NOT NULL, step INTEGER NOT NULL,
    UNIQUE (serial_number, operation_id));
CREATE TABLE IF NOT EXISTS reading (
    serial_number TEXT NOT NULL PRIMARY KEY, number INTEGER NOT NULL);
"""
_WHERE: Final = "serial_number = ? AND operation_id = ? AND step = ?"
_OLD_STEPS: Final = """DELETE FROM step WHERE answer IS NOT NULL AND serial_number = ? AND rowid NOT
IN (SELECT rowid FROM step WHERE serial_number = ? ORDER BY rowid DESC LIMIT ?)"""
_OLD_OPERATIONS: Final = """DELETE FROM last_step WHERE serial_number = ? AND rowid NOT IN
(SELECT rowid FROM last_step WHERE serial_number = ? ORDER BY rowid DESC LIMIT ?)"""


class StepKey(NamedTuple):
    """One step of one operation of one register."""

    serial_number: str
    operation_id: int
    step: int

    @property
    def name(self) -> str:
        """Return a name that is the same for repetitions of the step, and unique otherwise."""
        return f"{self.serial_number}-{self.operation_id}-{self.step}"


class Entry(NamedTuple):
    """Record of a step; ``answer`` is None until the command has been answered."""

    before: dict[str, Any]
    answer: bytes | None
    is_same: bool
    """True if the record is about the same command."""


class Journal:
    """The journal in the file ``path``; raises ``sqlite3.Error`` if the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, timeout=5, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def find(self, key: StepKey, command: bytes) -> Entry | None:
        """Return the record of a step, or None."""
        query = f"SELECT before, answer, command FROM step WHERE {_WHERE}"
        row = self._db.execute(query, _row(key)).fetchone()
        return row and Entry(json.loads(row[0]), row[1], row[2] == sha256(command).digest())

    def is_past(self, key: StepKey) -> bool:
        """Tell whether this step, or a later one of the operation, has been answered."""
        query = "SELECT step FROM last_step WHERE serial_number = ? AND operation_id = ?"
        row = self._db.execute(query, _row(key)[:2]).fetchone()
        return row is not None and key.step <= row[0]

    def begin(self, key: StepKey, command: bytes, before: dict[str, Any]) -> None:
        """Record that the command is about to be sent."""
        record = (*_row(key), sha256(command).digest(), json.dumps(before))
        self._db.execute("INSERT OR REPLACE INTO step VALUES (?, ?, ?, ?, ?, NULL)", record)

    def withdraw(self, key: StepKey) -> None:
        """Delete the record of a step that surely was not executed, so that it may be repeated."""
        self._db.execute(f"DELETE FROM step WHERE {_WHERE}", _row(key))

    def finish(self, key: StepKey, answer: bytes) -> None:
        """Record the answer of an executed step."""
        serial_number = key.serial_number
        with self._db:  # after a full disk an open transaction would keep later records unsynced
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(f"UPDATE step SET answer = ? WHERE {_WHERE}", (answer, *_row(key)))
            self._db.execute("INSERT OR REPLACE INTO last_step VALUES (?, ?, ?)", _row(key))
            for statement, kept in ((_OLD_STEPS, KEPT_ANSWERS), (_OLD_OPERATIONS, KEPT_OPERATIONS)):
                self._db.execute(statement, (serial_number, serial_number, kept))

    def next_reading(self, serial_number: str) -> int:
        """Return the next number of a register's readings, from 1, across restarts."""
        statement = """INSERT INTO reading VALUES (?, 1)
        ON CONFLICT (serial_number) DO UPDATE SET number = number + 1 RETURNING number"""
        return int(self._db.execute(statement, (serial_number,)).fetchall()[0][0])


def _row(key: StepKey) -> tuple[str, int, int]:
    """Return the key's columns; a 64-bit operation id becomes signed, as SQLite requires."""
    signed = int.from_bytes(key.operation_id.to_bytes(8, "big"), "big", signed=True)
    return key.serial_number, signed, key.step
