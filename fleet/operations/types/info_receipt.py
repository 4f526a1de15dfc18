"""Upload of an info-receipt to a register."""

from typing import ClassVar

from fleet.accounts.roles import Right
from fleet.kit.errors import DomainError
from fleet.operations.errors import TEXT_REFUSED
from fleet.operations.types.contract import (
    Objection,
    OperationSnapshot,
    OperationType,
    StepOutcome,
    TargetRegister,
)
from fleet.operations.types.setting_list import unknown_platform_objection
from fleet.operations.types.template_transfer import FromTemplate, TemplateTransfer, next_step
from fleet.templates.rules import Text, encode_text, require_printable
from protocol.templates import ANY_TAPE, TemplateKind


class InfoReceiptUploadParams(FromTemplate):
    """The text to print."""

    text: Text


class InfoReceiptUpload(OperationType[InfoReceiptUploadParams]):
    """Operation that uploads a text in CP866 (platform 2.5) or UTF-8 (platform 5.0).

    Its result holds the size and SHA-256 of the bytes that were sent.
    """

    kind: ClassVar = "info_receipt"
    label_ru: ClassVar = "Загрузка инфо-чека"
    label_en: ClassVar = "Info-receipt upload"
    right: ClassVar = Right.TEMPLATES
    Params = InfoReceiptUploadParams

    def objection(
        self, target: TargetRegister, params: InfoReceiptUploadParams
    ) -> Objection | None:
        if target.platform is None:
            return unknown_platform_objection(target)
        try:
            require_printable(params.text, target.platform)
        except DomainError as error:
            return Objection(TEXT_REFUSED, error.params)
        return None

    def next_step(
        self, order: OperationSnapshot[InfoReceiptUploadParams], answer: bytes | None
    ) -> StepOutcome:
        content = encode_text(order.params.text, order.platform)
        return next_step(
            TemplateTransfer(TemplateKind.INFO_RECEIPT, ANY_TAPE, content), order, answer
        )
