"""Cancelling everything that waits for a register."""

from typing import ClassVar

from fleet.accounts.roles import Right
from fleet.kit.input import Input
from fleet.operations.types.contract import (
    Done,
    Objection,
    OperationSnapshot,
    OperationType,
    StepOutcome,
    TargetRegister,
)


class CancelPendingParams(Input):
    """Parameters of the operation: it has none."""


class CancelPending(OperationType[CancelPendingParams]):
    """Operation that cancels the register's open operations; it runs on the server alone.

    An operation whose command has already left is cancelled when its answer comes.
    """

    kind: ClassVar = "cancel_pending"
    label_ru: ClassVar = "Отмена отложенных операций"
    label_en: ClassVar = "Cancel pending operations"
    right: ClassVar = Right.SETTINGS
    on_server: ClassVar = True
    clears_queue: ClassVar = True
    Params = CancelPendingParams

    def objection(self, target: TargetRegister, params: CancelPendingParams) -> Objection | None:
        return None

    def next_step(
        self, order: OperationSnapshot[CancelPendingParams], answer: bytes | None
    ) -> StepOutcome:
        return Done({})
