"""Events that operations announce to the features above them."""

from dataclasses import dataclass
from datetime import datetime

from fleet.operations.rules import OperationStatus


@dataclass(frozen=True, slots=True)
class ChangedOperation:
    """An operation and the status that it has entered."""

    operation_id: int
    serial_number: str
    type: str
    status: OperationStatus


@dataclass(frozen=True, slots=True)
class OperationStatusesChanged:
    """Changes of status that one transaction has made."""

    at: datetime
    changes: tuple[ChangedOperation, ...]
