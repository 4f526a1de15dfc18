"""A way to a register through the driver's local web service (KKT-PC 6.4), for either platform.

A command of the wire becomes tasks of the driver (``web_commands``).  A task that changes
anything goes under a uuid made of the step's name and the command, and the service's history is
asked first: a step that was repeated is answered from there, and is never done twice.  The
requisites of a registration wait in a file between E8 and A6 (``web_notes``).
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

from gateway.assistant.driver.client import PATIENT, Credentials, Listed, Patience, WebClient
from gateway.assistant.driver.commands import row_of
from gateway.assistant.driver.moves import (
    Answer,
    Known,
    Order,
    Question,
    Row,
    document_from,
    failed,
)
from gateway.assistant.driver.notes import Notes
from gateway.assistant.driver.reading import PORT, QUESTIONS, reading_from
from gateway.assistant.driver.registration import TRACED, trace
from gateway.assistant.driver.words import (
    GONE,
    REFUSALS,
    Body,
    Told,
    first_fault,
    number,
    part,
    text,
)
from gateway.assistant.ways import About, Untold, Way, WayKind, WayLost
from protocol.conversation.messages import StepRefusal
from protocol.errors import RemoteError
from protocol.kktpc.commands import encode_answer, parse_request
from protocol.models import SERIAL_NUMBER_LENGTH
from protocol.platforms import Platform

STEPS: Final = UUID("6f0d3c1e-8f0b-5c57-9d1e-2b8a54a1c7f3")
"""The space of the uuids of steps."""

MAX_ATTEMPTS: Final = 1000
"""Of one step that the register puts off: a week of them every ten minutes."""

MAX_REMEMBERED: Final = 256
ABOUT_TIMEOUT_S: Final = 10.0
"""To say who it is; a queue may be blocked by paper that ended."""

FIRST_OF_5_0: Final = 5
"""Firmware of platform 5.0 is 5.x; of 2.5 it is 3.0.x."""

WHO: Final[Body] = {"type": "getDeviceInfo"}
_TRACE: Final[Sequence[Body]] = ({"type": "getFnInfo"},)


async def find(
    url: str,
    credentials: Credentials | None = None,
    *,
    notes: Path | None = None,
    platforms: Mapping[str, Platform] | None = None,
    patience: Patience = PATIENT,
) -> list[Way]:
    """A way to each register that is connected and answers; ``WayLost`` if no service is there.

    ``notes``: the directory for what must survive a restart between E8 and A6; without it that
    lives in memory.  ``platforms``: by serial number, where the firmware's version misleads.
    """
    asking = patience._replace(result_s=min(patience.result_s, ABOUT_TIMEOUT_S))
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
        WebServiceWay(
            WebClient(url, credentials, patience), listed, about, _notes(notes, about.serial_number)
        )
        for listed, about in found
    ]


class WebServiceWay:
    """A ``Way`` (see there) over one register of a service."""

    def __init__(self, client: WebClient, listed: Listed, about: About, notes: Notes) -> None:
        self.about = about
        self._client, self._listed = client, listed
        self._known = Known(about.platform, about.model, about.serial_number, notes)
        self._readings = 0
        self._attempts: OrderedDict[str, int] = OrderedDict()

    async def reading(self) -> dict[str, Any]:
        """Each question is a request of its own: one that fails takes no other with it."""
        answers: dict[str, Body] = {PORT: self._listed.connection}
        for question in QUESTIONS:
            told = await self._ask((question,))
            if not told[0].code:
                answers[text(question, "type")] = told[0].result
        self._must_be_ours(answers.get("getDeviceInfo", {}))
        self._readings += 1
        return reading_from(answers, self._readings)

    async def do(self, command: bytes, step: str) -> Answer:
        """As ``Way.do``; what the driver has no task for is ``UNSUPPORTED``."""
        try:
            asked, fields = parse_request(command)
        except RemoteError:
            return StepRefusal.UNSUPPORTED
        row = row_of(asked.name, self.about.platform)
        if row is None:
            return StepRefusal.UNSUPPORTED
        key = f"{step}/{command.hex()}"
        earlier = await self._earlier(key) if row.told else None
        if earlier is not None:
            return self._ended(row, earlier)
        move = row.begin(fields, self._known)
        while isinstance(move, Question):
            told = await self._ask(move.tasks)
            fault = 0 if move.forgiving else first_fault(told)
            move = failed(asked.name, fault) if fault else move.then(told)
        return self._ended(row, await self._order(key, move)) if isinstance(move, Order) else move

    async def witness(self, command: bytes) -> dict[str, Any]:
        """What the command leaves a trace in, for those that must not be done twice."""
        return trace(await self._trace()) if _name(command) in TRACED else {}

    async def was_done(self, command: bytes, before: dict[str, Any]) -> bytes | None:
        """``None`` also where the service's history will tell: the same step asks it first."""
        name = _name(command)
        key = TRACED.get(name)
        if key is None or before.get(key) is None:
            return None
        now = trace(await self._trace())
        if now["serial"] != before.get("serial") or now[key] is None:
            raise Untold("another fiscal drive, or none")
        if now[key] == before[key]:
            return None
        if row := row_of(name, self.about.platform):
            row.after(self._known.notes, None)
        return encode_answer(name)

    async def close(self) -> None:
        """Lets go of the service."""
        await self._client.close()

    # ---- orders, once for each step ---------------------------------------------------------

    async def _earlier(self, key: str) -> Told | None:
        """The result that the service remembers for the step, unless that was "not now".

        Nor one that was lost on its way: whoever calls again has asked ``was_done``.
        """
        for attempt in range(self._attempts.get(key, 0), MAX_ATTEMPTS):
            self._remember(key, attempt)
            uuid = self._uuid(key, attempt)
            if not await self._client.known(self._listed.id, uuid):
                return None
            told = (await self._client.finished(self._listed.id, uuid))[0]
            if not (told.canceled or told.code in REFUSALS or told.code in GONE):
                return told
        raise WayLost("the register has put a step off too often")

    async def _order(self, key: str, order: Order) -> Told:
        """Gives it to the register that is meant; ``WayLost``: it may have been done."""
        self._must_be_ours((await self._ask((WHO,)))[0].result)
        uuid = self._uuid(key, self._attempts[key])
        if not await self._client.submit(self._listed.id, uuid, (order.task,)) and not (
            await self._client.known(self._listed.id, uuid)
        ):
            raise WayLost("the service takes no request for the register")
        told = (await self._client.finished(self._listed.id, uuid))[0]
        if told.code in GONE:
            raise WayLost("the driver has lost the register")
        return told

    def _ended(self, row: Row, told: Told) -> Answer:
        """The answer, and what is to be noted of it."""
        if told.canceled or row.told is None:
            return StepRefusal.BUSY
        answer = row.told(told)
        notes = self._known.notes
        if not told.code:
            if document := document_from(told.result):
                notes.made(document)
            row.after(notes, document)
        return answer

    def _uuid(self, key: str, attempt: int) -> str:
        return str(uuid5(STEPS, f"{self.about.serial_number}/{key}/{attempt}"))

    def _remember(self, key: str, attempt: int) -> None:
        """Where to go on with a step that is put off; the service would tell it again."""
        self._attempts[key] = attempt
        self._attempts.move_to_end(key)
        if len(self._attempts) > MAX_REMEMBERED:
            self._attempts.popitem(last=False)

    async def _ask(self, tasks: Sequence[Body]) -> list[Told]:
        told = await self._client.ask(self._listed.id, tasks)
        if len(told) != len(tasks) or first_fault(told) in GONE:
            raise WayLost("the driver does not reach the register")
        return told

    async def _trace(self) -> list[Told]:
        told = await self._ask(_TRACE)
        if first_fault(told):
            raise WayLost("the fiscal drive does not tell its state")
        return told

    def _must_be_ours(self, result: Body) -> None:
        """Another register may have been plugged in under the same id."""
        if text(part(result, "deviceInfo"), "serial") != self.about.serial_number:
            raise WayLost("another register answers under this id")


