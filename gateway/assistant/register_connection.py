"""The contract of a way to one register: KKT-PC over a line, or the driver's web service."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from protocol.conversation.messages import StepRefusal
from protocol.platforms import Platform


class ConnectionKind(StrEnum):
    """How the Assistant reaches a register."""

    SERIAL = "serial"
    USB = "usb"
    TCP = "tcp"
    WEB_SERVICE = "web_service"


class RegisterUnreachable(Exception):
    """The register does not answer: unplugged, switched off, or its line is broken.

    What was asked last may have been done.  The way is of no more use; close it.
    """


class StepOutcomeUnknown(RegisterUnreachable):
    """The register answers, but nobody will ever tell whether a command was done."""


@dataclass(frozen=True, slots=True)
class RegisterIdentity:
    """Who stands at the end of a way, as it said itself.

    ``place`` is for people and unique on the PC: a port's name, HOST:PORT, a web address with
    the device's id.
    """

    serial_number: str
    platform: Platform
    model: int
    firmware_version: str
    kind: ConnectionKind
    place: str


class RegisterConnection(Protocol):
    """One register at the end of one line.

    Every call is bounded in time and raises ``RegisterUnreachable`` when the register is gone; one
    call at a time (the caller's lock).
    """

    identity: RegisterIdentity

    async def reading(self) -> dict[str, Any]:
        """Every field of ``protocol.telemetry`` that the way can give; the rest is the field's
        empty value, so that the result can be encoded."""

    async def execute(self, command: bytes, step: str) -> bytes | StepRefusal:
        """The application answer to one command (KKT-PC 3), or why it cannot be done now.

        ``step`` names the step across repetitions (serial number, operation, step): a way
        whose far end remembers what it was asked uses it to ask once.
        """

    async def recover_answer(self, command: bytes, before: dict[str, Any]) -> bytes | None:
        """The answer of a command that may have been done before the link was lost.

        ``None`` when it surely was not, so that it may be done.  ``before`` is what
        ``state_before`` gave before the command left.  ``StepOutcomeUnknown`` when nobody can tell,
        ``RegisterUnreachable`` for now.
        """

    async def state_before(self, command: bytes) -> dict[str, Any]:
        """What to remember before a command, so that ``was_done`` can tell (JSON)."""

    async def close(self) -> None:
        """Lets go of the line."""
