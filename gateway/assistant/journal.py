"""What the Assistant has done for registers, in a file: a step takes effect at most once.

A record stands on the disk before a command leaves, with what tells afterwards whether it was
done, and another after its answer.  The file is SQLite of the standard library; every record is
synced before the call returns.  Commands are kept as their SHA-256, as one may carry a secret.
"""

import json
import sqlite3
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, NamedTuple

KEPT_ANSWERS: Final = 512
"""Answers for each register; older ones are forgotten, and only the number of the step stays."""

KEPT_OPERATIONS: Final = 20_000
"""Operations whose last step is remembered, for each register."""

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
        """The same across repetitions, and only then."""
        return f"{self.serial_number}-{self.operation_id}-{self.step}"


class Entry(NamedTuple):
    """``answer`` is None from the moment the command may have left until it was answered."""

    before: dict[str, Any]
    answer: bytes | None
    is_same: bool
    """Whether it is about the same command."""


class Journal:
    """The journal in the file ``path``; ``sqlite3.Error`` when the file cannot be had."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, timeout=5, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_TABLES)

    def close(self) -> None:
        """Lets go of the file."""
        self._db.close()

    def find(self, key: StepKey, command: bytes) -> Entry | None:
        """What is recorded of a step."""
        query = f"SELECT before, answer, command FROM step WHERE {_WHERE}"
        row = self._db.execute(query, _row(key)).fetchone()
        return row and Entry(json.loads(row[0]), row[1], row[2] == sha256(command).digest())

    def is_past(self, key: StepKey) -> bool:
        """Whether this step, or a later one of the operation, has been answered."""
        query = "SELECT step FROM last_step WHERE serial_number = ? AND operation_id = ?"
        row = self._db.execute(query, _row(key)[:2]).fetchone()
        return row is not None and key.step <= row[0]

    def begin(self, key: StepKey, command: bytes, before: dict[str, Any]) -> None:
        """The command is about to leave."""
        record = (*_row(key), sha256(command).digest(), json.dumps(before))
        self._db.execute("INSERT OR REPLACE INTO step VALUES (?, ?, ?, ?, ?, NULL)", record)

    def withdraw(self, key: StepKey) -> None:
        """It surely was not done: no trace is left, so that it may be done later."""
        self._db.execute(f"DELETE FROM step WHERE {_WHERE}", _row(key))

    def finish(self, key: StepKey, answer: bytes) -> None:
        """It was done, and this was the answer."""
        serial_number = key.serial_number
        with self._db:  # a full disk must leave no open transaction: nothing later would be synced
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(f"UPDATE step SET answer = ? WHERE {_WHERE}", (answer, *_row(key)))
            self._db.execute("INSERT OR REPLACE INTO last_step VALUES (?, ?, ?)", _row(key))
            for statement, kept in ((_OLD_STEPS, KEPT_ANSWERS), (_OLD_OPERATIONS, KEPT_OPERATIONS)):
                self._db.execute(statement, (serial_number, serial_number, kept))

    def next_reading(self, serial_number: str) -> int:
        """Counts the readings of a register from 1, across restarts."""
        statement = """INSERT INTO reading VALUES (?, 1)
        ON CONFLICT (serial_number) DO UPDATE SET number = number + 1 RETURNING number"""
        return int(self._db.execute(statement, (serial_number,)).fetchall()[0][0])


def _row(key: StepKey) -> tuple[str, int, int]:
    """SQLite's integers are signed; an operation's id of 64 bits is not."""
    signed = int.from_bytes(key.operation_id.to_bytes(8, "big"), "big", signed=True)
    return key.serial_number, signed, key.step
