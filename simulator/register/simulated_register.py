"""A simulated register: a pure object that is advanced in time, read, and given commands.

It uses no socket and no clock: ``now`` (aware) comes with every call. All random choices are made
once, with the ``random.Random`` given to its constructor.
"""

from datetime import datetime
from typing import Any, Final

from protocol.conversation.messages import LinkChannel, StepDone, StepRefusal, StepRefused
from protocol.errors import RemoteError
from protocol.kktpc.commands import PASSWORD_LENGTH, split_password
from protocol.platforms import Platform
from simulator.register import commands as orders
from simulator.register.failures import CommandPostponed, PowerLost, ResultCode
from simulator.register.reading import reading_of
from simulator.register.settings_memory import Tables, settings_for_5_0
from simulator.register.shop import ShopEvent, Span
from simulator.register.state import RECEIPT_CM, RegisterState

SHIFT_REPORT_CM: Final = 60
NO_OFD_CONNECTION: Final = 2
"""Network error of register 2B: the network is reachable, the OFD's server is not (KKT-PC 3.3)."""


class SimulatedRegister(RegisterState):
    """One register; ``serial_number`` has 14 digits, ``model`` is the code of the model table.

    Its life begins at the opening of the working day that ``born_at`` belongs to.
    """

    __slots__ = ()

    def advance_to(self, now: datetime) -> None:
        """Advance to ``now``: the shop opens, sells and closes, and the OFD takes the documents.

        The result depends only on the time reached, however often this is called.
        """
        if now <= self.lived_until:
            return
        for span in self.shop.spans(self.lived_until, now):
            self._sell(span)
            self._exchange_with_ofd(span)
            self._open_or_close_shift(span)
        self.lived_until = now

    def open_shift(self, now: datetime) -> bool:
        """Open the next shift; return false if one is open or the drive signs nothing."""
        if self.shift_opened_at is not None or not self._sign(1, now, SHIFT_REPORT_CM):
            return False
        self.shift_number += 1
        self.shift_opened_at = now
        return True

    def close_shift(self, now: datetime) -> bool:
        """Close the shift; return false if none is open or the drive signs nothing."""
        if self.shift_opened_at is None or not self._sign(1, now, SHIFT_REPORT_CM):
            return False
        self.shift_opened_at, self.shift_closed_at = None, now
        return True

    def power_cycle(self) -> None:
        """Lose the power and get it back: clear everything that is not in permanent memory."""
        self.mode = 0
        self.restart_due = False
        if self._till is not None:
            self._till.receipt = None

    def _open_or_close_shift(self, span: Span) -> None:
        if self.faults.shift_forgotten or self.by_host:
            return
        if span.event is ShopEvent.OPENS:
            self.open_shift(span.until)
        elif span.event is ShopEvent.CLOSES:
            self.close_shift(span.until)

    def _sell(self, span: Span) -> None:
        if self.shift_state(span.until) == "open" and not self.by_host:
            paper_cm = RECEIPT_CM if self.prints_receipts else 0
            self._sign(span.receipts, span.first_receipt_at, paper_cm)

    def _sign(self, count: int, at: datetime, paper_cm: int) -> int:
        """Return how many documents were signed: none if they need paper and there is none."""
        unprintable = paper_cm > 0 and self.faults.paper_out
        signed = 0 if unprintable else self.drive.sign(count, at)
        self.cuts += signed if paper_cm else 0
        self.printed_cm += signed * paper_cm
        return signed

    def _exchange_with_ofd(self, span: Span) -> None:
        reached = span.ofd_up and not self.faults.ofd_down
        if self.platform is Platform.V2_5 and self.channel is LinkChannel.EOT:
            reached = reached and self.ofd_relayed
        self.network_error = 0 if reached else NO_OFD_CONNECTION
        if reached:
            self.ofd_last_contact_at = span.until
        if reached and not self.faults.ofd_error:
            self.drive.hand_over()

    def reading(self, now: datetime) -> dict[str, Any]:
        """Return every field of the telemetry; the reading's number grows with each call."""
        self.advance_to(now)
        self.readings += 1
        return reading_of(self, now)

    def execute(self, command: bytes, now: datetime) -> bytes:
        """Return the application answer to one command (KKT-PC 3.1), which is done at each call."""
        self.advance_to(now)
        try:
            return orders.execute(self, command, now)
        except CommandPostponed as put_off:
            return orders.failed(command, put_off.code)

    def execute_on_line(self, request: bytes, now: datetime) -> bytes:
        """Return the answer to a request that starts with the access password.

        Ordinary lines carry requests in this form.
        """
        try:
            password, command = split_password(request)
        except RemoteError:
            return orders.failed(request[PASSWORD_LENGTH:], ResultCode.WRONG_LENGTH)
        if password != orders.access_password(self):
            return orders.failed(command, ResultCode.WRONG_PASSWORD)
        try:
            return self.execute(command, now)
        except PowerLost:
            self.restart_due = True
            return orders.failed(command, ResultCode.NOT_ENOUGH_POWER)

    def restart(self) -> None:
        """Restart after a power cut or on a command, with the new firmware if one is marked."""
        self._restart()
        self.power_cycle()
        self.restarts += 1

    def do_step(
        self, operation_id: int, step: int, command: bytes, now: datetime
    ) -> StepDone | StepRefused:
        """Do the step and return its answer, or return the answer that the journal holds."""

        def effect() -> bytes | StepRefusal:
            try:
                self.advance_to(now)
                return self.faults.refuse_steps or orders.execute(self, command, now)
            except CommandPostponed as put_off:
                return put_off.reason

        done = self.journal.execute_once(operation_id, step, effect)
        if self.restart_due:
            self.restart()
        return done

    def take_block(self, command: bytes, now: datetime) -> None:
        """Execute a command that gets no answer; raise ``PowerLost`` if the power is lost."""
        try:
            self.execute(command, now)
        except PowerLost:
            self.power_cycle()
            raise

    def _restart(self) -> None:
        """Start the marked firmware, if there is one; move the settings over to a new platform."""
        image = self.loader.boot()
        if image is None:
            return
        self.power_cycle()
        if isinstance(self.memory, Tables) and image.platform is Platform.V5_0:
            self.platform, self.memory = image.platform, settings_for_5_0(self.memory)
