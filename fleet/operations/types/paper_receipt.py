"""Printing receipts on paper, or sending them electronically only."""

from typing import ClassVar

from pydantic import Field, StrictBool

from fleet.accounts.roles import Right
from fleet.kit.input import Input
from fleet.operations.errors import FIRMWARE_TOO_OLD
from fleet.operations.types.contract import (
    Done,
    Objection,
    OperationSnapshot,
    OperationType,
    StepOutcome,
    TargetRegister,
)
from fleet.operations.types.setting_list import unknown_platform_objection
from fleet.operations.types.step_script import advance, script_step
from fleet.operations.types.versions import build_of
from fleet.subscriptions.entitlements import Entitlement
from protocol.platforms import Platform

OLDEST_BUILD = 3689
"""Oldest build of platform 2.5 that can do it (ATOL Connect manual, settings of the printer)."""


class PaperReceiptParams(Input):
    """The choice: print receipts or not."""

    enabled: StrictBool = Field(description="true: receipts are printed; false: they are not.")


class PaperReceipt(OperationType[PaperReceiptParams]):
    """Operation that switches printing; its result repeats ``enabled``."""

    kind: ClassVar = "paper_receipt"
    label_ru: ClassVar = "Включение или отключение печати чеков"
    label_en: ClassVar = "Paper receipts on or off"
    right: ClassVar = Right.SETTINGS
    Params = PaperReceiptParams

    def objection(self, target: TargetRegister, params: PaperReceiptParams) -> Objection | None:
        too_old = build_of(target.firmware_version) < OLDEST_BUILD
        if target.platform is Platform.V2_5 and too_old:
            found = target.firmware_version or "?"
            return Objection(FIRMWARE_TOO_OLD, {"needed": OLDEST_BUILD, "found": found})
        return unknown_platform_objection(target)

    def required_services(self, params: PaperReceiptParams) -> tuple[Entitlement, ...]:
        """Return the service for switching paper off; switching it on needs none."""
        return () if params.enabled else super().required_services(params)

    def next_step(
        self, order: OperationSnapshot[PaperReceiptParams], answer: bytes | None
    ) -> StepOutcome:
        enabled = order.params.enabled
        errands = (script_step("print_receipts", enabled=enabled),)
        return advance(errands, order.progress, answer, lambda _: Done({"enabled": enabled}))
