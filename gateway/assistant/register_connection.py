"""The interface of a connection to one register: a KKT-PC line or the driver's web service."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from protocol.conversation.messages import StepRefusal
from protocol.platforms import Platform


class ConnectionKind(StrEnum):
    """Kind of a connection from the Assistant to a register."""

    SERIAL = "serial"
    USB = "usb"
    TCP = "tcp"
    WEB_SERVICE = "web_service"


class RegisterUnreachable(Exception):
    """Error: the register does not answer (unplugged, switched off, or a broken line).

    The last command may have been executed.  The connection cannot be used any more; close it.
    """


class StepOutcomeUnknown(RegisterUnreachable):
    """Error: the register answers, but nobody can tell whether a command was executed."""


@dataclass(frozen=True, slots=True)
class RegisterIdentity:
    """Identity of the register at the end of a connection, as it reported itself.

    ``place`` is for people and unique on the PC: a port's name, HOST:PORT, a web address with the
    device's id.
    """

    serial_number: str
    platform: Platform
    model: int
    firmware_version: str
    kind: ConnectionKind
    place: str


class RegisterConnection(Protocol):
    """Connection to one register.

    Every call is bounded in time and raises ``RegisterUnreachable`` if the register is gone.  Only
    one call at a time is allowed; the caller needs a lock.
    """

    identity: RegisterIdentity

    async def reading(self) -> dict[str, Any]:
        """Return a reading with every field of ``protocol.telemetry``.

        A field that the connection cannot read has its empty value, so that the result can be
        encoded.
        """

    async def execute(self, command: bytes, step: str) -> bytes | StepRefusal:
        """Return the application answer to a command (KKT-PC 3), or the reason to refuse it now.

        ``step`` names the step across repetitions (serial number, operation, step): a connection
        whose other end remembers requests uses it to request the step only once.
        """

    async def recover_answer(self, command: bytes, before: dict[str, Any]) -> bytes | None:
        """Return the answer of a command that may have been executed before the link was lost.

        Return None if it surely was not executed, so that it may be executed now.  ``before`` is
        the result of ``state_before`` from before the command was sent.  Raise
        ``StepOutcomeUnknown`` if nobody can tell, ``RegisterUnreachable`` if it cannot be found out
        now.
        """

    async def state_before(self, command: bytes) -> dict[str, Any]:
        """Return the state (JSON) that ``recover_answer`` needs, before a command is sent."""

    async def close(self) -> None:
        """Release the connection."""