async def _about(
    client: WebClient, listed: Listed, platforms: Mapping[str, Platform]
) -> About | None:
    """``None`` for a register that the driver does not reach, or whose queue stands still."""
    try:
        told = (await client.ask(listed.id, (WHO,)))[0]
    except WayLost:
        return None
    info = part(told.result, "deviceInfo")
    serial, firmware = text(info, "serial"), text(info, "firmwareVersion")
    if told.code or len(serial) != SERIAL_NUMBER_LENGTH or not serial.isdecimal():
        return None
    return About(
        serial_number=serial,
        platform=platforms.get(serial, _platform(firmware)),
        model=min(number(info, "model"), 0xFF),
        firmware_version=firmware,
        kind=WayKind.WEB_SERVICE,
        place=f"{client.url}?deviceID={listed.id}",
    )


def _platform(firmware: str) -> Platform:
    major = firmware.partition(".")[0]
    newer = major.isdecimal() and int(major) >= FIRST_OF_5_0
    return Platform.V5_0 if newer else Platform.V2_5


def _notes(directory: Path | None, serial_number: str) -> Notes:
    return Notes(directory and directory / f"web-service-{serial_number}.json")


def _name(command: bytes) -> str:
    try:
        return parse_request(command)[0].name
    except RemoteError:
        return ""
