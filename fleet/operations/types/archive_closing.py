"""Close the archive of the fiscal drive for good, and keep what was in it to know."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from fleet.accounts.roles import Right
from fleet.kit.input import Input
from fleet.operations.rules import Channel
from fleet.operations.types.contract import (
    Done,
    OperationType,
    Order,
    Outcome,
    Send,
    Target,
    Verdict,
)
from fleet.operations.types.errands import (
    DRIVE_MODE,
    Errand,
    errand,
    in_mode,
    is_committed,
    leave,
    walk,
)
from fleet.operations.types.fiscal_facts import ask, last_document
from fleet.operations.types.setting_list import not_seen
from protocol.platforms import Platform


class ArchiveClosingParams(Input):
    """A yes: what is closed cannot be opened."""

    confirmed: Literal[True] = Field(
        description="true: the archive may be closed for good; nothing is done without it."
    )


class ArchiveClosing(OperationType[ArchiveClosingParams]):
    """The result: the drive's facts ``before`` and ``after``, and the closing ``document``.

    While a shift is open or receipts are unsent the register puts it off and it waits.
    """

    kind: ClassVar = "archive_closing"
    label_ru: ClassVar = "Закрытие архива ФН"
    label_en: ClassVar = "Fiscal drive archive closing"
    right: ClassVar = Right.SETTINGS
    channels: ClassVar = (Channel.CASH_SERVER, Channel.ASSISTANT)
    Params = ArchiveClosingParams

    def verdict(self, target: Target, params: ArchiveClosingParams) -> Verdict | None:
        return not_seen(target)

    def next_step(self, order: Order[ArchiveClosingParams], answer: bytes | None) -> Outcome:
        return walk(_ERRANDS[order.platform], order.progress, answer, Done)

    def is_committed(self, order: Order[ArchiveClosingParams]) -> bool:
        return is_committed(_ERRANDS[order.platform], order.progress)

    def abandon(self, order: Order[ArchiveClosingParams]) -> Send | None:
        return leave(_ERRANDS[order.platform], order.progress)


def _errands(platform: Platform) -> tuple[Errand, ...]:
    close = errand("close_archive", irrevocable=True), last_document()
    return (
        ask("status", "before"),
        ask("exchange", "exchange_before"),
        ask("validity", "validity_before"),
        *(in_mode(DRIVE_MODE, *close) if platform is Platform.V2_5 else close),
        ask("status", "after"),
    )


_ERRANDS: Mapping[Platform, tuple[Errand, ...]] = {each: _errands(each) for each in Platform}
