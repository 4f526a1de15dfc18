"""Facts that registers announce to the features above."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BlockingChanged:
    """Registers were blocked or unblocked: the gateway refuses or accepts their conversations."""

    serial_numbers: tuple[str, ...]
    blocked: bool


@dataclass(frozen=True, slots=True)
class OwnersChanged:
    """Registers report other owners than before; ``inns`` has the former and the new owners."""

    inns: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class ProfilesRebuilt:
    """Profile columns of these registers were rebuilt from their stored readings."""

    serial_numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RegisterHandOver:
    """A register that was transferred to a partner.

    ``from_partner_id`` None = it had no partner.
    """

    serial_number: str
    from_partner_id: int | None
    to_partner_id: int


@dataclass(frozen=True, slots=True)
class RegistersHandedOver:
    """Registers were transferred to another partner."""

    hand_overs: tuple[RegisterHandOver, ...]
    at: datetime
