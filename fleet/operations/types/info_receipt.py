"""Put an info-receipt into a register."""

from typing import ClassVar

from fleet.accounts.roles import Right
from fleet.kit.errors import DomainError
from fleet.operations.errors import TEXT_REFUSED
from fleet.operations.types.contract import OperationType, Order, Outcome, Target, Verdict
from fleet.operations.types.setting_list import not_seen
from fleet.operations.types.template_transfer import FromTemplate, Transfer, next_step
from fleet.templates.rules import Text, encode_text, require_printable
from protocol.templates import ANY_TAPE, TemplateKind


class InfoReceiptParams(FromTemplate):
    """The text to print."""

    text: Text


class InfoReceipt(OperationType[InfoReceiptParams]):
    """CP866 on platform 2.5, UTF-8 on 5.0.  The result: size and SHA-256 of what was sent."""

    kind: ClassVar = "info_receipt"
    label_ru: ClassVar = "Загрузка инфо-чека"
    label_en: ClassVar = "Info-receipt upload"
    right: ClassVar = Right.TEMPLATES
    Params = InfoReceiptParams

    def verdict(self, target: Target, params: InfoReceiptParams) -> Verdict | None:
        if target.platform is None:
            return not_seen(target)
        try:
            require_printable(params.text, target.platform)
        except DomainError as error:
            return Verdict(TEXT_REFUSED, error.params)
        return None

    def next_step(self, order: Order[InfoReceiptParams], answer: bytes | None) -> Outcome:
        content = encode_text(order.params.text, order.platform)
        return next_step(Transfer(TemplateKind.INFO_RECEIPT, ANY_TAPE, content), order, answer)
