"""One register behind the web service, and what the driver counts for it."""

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
"""The driver enters modes of platform 2.5 with this password (KKT-PC 3.1, command 56)."""


@dataclass(slots=True)
class ServedRegister:
    """``id`` is the service's name for the register; an inactive one takes no requests."""

    id: str
    register: SimulatedRegister
    active: bool = True


@dataclass(frozen=True, slots=True)
class TaskContext:
    """A desk at one moment: what a task is done on."""

    served: ServedRegister
    now: datetime

    @property
    def register(self) -> SimulatedRegister:
        """The register, which has lived until now."""
        return self.served.register

    def local(self, moment: datetime) -> str:
        """A moment by the shop's clock, as the driver writes it."""
        return self.register.shop.local(moment).isoformat(timespec="seconds")

    def ask(self, name: str, /, **fields: object) -> Fields:
        """One command of the wire, as the driver gives it; its failure as the driver's."""
        command = commands.command_named(name)
        request = commands.encode_request(command, **fields)
        answer = commands.parse_answer(command, self.register.execute(request, self.now))
        if isinstance(answer, CommandFailed):
            raise DriverFailure(failures.FROM_RESULT_CODE.get(answer.code, failures.UNKNOWN))
        return answer

    def in_mode(self, mode: int, orders: Sequence[tuple[str, Fields]]) -> None:
        """Commands in a mode of platform 2.5, left whatever happens; on 5.0 as they are.

        A receipt that cannot be ended is cancelled.
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
