"""One register behind the web service, and the commands that the driver sends to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from protocol.fields import Fields
from protocol.kktpc import commands
from protocol.kktpc.commands import CommandFailed
from protocol.platforms import Platform
from simulator.register.simulated_register import SimulatedRegister
from simulator.web_requests import failures
from simulator.web_requests.failures import DriverFailure

REGISTRATION_MODE, X_MODE, Z_MODE, DRIVE_MODE = 1, 2, 3, 6
SYSTEM_ADMINISTRATOR: Final = "00000030"
"""Password with which the driver enters modes of platform 2.5 (KKT-PC 3.1, command 56)."""


@dataclass(slots=True)
class ServedRegister:
    """A served register; ``id`` is the service's name for it, an inactive one takes no requests."""

    id: str
    register: SimulatedRegister
    active: bool = True


@dataclass(frozen=True, slots=True)
class TaskContext:
    """The register and the time with which a task is executed."""

    served: ServedRegister
    now: datetime

    @property
    def register(self) -> SimulatedRegister:
        """Return the register; ``perform`` has advanced it to ``now``."""
        return self.served.register

    def local(self, moment: datetime) -> str:
        """Return a moment in the shop's local time, as the driver writes it."""
        return self.register.shop.local(moment).isoformat(timespec="seconds")

    def ask(self, name: str, /, **fields: object) -> Fields:
        """Execute one command and return its fields; raise its failure as ``DriverFailure``."""
        command = commands.command_named(name)
        request = commands.encode_request(command, **fields)
        answer = commands.parse_answer(command, self.register.execute(request, self.now))
        if isinstance(answer, CommandFailed):
            raise DriverFailure(failures.FROM_RESULT_CODE.get(answer.code, failures.UNKNOWN))
        return answer

    def in_mode(self, mode: int, orders: Sequence[tuple[str, Fields]]) -> None:
        """Execute commands in a mode of platform 2.5 and leave it in any case.

        Platform 5.0 has no modes. A receipt that cannot be finished is cancelled.
        """
        if self.register.platform is not Platform.V2_5:
            self._all(orders)
            return
        try:
            self.ask("enter_mode", mode=mode, password=SYSTEM_ADMINISTRATOR)
            self._all(orders)
        finally:
            self.ask("leave_mode")

    def _all(self, orders: Sequence[tuple[str, Fields]]) -> None:
        try:
            for name, fields in orders:
                self.ask(name, **fields)
        finally:
            if self.register.receipt is not None:
                self.ask("cancel_receipt")
