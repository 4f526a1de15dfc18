"""Upload of a partner's own receipt template to a register of platform 2.5."""

from typing import ClassVar

from pydantic import field_validator
from pydantic_core import PydanticCustomError

from fleet.accounts.roles import Right
from fleet.kit.errors import DomainError
from fleet.operations.types.contract import (
    Objection,
    OperationSnapshot,
    OperationType,
    StepOutcome,
    TargetRegister,
)
from fleet.operations.types.template_transfer import (
    FromTemplate,
    TemplateTransfer,
    next_step,
    platform_objection,
)
from fleet.templates.rules import Content, TapeWidth, content_of
from protocol.platforms import Platform
from protocol.templates import TemplateKind


class ReceiptTemplateUploadParams(FromTemplate):
    """The template's file and the tape that it is for."""

    tape_width_mm: TapeWidth
    content: Content

    @field_validator("content")
    @classmethod
    def _is_a_file(cls, content: str) -> str:
        try:
            content_of(content)
        except DomainError:
            raise PydanticCustomError("content", "a file of 1 to 65536 bytes in Base64") from None
        return content


class ReceiptTemplateUpload(OperationType[ReceiptTemplateUploadParams]):
    """Operation whose result holds the size and SHA-256 of the template in use.

    Platform 5.0 has its own templates.
    """

    kind: ClassVar = "receipt_template"
    label_ru: ClassVar = "Установка шаблона чека"
    label_en: ClassVar = "Receipt template upload"
    right: ClassVar = Right.TEMPLATES
    Params = ReceiptTemplateUploadParams

    def objection(
        self, target: TargetRegister, params: ReceiptTemplateUploadParams
    ) -> Objection | None:
        return platform_objection(target, Platform.V2_5)

    def next_step(
        self, order: OperationSnapshot[ReceiptTemplateUploadParams], answer: bytes | None
    ) -> StepOutcome:
        params = order.params
        content = content_of(params.content)
        transfer = TemplateTransfer(TemplateKind.RECEIPT, params.tape_width_mm, content)
        return next_step(transfer, order, answer)
