"""Connection to a register by the driver's local web service (KKT-PC 6.4), on either platform.

A command becomes tasks of the driver (``commands.py``).  A task that changes something is submitted
under a uuid derived from the step's name and the command, and the service's history is asked first:
a repeated step is answered from the history and is never executed twice.  The requisites of a
registration are kept in a file between E8 and A6 (``register_memory.py``).
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from gateway.assistant.driver.client import (
    DEFAULT_TIMEOUTS,
    Credentials,
    DriverTimeouts,
    Listed,
    WebClient,
)
from gateway.assistant.driver.commands import find_translation
from gateway.assistant.driver.reading import PORT, READING_TASKS, reading_from
from gateway.assistant.driver.register_memory import RegisterMemory
from gateway.assistant.driver.registration import TRACED_COMMANDS, registration_trace
from gateway.assistant.driver.translation import (
    ChangeTask,
    CommandAnswer,
    CommandTranslation,
    QueryTasks,
    RegisterFacts,
    answer_failed,
    document_from,
)
from gateway.assistant.driver.vocabulary import (
    REFUSALS,
    REGISTER_UNREACHABLE,
    Body,
    TaskResult,
    first_fault,
    number,
    part,
    text,
)
from gateway.assistant.register_connection import (
    ConnectionKind,
    RegisterConnection,
    RegisterIdentity,
    RegisterUnreachable,
    StepOutcomeUnknown,
)
from protocol.conversation.messages import StepRefusal
from protocol.errors import RemoteError
from protocol.kktpc.commands import encode_answer, parse_request
from protocol.models import SERIAL_NUMBER_LENGTH
from protocol.platforms import Platform

STEP_UUID_NAMESPACE: Final = UUID("6f0d3c1e-8f0b-5c57-9d1e-2b8a54a1c7f3")
"""Namespace of the uuids of steps."""

MAX_ATTEMPTS: Final = 1000
"""Most attempts of one step that the register postpones: every ten minutes for a week."""

MAX_REMEMBERED: Final = 256
ABOUT_TIMEOUT_S: Final = 10.0
"""Seconds for a register's identity; missing paper may block its queue."""

FIRST_OF_5_0: Final = 5
"""First major version of platform 5.0 (5.x); that of 2.5 is 3.0.x."""

IDENTITY_TASK: Final[Body] = {"type": "getDeviceInfo"}
_TRACE: Final[Sequence[Body]] = ({"type": "getFnInfo"},)


async def find_registers(
    url: str,
    credentials: Credentials | None = None,
    *,
    memory_folder: Path | None = None,
    platforms: Mapping[str, Platform] | None = None,
    timeouts: DriverTimeouts = DEFAULT_TIMEOUTS,
) -> list[RegisterConnection]:
    """Return a connection to each register of the service that is connected and answers.

    ``memory_folder``: directory for data that must survive a restart between E8 and A6; without it
    they are kept in memory.  ``platforms``: platforms by serial number, where the firmware's
    version misleads. Raise ``RegisterUnreachable`` if the service does not answer.
    """
    asking = timeouts._replace(result_s=min(timeouts.result_s, ABOUT_TIMEOUT_S))
    client = WebClient(url, credentials, asking)
    try:
        found = [
            (listed, about)
            for listed in await client.registers()
            if listed.active and (about := await _about(client, listed, platforms or {}))
        ]
    finally:
        await client.close()
    return [
        WebServiceConnection(
            WebClient(url, credentials, timeouts),
            listed,
            about,
            _notes(memory_folder, about.serial_number),
        )
        for listed, about in found
    ]


