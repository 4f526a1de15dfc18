"""The one door for the gateway: identify, check_in, step_done.

Nothing here waits for the database while the gateway's event loop calls: a visit joins the
current batch, and its ``reply`` is called after the commit that holds it.  A batch that
fails calls ``reply(None)``: the conversation closes unanswered and the register calls again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import structlog

from fleet.kit.batch import Batcher
from fleet.kit.clock import Clock
from fleet.kit.database import Database, Writer
from fleet.kit.follow import Follower, OnPayload
from fleet.kit.metrics import BATCH_SECONDS, BATCH_SIZE
from fleet.operations import due
from fleet.operations.delivery import Delivery, Visit, deliver
from fleet.operations.due import DueIndex
from fleet.registers import blocking
from fleet.registers.blocking import BlockedIndex
from fleet.registers.rules import is_serial_number
from fleet.telemetry.service import Reading, keep_readings
from protocol.errors import RemoteError
from protocol.messages import Hello, Step, StepDone, StepRefused
from protocol.platforms import Platform

log = structlog.get_logger(__name__)

_PLATFORMS = {platform.wire_code: platform for platform in Platform}

Reply = Callable[["Answer | None"], None]


class Answer(NamedTuple):
    """What became durable: the next command for the register, and how many operations are due."""

    at: datetime
    step: Step | None
    pending: int


@dataclass(slots=True)
class _Visit:
    """One register's share of a batch."""

    caller: "Caller"
    reply: Reply
    reading: Reading | None
    answer: StepDone | StepRefused | None


class Caller(NamedTuple):
    """Who a conversation is with, as HELLO said; proven once a sealed message has opened."""

    serial_number: str
    key: int
    platform: Platform
    model: int
    channel: int
    key_generation: int


class DevicePort:
    """The fleet, as the gateway sees it."""

    def __init__(self, database: Database, clock: Clock, batch_linger_s: float = 0.002) -> None:
        self._writer = Writer(database)
        self._clock = clock
        self._due = DueIndex(database)
        self._blocked = BlockedIndex(database)
        self._batcher: Batcher[_Visit] = Batcher(self._write, _fail, linger_s=batch_linger_s)
        channels: Mapping[str, OnPayload] = {
            due.CHANNEL: self._due.refresh,
            blocking.CHANNEL: self._blocked.resync,
        }
        self._follower = Follower(database, channels, self._resync)

    async def start(self) -> None:
        """Reads the indexes; raises when the database does not answer."""
        await self._follower.start()
        self._batcher.start()

    async def close(self) -> None:
        """Writes what waits, then lets go."""
        await self._batcher.close()
        await self._writer.close()
        await self._follower.close()

    def identify(self, hello: Hello) -> Caller:
        """Who calls, as HELLO says; asks no database.

        Raises ``protocol.errors.RemoteError``: ``unknown`` for a serial number or a platform that
        no register has, ``blocked``.
        """
        serial = hello.serial_number
        if not is_serial_number(serial) or hello.platform not in _PLATFORMS:
            raise RemoteError("unknown", "no register is called this")
        if serial in self._blocked:
            raise RemoteError("blocked", serial)
        return Caller(
            serial,
            int(serial),
            _PLATFORMS[hello.platform],
            hello.model,
            hello.channel,
            hello.key_generation,
        )

    def check_in(self, caller: Caller, block_version: int, block: bytes, reply: Reply) -> bool:
        """Keep a reading; ``False`` when too much waits already.

        ``protocol.errors.RemoteError`` for a block that is not one.
        """
        reading = Reading.taken(
            caller.key,
            caller.platform,
            caller.model,
            caller.key_generation,
            caller.channel,
            block_version,
            block,
        )
        return self._batcher.add(_Visit(caller, reply, reading, None))

    def step_done(self, caller: Caller, answer: StepDone | StepRefused, reply: Reply) -> bool:
        """Keep the register's word on a step; ``False`` when too much waits already."""
        return self._batcher.add(_Visit(caller, reply, None, answer))

    async def _resync(self) -> None:
        await self._due.resync()
        await self._blocked.resync()

    async def _write(self, visits: Sequence[_Visit]) -> None:
        now = self._clock()
        readings = [visit.reading for visit in visits if visit.reading is not None]
        working = [visit for visit in visits if self._has_work(visit, now)]
        before = [self._due.get(visit.caller.key) for visit in working]
        with BATCH_SECONDS.time():
            async with self._writer.transaction() as db:
                if readings:
                    await keep_readings(db, readings, now)
                deliveries = await deliver(db, list(map(_visit, working)), now) if working else []
        BATCH_SIZE.observe(len(visits))
        for visit, was, delivery in zip(working, before, deliveries, strict=True):
            self._due.settle(visit.caller.key, was, delivery.due_at)
        _reply(visits, working, deliveries, now)

    def _has_work(self, visit: _Visit, now: datetime) -> bool:
        return visit.answer is not None or self._due.is_due(visit.caller.key, now)


def _visit(visit: _Visit) -> Visit:
    return Visit(visit.caller.serial_number, visit.caller.platform, visit.answer)


def _reply(
    visits: Sequence[_Visit],
    working: Sequence[_Visit],
    deliveries: Sequence[Delivery],
    now: datetime,
) -> None:
    found = {id(visit): delivery for visit, delivery in zip(working, deliveries, strict=True)}
    idle = Answer(now, None, 0)
    for visit in visits:
        delivery = found.get(id(visit))
        answer = idle if delivery is None else Answer(now, delivery.step, delivery.pending)
        try:
            visit.reply(answer)
        except Exception:  # the batch is committed: the other conversations get their answers
            log.exception("reply_failed", serial_number=visit.caller.serial_number)


def _fail(visits: Sequence[_Visit]) -> None:
    for visit in visits:
        visit.reply(None)
