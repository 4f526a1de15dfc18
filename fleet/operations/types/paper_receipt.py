"""Print receipts on paper, or send them electronically only."""

from typing import ClassVar

from pydantic import Field, StrictBool

from fleet.accounts.roles import Right
from fleet.kit.input import Input
from fleet.operations.errors import FIRMWARE_TOO_OLD
from fleet.operations.types.contract import (
    Done,
    OperationType,
    Order,
    Outcome,
    Target,
    Verdict,
)
from fleet.operations.types.errands import errand, walk
from fleet.operations.types.setting_list import not_seen
from fleet.operations.types.versions import build_of
from fleet.subscriptions.entitlements import Entitlement
from protocol.platforms import Platform

OLDEST_BUILD = 3689
"""Of platform 2.5 (ATOL Connect manual, settings of the printer)."""


class PaperReceiptParams(Input):
    """Whether receipts are printed."""

    enabled: StrictBool = Field(description="true: receipts are printed; false: they are not.")


class PaperReceipt(OperationType[PaperReceiptParams]):
    """The result repeats ``enabled``."""

    kind: ClassVar = "paper_receipt"
    label_ru: ClassVar = "Включение или отключение печати чеков"
    label_en: ClassVar = "Paper receipts on or off"
    right: ClassVar = Right.SETTINGS
    Params = PaperReceiptParams

    def verdict(self, target: Target, params: PaperReceiptParams) -> Verdict | None:
        too_old = build_of(target.firmware_version) < OLDEST_BUILD
        if target.platform is Platform.V2_5 and too_old:
            found = target.firmware_version or "?"
            return Verdict(FIRMWARE_TOO_OLD, {"needed": OLDEST_BUILD, "found": found})
        return not_seen(target)

    def needs(self, params: PaperReceiptParams) -> tuple[Entitlement, ...]:
        """What is sold is that paper is off."""
        return () if params.enabled else super().needs(params)

    def next_step(self, order: Order[PaperReceiptParams], answer: bytes | None) -> Outcome:
        enabled = order.params.enabled
        errands = (errand("print_receipts", enabled=enabled),)
        return walk(errands, order.progress, answer, lambda _: Done({"enabled": enabled}))
