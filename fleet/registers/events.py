"""What registers tell the features above them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class BlockingChanged:
    """Registers were blocked or unblocked: the gateway must refuse or take their conversations."""

    serial_numbers: tuple[str, ...]
    blocked: bool


@dataclass(frozen=True, slots=True)
class RegistersEnrolled:
    """Registers that were nobody's are a partner's now; some of them have called before."""

    serial_numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """A register that has passed from one partner, or from nobody, to another."""

    serial_number: str
    from_partner_id: int | None
    to_partner_id: int


@dataclass(frozen=True, slots=True)
class RegistersHandedOver:
    """Registers are another partner's now."""

    moves: tuple[Move, ...]
    at: datetime
