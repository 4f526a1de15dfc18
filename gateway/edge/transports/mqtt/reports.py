"""Reports of Assistants, and the keys that they get in return."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from gateway.edge.context import EdgeContext, jittered
from gateway.edge.metrics import MQTT_DROPPED, DropReason
from protocol.conversation.assistant import (
    AssistantReport,
    PermittedRegister,
    ReportAnswer,
    decode_report,
    encode,
    seal_key,
)
from protocol.errors import RemoteError

MAX_WAITING: Final = 256
"""Reports that may wait; an Assistant whose report is dropped reports again."""

READERS: Final = 8
"""Reports that are handled at the same time, each with a query to the database."""

REPORT_S: Final = 10.0
NEXT_REPORT_S: Final = 300

Publish = Callable[[str, bytes], bool]
"""Function that queues (login, payload); it returns False if the queue is full."""

log = structlog.get_logger("gateway")


class AssistantReports:
    """A bounded queue of reports and the tasks that answer them."""

    def __init__(self, edge: EdgeContext, publish: Publish) -> None:
        self._edge, self._publish = edge, publish
        self._waiting: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(MAX_WAITING)

    def receive(self, login: str, payload: bytes) -> None:
        """Queue a payload from an Assistant's topic; ignore an empty one, its farewell."""
        if not payload:
            return
        try:
            self._waiting.put_nowait((login, payload))
        except asyncio.QueueFull:
            MQTT_DROPPED[DropReason.REPORT].inc()

    async def run(self) -> None:
        """Answer reports until the task is cancelled."""
        async with asyncio.TaskGroup() as readers:
            for _ in range(READERS):
                readers.create_task(self._read())

    async def _read(self) -> None:
        while True:
            login, payload = await self._waiting.get()
            try:
                async with asyncio.timeout(REPORT_S):
                    await self._answer(login, payload)
            except RemoteError as error:
                MQTT_DROPPED[DropReason.REPORT].inc()
                log.info("report_refused", login=login, why=error.code)
            except Exception:  # other Assistants' reports must still be answered
                MQTT_DROPPED[DropReason.REPORT].inc()
                log.exception("report_failed", login=login)

    async def _answer(self, login: str, payload: bytes) -> None:
        report = decode_report(payload)
        serials = await self._edge.port.assistant_reported(login, report)
        if serials is None:
            raise RemoteError("unknown", "no such account")
        held = [self._permitted_register(serial, report) for serial in serials]
        answer = ReportAnswer(registers=held, next_report_s=jittered(NEXT_REPORT_S))
        self._publish(login, encode(answer))

    def _permitted_register(self, serial_number: str, report: AssistantReport) -> PermittedRegister:
        generation = self._edge.keys.current
        key = self._edge.keys.register_key(generation, bytes.fromhex(serial_number)) or b""
        box = seal_key(key, serial_number, report.public_key)
        return PermittedRegister(serial_number=serial_number, key_generation=generation, key=box)
