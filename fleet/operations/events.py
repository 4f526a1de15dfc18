"""What operations tell the features above them."""

from dataclasses import dataclass
from datetime import datetime

from fleet.operations.rules import OperationStatus


@dataclass(frozen=True, slots=True)
class ChangedOperation:
    """One operation came to a new status."""

    operation_id: int
    serial_number: str
    type: str
    status: OperationStatus


@dataclass(frozen=True, slots=True)
class OperationStatusesChanged:
    """Operations changed their status in this transaction."""

    at: datetime
    changes: tuple[ChangedOperation, ...]