class WebServiceConnection:
    """``RegisterConnection`` to one register of a web service."""

    def __init__(
        self, client: WebClient, listed: Listed, about: RegisterIdentity, notes: RegisterMemory
    ) -> None:
        self.identity = about
        self._client, self._listed = client, listed
        self._known = RegisterFacts(about.platform, about.model, about.serial_number, notes)
        self._readings = 0
        self._attempts: OrderedDict[str, int] = OrderedDict()

    async def reading(self) -> dict[str, Any]:
        """Return a reading; each question is a separate request, so it fails alone."""
        answers: dict[str, Body] = {PORT: self._listed.connection}
        for question in READING_TASKS:
            told = await self._ask((question,))
            if not told[0].code:
                answers[text(question, "type")] = told[0].result
        self._must_be_ours(answers.get("getDeviceInfo", {}))
        self._readings += 1
        return reading_from(answers, self._readings)

    async def execute(self, command: bytes, step: str) -> CommandAnswer:
        """Execute a command as ``RegisterConnection.execute`` does.

        Return ``UNSUPPORTED`` for a command that the driver has no task for.
        """
        try:
            asked, fields = parse_request(command)
        except RemoteError:
            return StepRefusal.UNSUPPORTED
        row = find_translation(asked.name, self.identity.platform)
        if row is None:
            return StepRefusal.UNSUPPORTED
        key = f"{step}/{command.hex()}"
        earlier = await self._earlier(key) if row.answer_from else None
        if earlier is not None:
            return self._ended(row, earlier)
        move = row.first_request(fields, self._known)
        while isinstance(move, QueryTasks):
            told = await self._ask(move.tasks)
            fault = 0 if move.allows_errors else first_fault(told)
            move = answer_failed(asked.name, fault) if fault else move.then(told)
        return (
            self._ended(row, await self._submit_change(key, move))
            if isinstance(move, ChangeTask)
            else move
        )

    async def state_before(self, command: bytes) -> dict[str, Any]:
        """Return the trace of a command that must not be executed twice, else nothing."""
        return registration_trace(await self._trace()) if _name(command) in TRACED_COMMANDS else {}

    async def recover_answer(self, command: bytes, before: dict[str, Any]) -> bytes | None:
        """Return the answer if the command's trace shows that it was executed.

        Return None also if the service's history can answer: ``execute`` of the same step asks it
        first.
        """
        name = _name(command)
        key = TRACED_COMMANDS.get(name)
        if key is None or before.get(key) is None:
            return None
        now = registration_trace(await self._trace())
        if now["serial"] != before.get("serial") or now[key] is None:
            raise StepOutcomeUnknown("another fiscal drive, or none")
        if now[key] == before[key]:
            return None
        if row := find_translation(name, self.identity.platform):
            row.remember(self._known.memory, None)
        return encode_answer(name)

    async def close(self) -> None:
        """Close the HTTP client."""
        await self._client.close()

    # ---- changes, once for each step --------------------------------------------------------

    async def _earlier(self, key: str) -> TaskResult | None:
        """Return the result that the service remembers for the step, or None.

        A postponed attempt does not count, nor one that lost the register: for that the caller has
        already called ``recover_answer``.
        """
        for attempt in range(self._attempts.get(key, 0), MAX_ATTEMPTS):
            self._remember(key, attempt)
            uuid = self._uuid(key, attempt)
            if not await self._client.is_known(self._listed.id, uuid):
                return None
            told = (await self._client.wait_for_results(self._listed.id, uuid))[0]
            if not (told.canceled or told.code in REFUSALS or told.code in REGISTER_UNREACHABLE):
                return told
        raise RegisterUnreachable("the register has put a step off too often")

    async def _submit_change(self, key: str, order: ChangeTask) -> TaskResult:
        """Submit a change and return its result.

        Raise ``RegisterUnreachable`` if it may or may not have been executed.
        """
        self._must_be_ours((await self._ask((IDENTITY_TASK,)))[0].result)
        uuid = self._uuid(key, self._attempts[key])
        if not await self._client.submit(self._listed.id, uuid, (order.task,)) and not (
            await self._client.is_known(self._listed.id, uuid)
        ):
            raise RegisterUnreachable("the service takes no request for the register")
        told = (await self._client.wait_for_results(self._listed.id, uuid))[0]
        if told.code in REGISTER_UNREACHABLE:
            raise RegisterUnreachable("the driver has lost the register")
        return told

    def _ended(self, row: CommandTranslation, told: TaskResult) -> CommandAnswer:
        """Return the answer, and record the document and the completed change."""
        if told.canceled or row.answer_from is None:
            return StepRefusal.BUSY
        answer = row.answer_from(told)
        notes = self._known.memory
        if not told.code:
            if document := document_from(told.result):
                notes.on_document_made(document)
            row.remember(notes, document)
        return answer

    def _uuid(self, key: str, attempt: int) -> str:
        return str(uuid5(STEP_UUID_NAMESPACE, f"{self.identity.serial_number}/{key}/{attempt}"))

    def _remember(self, key: str, attempt: int) -> None:
        """Record the attempt at which a postponed step continues.

        The service would return the earlier result again.
        """
        self._attempts[key] = attempt
        self._attempts.move_to_end(key)
        if len(self._attempts) > MAX_REMEMBERED:
            self._attempts.popitem(last=False)

    async def _ask(self, tasks: Sequence[Body]) -> list[TaskResult]:
        told = await self._client.ask(self._listed.id, tasks)
        if len(told) != len(tasks) or first_fault(told) in REGISTER_UNREACHABLE:
            raise RegisterUnreachable("the driver does not reach the register")
        return told

    async def _trace(self) -> list[TaskResult]:
        told = await self._ask(_TRACE)
        if first_fault(told):
            raise RegisterUnreachable("the fiscal drive does not tell its state")
        return told

    def _must_be_ours(self, result: Body) -> None:
        """Raise ``RegisterUnreachable`` if another register has the same id now."""
        if text(part(result, "deviceInfo"), "serial") != self.identity.serial_number:
            raise RegisterUnreachable("another register answers under this id")


async def _about(
    client: WebClient, listed: Listed, platforms: Mapping[str, Platform]
) -> RegisterIdentity | None:
    """Return the register's identity; None if it is not reached or its queue is blocked."""
    try:
        told = (await client.ask(listed.id, (IDENTITY_TASK,)))[0]
    except RegisterUnreachable:
        return None
    info = part(told.result, "deviceInfo")
    serial, firmware = text(info, "serial"), text(info, "firmwareVersion")
    if told.code or len(serial) != SERIAL_NUMBER_LENGTH or not serial.isdecimal():
        return None
    return RegisterIdentity(
        serial_number=serial,
        platform=platforms.get(serial, _platform(firmware)),
        model=min(number(info, "model"), 0xFF),
        firmware_version=firmware,
        kind=ConnectionKind.WEB_SERVICE,
        place=f"{client.url}?deviceID={listed.id}",
    )


def _platform(firmware: str) -> Platform:
    major = firmware.partition(".")[0]
    newer = major.isdecimal() and int(major) >= FIRST_OF_5_0
    return Platform.V5_0 if newer else Platform.V2_5


def _notes(directory: Path | None, serial_number: str) -> RegisterMemory:
    return RegisterMemory(directory and directory / f"web-service-{serial_number}.json")


def _name(command: bytes) -> str:
    try:
        return parse_request(command)[0].name
    except RemoteError:
        return ""
