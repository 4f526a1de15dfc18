"""Ends of conversations on their way to the diagnostics: best effort, bounded, never in the way.

Most conversations are ordinary calls, and of those nothing is written.  What a process remembers of
a register is its last conversation; a register that it has not met yet gets a row, but only so
many a second: when a million of them call after a restart, the others go without.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from fleet.diagnostics.rules import SERVED, Ending, Remembered, is_as_ever, is_worth_a_row
from fleet.diagnostics.service import Ended, keep
from fleet.kit.batch import Batcher
from fleet.kit.clock import Clock
from fleet.kit.database import Database
from fleet.kit.metrics import CONVERSATIONS_UNWRITTEN
from fleet.registers.rules import is_serial_number

MAX_REMEMBERED: Final = 200_000
"""Registers; some 40 MB.  The one met first is forgotten first."""

FIRST_MET_PER_S: Final = 20
MAX_WAITING, MAX_BATCH = 1000, 100
LINGER_S, TIMEOUT_S = 0.2, 5.0
_SECOND: Final = timedelta(seconds=1)

log = structlog.get_logger(__name__)


class Endings:
    """Takes ends of conversations and writes those that are worth it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._last: dict[str, Remembered] = {}
        self._second, self._met = clock(), 0
        self._batcher: Batcher[Ended] = Batcher(
            self._write,
            lambda lost: CONVERSATIONS_UNWRITTEN.inc(len(lost)),
            max_batch=MAX_BATCH,
            max_waiting=MAX_WAITING,
            linger_s=LINGER_S,
            timeout_s=TIMEOUT_S,
        )

    def start(self) -> None:
        self._batcher.start()

    async def close(self) -> None:
        """Writes what waits; takes ``TIMEOUT_S`` for each batch at most."""
        await self._batcher.close()

    def add(self, ending: Ending) -> None:
        """Never waits and never raises; what there is no room for is counted."""
        last = self._last.get(ending.serial_number)
        if last is not None and is_as_ever(ending, last):
            return  # nearly every call: it asks no clock and builds nothing
        try:
            self._add(ending, last)
        except Exception:  # diagnostics must not end the conversation that they tell of
            log.exception("ending_lost")

    def _add(self, ending: Ending, last: Remembered | None) -> None:
        if not is_serial_number(ending.serial_number):
            return
        now = self._clock()
        if not is_worth_a_row(ending, last, now):
            return
        self._remember(
            ending.serial_number, Remembered(ending.road, ending.peer, ending.outcome, now)
        )
        ordinary = ending.outcome == SERVED and not ending.steps
        if last is None and ordinary and not self._may_meet(now):
            return
        if not self._batcher.add(Ended(ending, now)):
            CONVERSATIONS_UNWRITTEN.inc()

    def _may_meet(self, now: datetime) -> bool:
        """Whether one more register may be met in this second."""
        if now - self._second >= _SECOND:
            self._second, self._met = now, 0
        self._met += 1
        return self._met <= FIRST_MET_PER_S

    def _remember(self, serial_number: str, what: Remembered) -> None:
        if len(self._last) >= MAX_REMEMBERED and serial_number not in self._last:
            del self._last[next(iter(self._last))]
        self._last[serial_number] = what

    async def _write(self, ended: Sequence[Ended]) -> None:
        async with self._database.transaction() as db:
            await keep(db, ended)
