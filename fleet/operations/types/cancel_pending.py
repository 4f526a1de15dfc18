"""Cancel everything that waits for a register."""

from typing import ClassVar

from fleet.accounts.roles import Right
from fleet.kit.input import Input
from fleet.operations.types.contract import Done, OperationType, Order, Outcome, Target, Verdict


class CancelPendingParams(Input):
    """Nothing to choose."""


class CancelPending(OperationType[CancelPendingParams]):
    """Cancels the register's open operations; done by the fleet, the register is not asked.

    An operation whose command has already left is cancelled when its answer comes.
    """

    kind: ClassVar = "cancel_pending"
    label_ru: ClassVar = "Отмена отложенных операций"
    label_en: ClassVar = "Cancel pending operations"
    right: ClassVar = Right.SETTINGS
    on_server: ClassVar = True
    clears_queue: ClassVar = True
    Params = CancelPendingParams

    def verdict(self, target: Target, params: CancelPendingParams) -> Verdict | None:
        return None

    def next_step(self, order: Order[CancelPendingParams], answer: bytes | None) -> Outcome:
        return Done({})
