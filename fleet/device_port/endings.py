"""Recording of ended conversations for the diagnostics: best effort, with limits, never blocking.

Most conversations are ordinary check-ins, and nothing is written about them.  A process remembers
the last conversation of each register.  A register that it has not met since its start gets a
row, but only ``MAX_NEW_REGISTERS_PER_S`` do: when a million registers call after a restart, the
others get none.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from fleet.diagnostics.rules import (
    SERVED,
    EndedConversation,
    LastConversation,
    is_routine,
    is_worth_a_row,
)
from fleet.diagnostics.service import ConversationRecord, record
from fleet.kit.batch import Batcher
from fleet.kit.clock import Clock
from fleet.kit.database import Database
from fleet.kit.metrics import CONVERSATIONS_UNWRITTEN
from fleet.kit.supervisor import StartTask, start_alone
from fleet.registers.rules import is_serial_number

MAX_REMEMBERED: Final = 200_000
"""The most registers remembered, about 40 MB; the one met first is forgotten first."""

MAX_NEW_REGISTERS_PER_S: Final = 20
MAX_WAITING, MAX_BATCH = 1000, 100
LINGER_S, TIMEOUT_S = 0.2, 5.0
_SECOND: Final = timedelta(seconds=1)

log = structlog.get_logger(__name__)


class ConversationRecorder:
    """A recorder of ended conversations that writes those worth a row."""

    def __init__(
        self, database: Database, clock: Clock, start_task: StartTask = start_alone
    ) -> None:
        self._database = database
        self._clock = clock
        self._last: dict[str, LastConversation] = {}
        self._second, self._new_registers = clock(), 0
        self._batcher: Batcher[ConversationRecord] = Batcher(
            self._write,
            lambda lost: CONVERSATIONS_UNWRITTEN.inc(len(lost)),
            max_batch=MAX_BATCH,
            max_waiting=MAX_WAITING,
            linger_s=LINGER_S,
            timeout_s=TIMEOUT_S,
            start_task=start_task,
        )

    def start(self) -> None:
        self._batcher.start()

    async def close(self) -> None:
        """Write the waiting rows; this takes at most ``TIMEOUT_S`` for each batch."""
        await self._batcher.close()

    def add(self, ending: EndedConversation) -> None:
        """Queue the ending for writing; never wait or raise, and count what does not fit."""
        last = self._last.get(ending.serial_number)
        if last is not None and is_routine(ending, last):
            return  # nearly every call ends here, without reading the clock or creating an object
        try:
            self._add(ending, last)
        except Exception:  # diagnostics must not break the conversation that they describe
            log.exception("ending_lost")

    def _add(self, ending: EndedConversation, last: LastConversation | None) -> None:
        if not is_serial_number(ending.serial_number):
            return
        now = self._clock()
        if not is_worth_a_row(ending, last, now):
            return
        self._remember(
            ending.serial_number,
            LastConversation(ending.transport, ending.peer, ending.outcome, now),
        )
        ordinary = ending.outcome == SERVED and not ending.steps
        if last is None and ordinary and not self._admits_new_register(now):
            return
        if not self._batcher.add(ConversationRecord(ending, now)):
            CONVERSATIONS_UNWRITTEN.inc()

    def _admits_new_register(self, now: datetime) -> bool:
        """Tell whether one more new register may get a row in this second."""
        if now - self._second >= _SECOND:
            self._second, self._new_registers = now, 0
        self._new_registers += 1
        return self._new_registers <= MAX_NEW_REGISTERS_PER_S

    def _remember(self, serial_number: str, what: LastConversation) -> None:
        if len(self._last) >= MAX_REMEMBERED and serial_number not in self._last:
            del self._last[next(iter(self._last))]
        self._last[serial_number] = what

    async def _write(self, ended: Sequence[ConversationRecord]) -> None:
        async with self._database.transaction() as db:
            await record(db, ended)
