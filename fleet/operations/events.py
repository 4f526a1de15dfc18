"""What operations tell the features above them."""

from dataclasses import dataclass
from datetime import datetime

from fleet.operations.rules import Status


@dataclass(frozen=True, slots=True)
class Moved:
    """One operation came to a new status."""

    operation_id: int
    serial_number: str
    type: str
    status: Status


@dataclass(frozen=True, slots=True)
class OperationsMoved:
    """Operations changed their status in this transaction."""

    at: datetime
    moves: tuple[Moved, ...]
