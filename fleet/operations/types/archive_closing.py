"""Closing the archive of the fiscal drive for good, with the drive's facts before and after."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from fleet.accounts.roles import Right
from fleet.kit.input import Input
from fleet.operations.rules import Channel
from fleet.operations.types.contract import (
    Done,
    Objection,
    OperationSnapshot,
    OperationType,
    Send,
    StepOutcome,
    TargetRegister,
)
from fleet.operations.types.fiscal_facts import last_document_step, question_step
from fleet.operations.types.setting_list import unknown_platform_objection
from fleet.operations.types.step_script import (
    DRIVE_MODE,
    ScriptStep,
    abandon_script,
    advance,
    in_mode,
    is_committed,
    script_step,
)
from protocol.platforms import Platform


class ArchiveClosingParams(Input):
    """Confirmation: a closed archive cannot be opened."""

    confirmed: Literal[True] = Field(
        description="true: the archive may be closed for good; nothing is done without it."
    )


class ArchiveClosing(OperationType[ArchiveClosingParams]):
    """Operation that closes the archive of the fiscal drive.

    Its result holds the drive's facts ``before`` and ``after`` and the closing ``document``.  While
    a shift is open or receipts are unsent, the register postpones the step and the operation waits.
    """

    kind: ClassVar = "archive_closing"
    label_ru: ClassVar = "Закрытие архива ФН"
    label_en: ClassVar = "Fiscal drive archive closing"
    right: ClassVar = Right.SETTINGS
    channels: ClassVar = (Channel.CASH_SERVER, Channel.ASSISTANT)
    Params = ArchiveClosingParams

    def objection(self, target: TargetRegister, params: ArchiveClosingParams) -> Objection | None:
        return unknown_platform_objection(target)

    def next_step(
        self, order: OperationSnapshot[ArchiveClosingParams], answer: bytes | None
    ) -> StepOutcome:
        return advance(_SCRIPTS[order.platform], order.progress, answer, Done)

    def is_committed(self, order: OperationSnapshot[ArchiveClosingParams]) -> bool:
        return is_committed(_SCRIPTS[order.platform], order.progress)

    def abandon(self, order: OperationSnapshot[ArchiveClosingParams]) -> Send | None:
        return abandon_script(_SCRIPTS[order.platform], order.progress)


def _script(platform: Platform) -> tuple[ScriptStep, ...]:
    close = script_step("close_archive", irrevocable=True), last_document_step()
    return (
        question_step("status", "before"),
        question_step("exchange", "exchange_before"),
        question_step("validity", "validity_before"),
        *(in_mode(DRIVE_MODE, *close) if platform is Platform.V2_5 else close),
        question_step("status", "after"),
    )


_SCRIPTS: Mapping[Platform, tuple[ScriptStep, ...]] = {each: _script(each) for each in Platform}
