"""The state of a simulated register at one moment, and values computed from it alone."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from protocol import telemetry
from protocol.conversation.messages import LinkChannel, StepRefusal
from protocol.platforms import Platform
from simulator.register.factory_data import MAKES, OWNERS, UTC_OFFSETS_MIN, Company
from simulator.register.firmware_loader import Loader
from simulator.register.fiscal_drive import FiscalDrive
from simulator.register.journal import Journal
from simulator.register.keys import KeyStore
from simulator.register.settings_memory import OFD_CHANNEL, NumberedSettings, Tables
from simulator.register.shop import Shop
from simulator.register.templates import Templates
from simulator.register.till import Receipt, Till

SHIFT_LIMIT: Final = timedelta(hours=24)
RECEIPT_CM: Final = 35
DRIVE_LIFE: Final = timedelta(days=470)
"""Life of the keys of a 15-month drive."""


@dataclass(slots=True)
class Faults:
    """Faults of a register, set by a test or a scenario.

    A faulty fiscal drive is ``register.drive.failure``.
    """

    ofd_down: bool = False
    ofd_error: int = 0
    paper_out: bool = False
    shift_forgotten: bool = False
    """Nobody closes the shift: after 24 hours it expires and nothing is sold."""
    low_battery_mv: int | None = None
    hardware_error: int = 0
    clock_skew_s: int = 0
    refuse_steps: StepRefusal | None = None


class RegisterState:
    """The state of one register; ``mode`` is lost with the power, the rest is permanent."""

    __slots__ = (
        "_till",
        "battery_mv",
        "born_at",
        "by_host",
        "cabinet_reached",
        "cuts",
        "drive",
        "faults",
        "internet_reached",
        "journal",
        "keys",
        "last_error",
        "licence_issuers",
        "licences",
        "lived_until",
        "loader",
        "memory",
        "mode",
        "model",
        "network_error",
        "ofd_last_contact_at",
        "ofd_relayed",
        "owner",
        "platform",
        "printed_cm",
        "prints_receipts",
        "readings",
        "registered",
        "requisites",
        "restart_due",
        "restarts",
        "serial_number",
        "shift_closed_at",
        "shift_number",
        "shift_opened_at",
        "shop",
        "templates",
        "taxation_types",
        "worked_h_before",
    )

    def __init__(
        self, serial_number: str, platform: Platform, model: int, random: Random, born_at: datetime
    ) -> None:
        self.serial_number, self.platform, self.model = serial_number, platform, model
        self.shop = Shop(random.getrandbits(32), random.choice(UTC_OFFSETS_MIN))
        self.owner: Company = random.choice(OWNERS)
        self.drive = _drive_in_use(random, born_at)
        self.memory: Tables | NumberedSettings = (
            Tables() if platform is Platform.V2_5 else NumberedSettings()
        )
        self.templates = Templates()
        self.journal = Journal()
        self.loader = Loader(MAKES[platform].firmware)
        self.keys = KeyStore()
        self.licences: dict[int, bytes] = {}
        self.licence_issuers: Collection[bytes] = ()
        self.prints_receipts = True
        self.taxation_types = telemetry.TAXATION.encode(
            ["usn_income"] if len(self.owner.inn) > 10 else ["osn"]
        )
        self._reset_to_untouched()
        self.faults = Faults()
        self.born_at = born_at
        self.lived_until = self.shop.before_opening(born_at)
        self.battery_mv = random.randint(2950, 3300)
        self.worked_h_before = random.randint(10, 20_000)
        self.cuts = self.drive.documents
        self.printed_cm = self.drive.documents * RECEIPT_CM
        self.shift_number = self.drive.documents // 250 + 1
        self.shift_opened_at: datetime | None = None
        self.shift_closed_at: datetime | None = None
        self.ofd_last_contact_at = self.lived_until
        self.network_error = 0
        self.readings = 0
        self.mode = 0

    def _reset_to_untouched(self) -> None:
        """Reset the values that hosts and calls change."""
        self.requisites: dict[int, bytes] = {}
        """Values written for the next registration, by FFD tag."""
        self.registered: dict[int, bytes] = {}
        """Values of the registrations so far, by FFD tag; the others follow from the factory data.
        """
        self.by_host = False
        """True when a host makes the receipts and keeps the shift: the shop does nothing by itself.
        """
        self.internet_reached = self.cabinet_reached = False
        """Results of the last call to the cash server."""
        self.ofd_relayed = False
        """True when the OFD was last reached through the host (channel EoT)."""
        self.restart_due = False
        """True when a command requested a restart; the line restarts after sending the answer."""
        self.restarts = 0
        self.last_error = 0
        """Result code of the last command that failed."""
        self._till: Till | None = None

    @property
    def till(self) -> Till:
        """Return the till, created at first use: most of a large fleet never has a host."""
        if self._till is None:
            self._till = Till()
        return self._till

    @property
    def receipt(self) -> Receipt | None:
        """Return the open receipt, or ``None``."""
        return None if self._till is None else self._till.receipt

    def forget_till(self) -> None:
        """Clear the till's counters and drawer; keep the tape and the documents."""
        before, self._till = self.till, Till()
        self._till.tape, self._till.documents = before.tape, before.documents

    @property
    def serial(self) -> bytes:
        """Return the serial number as HELLO carries it: 7 BCD bytes."""
        return bytes.fromhex(self.serial_number)

    @property
    def channel(self) -> LinkChannel:
        """Return the link that the settings choose."""
        return LinkChannel(int(self.memory.value(OFD_CHANNEL)))

    def local_clock(self, now: datetime) -> datetime:
        """Return the local time of the register's own clock, which may be wrong."""
        return self.shop.local(now + timedelta(seconds=self.faults.clock_skew_s))

    def shift_state(self, now: datetime) -> str:
        """Return ``closed``, ``open`` or ``expired``, as the telemetry names them."""
        if self.shift_opened_at is None:
            return "closed"
        return "open" if now - self.shift_opened_at < SHIFT_LIMIT else "expired"

    def uptime_h(self, now: datetime) -> int:
        """Return the hours that the register has worked in its life."""
        return self.worked_h_before + int((now - self.born_at) / timedelta(hours=1))


def _drive_in_use(random: Random, now: datetime) -> FiscalDrive:
    """Return a drive that has been in use for a while and has some life left."""
    age = timedelta(days=random.randint(1, 440), minutes=random.randint(0, 1439))
    activated_at = (now - age).replace(microsecond=0)
    return FiscalDrive(
        number=f"9999{random.randrange(10**12):012}",
        activated_at=activated_at,
        valid_until=activated_at + DRIVE_LIFE,
        documents=1 + age.days * random.randint(50, 400),
        registrations_made=random.randint(1, 3),
    )
