"""Put a tips template into a register of platform 5.0."""

import json
from typing import ClassVar

from pydantic import Field

from fleet.accounts.roles import Right
from fleet.operations.types.contract import OperationType, Order, Outcome, Target, Verdict
from fleet.operations.types.template_transfer import (
    FromTemplate,
    Transfer,
    next_step,
    platform_verdict,
)
from fleet.templates.rules import TapeWidth
from protocol.platforms import Platform
from protocol.templates import TemplateKind


class TipsTemplateParams(FromTemplate):
    """What stands on the receipt with the tips, and the tape that it is for."""

    tape_width_mm: TapeWidth
    name: str = Field(min_length=1, max_length=128, description="Name of the template.")
    description: str = Field(default="", max_length=1000, description="What it is for.")
    outlet: str = Field(min_length=1, max_length=128, description="Sales point that takes them.")


class TipsTemplate(OperationType[TipsTemplateParams]):
    """Goes as JSON in UTF-8: name, description, outlet.  The result: its size and SHA-256."""

    kind: ClassVar = "tips_template"
    label_ru: ClassVar = "Загрузка шаблона чаевых"
    label_en: ClassVar = "Tips template upload"
    right: ClassVar = Right.TEMPLATES
    Params = TipsTemplateParams

    def verdict(self, target: Target, params: TipsTemplateParams) -> Verdict | None:
        return platform_verdict(target, Platform.V5_0)

    def next_step(self, order: Order[TipsTemplateParams], answer: bytes | None) -> Outcome:
        params = order.params
        sent = {each: getattr(params, each) for each in ("name", "description", "outlet")}
        content = json.dumps(sent, ensure_ascii=False).encode()
        transfer = Transfer(TemplateKind.TIPS, params.tape_width_mm, content)
        return next_step(transfer, order, answer)
