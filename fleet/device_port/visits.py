"""Visits of registers: identify, check_in, step_done.  No call of the gateway waits here.

A visit joins the current batch, and its ``reply`` is called after the commit that holds it; a
failed batch calls ``reply(None)``: the conversation ends unanswered, the register calls again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from fleet.assistants.broker_rights import BrokerRights
from fleet.device_port.answers import PLATFORMS, Answer, BlockSource, Caller, Reply
from fleet.device_port.endings import ConversationRecorder
from fleet.diagnostics.rules import EndedConversation
from fleet.kit.act import Act
from fleet.kit.batch import Batcher, PacedQueue
from fleet.kit.clock import Clock
from fleet.kit.database import Database, Writer
from fleet.kit.follow import Follower, OnPayload
from fleet.kit.metrics import BATCH_SECONDS, BATCH_SIZE
from fleet.kit.supervisor import StartTask, start_alone
from fleet.operations import due
from fleet.operations.delivery import StepDelivery, Visit, deliver
from fleet.operations.due import DueIndex
from fleet.operations.types.contract import CheckInFacts
from fleet.registers import blocking
from fleet.registers.blocking import BlockedIndex
from fleet.registers.rules import is_serial_number
from fleet.telemetry.service import Reading, store_readings
from protocol.conversation.assistant import AssistantReport
from protocol.conversation.messages import Hello, StepDone, StepRefused
from protocol.errors import RemoteError

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _QueuedVisit:
    """One register's share of a batch."""

    caller: Caller
    reply: Reply
    reading: Reading | None
    answer: StepDone | StepRefused | None


class DevicePort:
    """The fleet, as the gateway sees it."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        batch_linger_s: float = 0.008,
        blocks: BlockSource = lambda _stream, _platform: (),
        start_task: StartTask = start_alone,
    ) -> None:
        self._blocks = blocks
        self._writer = Writer(database)
        self._clock = clock
        self._due = DueIndex(database)
        self._blocked = BlockedIndex(database)
        self._streams = PacedQueue[tuple[_QueuedVisit, StepDelivery, datetime]](
            lambda item: _send_reply(item[0], self._answer(*item)), start_task
        )
        self._batcher: Batcher[_QueuedVisit] = Batcher(
            self._write, _reply_failed, linger_s=batch_linger_s, start_task=start_task
        )
        channels: Mapping[str, OnPayload] = {
            due.CHANNEL: self._due.refresh,
            blocking.CHANNEL: self._blocked.resync,
        }
        self._follower = Follower(database, channels, self._resync, start_task=start_task)
        self._recorder = ConversationRecorder(database, clock, start_task)
        self._rights = BrokerRights(database, clock)

    async def start(self) -> None:
        """Read the indexes and start; raise an error when the database does not respond."""
        await self._follower.start()
        self._batcher.start()
        self._streams.start()
        self._recorder.start()

    async def close(self) -> None:
        """Write the waiting visits, then release all resources."""
        await self._batcher.close()
        await self._streams.close()
        await self._recorder.close()
        await self._writer.close()
        await self._follower.close()

    def identify(self, hello: Hello) -> Caller:
        """Return the caller that HELLO names, without asking the database.

        Raise ``protocol.errors.RemoteError``: ``unknown`` for an impossible serial number or
        platform, ``blocked`` for a blocked register.
        """
        serial = hello.serial_number
        if not is_serial_number(serial) or hello.platform not in PLATFORMS:
            raise RemoteError("unknown", "no register is called this")
        if serial in self._blocked:
            raise RemoteError("blocked", serial)
        return Caller.named_by(hello)

    def check_in(self, caller: Caller, block_version: int, block: bytes, reply: Reply) -> bool:
        """Keep a reading; return False when too much waits, raise RemoteError for a bad block."""
        reading = caller.reading(block_version, block)
        return self._batcher.add(_QueuedVisit(caller, reply, reading, None))

    def step_done(self, caller: Caller, answer: StepDone | StepRefused, reply: Reply) -> bool:
        """Queue the register's answer to a step; return False when the queue is full."""
        return self._batcher.add(_QueuedVisit(caller, reply, None, answer))

    def conversation_ended(self, ended: EndedConversation) -> None:
        """Record the end of a conversation for the diagnostics; never wait or raise."""
        self._recorder.add(ended)

    async def assistant_reported(
        self, login: str, report: AssistantReport
    ) -> tuple[str, ...] | None:
        """Store the report; return the registers of the Assistant, or None if it is unknown."""
        return await self._rights.record_report(login, report)

    async def broker_account(self, login: str, password: str) -> bool:
        """Tell whether this is the password of an Assistant's or a terminal's account."""
        return await self._rights.is_valid_password(login, password)

    async def broker_registers(self, login: str) -> frozenset[str] | None:
        """Return the registers that an account speaks for, or None for an unknown account."""
        return await self._rights.registers(login)

    async def _resync(self) -> None:
        await self._due.resync()
        await self._blocked.resync()

    async def _write(self, visits: Sequence[_QueuedVisit]) -> None:
        now = self._clock()
        readings = [visit.reading for visit in visits if visit.reading is not None]
        working = [visit for visit in visits if self._has_work(visit, now)]
        before = [self._due.get(visit.caller.key) for visit in working]
        with BATCH_SECONDS.time():
            async with self._writer.transaction() as db:
                act = Act(db, None, now)
                if readings:
                    await store_readings(act, readings)
                deliveries = (
                    await deliver(act, list(map(_operation_visit, working))) if working else []
                )
        BATCH_SIZE.observe(len(visits))
        for visit, was, delivery in zip(working, before, deliveries, strict=True):
            self._due.settle(visit.caller.key, was, delivery.due)
        self._reply_all(visits, dict(zip(map(id, working), deliveries, strict=True)), now)

    def _has_work(self, visit: _QueuedVisit, now: datetime) -> bool:
        caller = visit.caller
        return visit.answer is not None or self._due.is_due(caller.key, now, caller.by_assistant)

    def _reply_all(
        self, visits: Sequence[_QueuedVisit], found: Mapping[int, StepDelivery], now: datetime
    ) -> None:
        idle = Answer(now, None, 0)
        for visit in visits:
            delivery = found.get(id(visit))
            if delivery is not None and delivery.stream is not None:
                self._streams.add((visit, delivery, now))
            else:
                _send_reply(visit, self._answer(visit, delivery, now) if delivery else idle)

    def _answer(self, visit: _QueuedVisit, delivery: StepDelivery, now: datetime) -> Answer | None:
        """Return the answer, or None if a stream cannot be read now: the register calls again."""
        blocks: Iterable[bytes] = ()
        if delivery.stream is not None:
            try:
                blocks = list(self._blocks(delivery.stream, visit.caller.platform))
            except Exception:  # a missing file must not affect the other registers of the batch
                log.exception("stream_failed", image=delivery.stream.image_id)
                return None
        return Answer(now, delivery.step, delivery.pending, blocks)


def _operation_visit(visit: _QueuedVisit) -> Visit:
    caller, reading = visit.caller, visit.reading
    seen = reading and CheckInFacts(reading.firmware_version, caller.key_generation)
    return Visit(caller.serial_number, caller.platform, visit.answer, seen, caller.by_assistant)


def _reply_failed(visits: Sequence[_QueuedVisit]) -> None:
    for visit in visits:
        _send_reply(visit, None)


def _send_reply(visit: _QueuedVisit, answer: Answer | None) -> None:
    try:
        visit.reply(answer)
    except Exception:  # the other conversations of the batch must still get their answers
        log.exception("reply_failed", serial_number=visit.caller.serial_number)
