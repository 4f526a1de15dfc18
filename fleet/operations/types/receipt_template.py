"""Put a receipt template of the partner's own into a register of platform 2.5."""

from typing import ClassVar

from pydantic import field_validator
from pydantic_core import PydanticCustomError

from fleet.accounts.roles import Right
from fleet.kit.errors import DomainError
from fleet.operations.types.contract import OperationType, Order, Outcome, Target, Verdict
from fleet.operations.types.template_transfer import (
    FromTemplate,
    Transfer,
    next_step,
    platform_verdict,
)
from fleet.templates.rules import Content, TapeWidth, content_of
from protocol.platforms import Platform
from protocol.templates import TemplateKind


class ReceiptTemplateParams(FromTemplate):
    """The file and the tape that it is for."""

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


class ReceiptTemplate(OperationType[ReceiptTemplateParams]):
    """The result: size and SHA-256 of the template in use.  Platform 5.0 brings its own."""

    kind: ClassVar = "receipt_template"
    label_ru: ClassVar = "Установка шаблона чека"
    label_en: ClassVar = "Receipt template upload"
    right: ClassVar = Right.TEMPLATES
    Params = ReceiptTemplateParams

    def verdict(self, target: Target, params: ReceiptTemplateParams) -> Verdict | None:
        return platform_verdict(target, Platform.V2_5)

    def next_step(self, order: Order[ReceiptTemplateParams], answer: bytes | None) -> Outcome:
        params = order.params
        content = content_of(params.content)
        transfer = Transfer(TemplateKind.RECEIPT, params.tape_width_mm, content)
        return next_step(transfer, order, answer)
