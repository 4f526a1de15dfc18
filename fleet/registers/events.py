"""What registers tell the features above them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BlockingChanged:
    """Registers were blocked or unblocked: the gateway must refuse or take their conversations."""

    serial_numbers: tuple[str, ...]
    blocked: bool


@dataclass(frozen=True, slots=True)
class OwnersChanged:
    """Registers name other owners than before: the INNs of all of them, of before and of now."""

    inns: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class ProfilesRebuilt:
    """What these registers have said long ago is now understood in another way."""

    serial_numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RegisterHandOver:
    """A register that has passed from one partner, or from nobody, to another."""

    serial_number: str
    from_partner_id: int | None
    to_partner_id: int


@dataclass(frozen=True, slots=True)
class RegistersHandedOver:
    """Registers are another partner's now."""

    hand_overs: tuple[RegisterHandOver, ...]
    at: datetime
