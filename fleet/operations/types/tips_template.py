"""Upload of a tips template to a register of platform 5.0."""

import json
from typing import ClassVar

from pydantic import Field

from fleet.accounts.roles import Right
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
from fleet.templates.rules import TapeWidth
from protocol.platforms import Platform
from protocol.templates import TemplateKind


class TipsTemplateUploadParams(FromTemplate):
    """The texts of the receipt with the tips, and the tape that it is for."""

    tape_width_mm: TapeWidth
    name: str = Field(min_length=1, max_length=128, description="Name of the template.")
    description: str = Field(default="", max_length=1000, description="What it is for.")
    outlet: str = Field(min_length=1, max_length=128, description="Sales point that takes them.")


class TipsTemplateUpload(OperationType[TipsTemplateUploadParams]):
    """Operation that uploads a tips template as JSON in UTF-8: name, description, outlet.

    Its result holds the size and SHA-256 of that JSON.
    """

    kind: ClassVar = "tips_template"
    label_ru: ClassVar = "Загрузка шаблона чаевых"
    label_en: ClassVar = "Tips template upload"
    right: ClassVar = Right.TEMPLATES
    Params = TipsTemplateUploadParams

    def objection(
        self, target: TargetRegister, params: TipsTemplateUploadParams
    ) -> Objection | None:
        return platform_objection(target, Platform.V5_0)

    def next_step(
        self, order: OperationSnapshot[TipsTemplateUploadParams], answer: bytes | None
    ) -> StepOutcome:
        params = order.params
        sent = {each: getattr(params, each) for each in ("name", "description", "outlet")}
        content = json.dumps(sent, ensure_ascii=False).encode()
        transfer = TemplateTransfer(TemplateKind.TIPS, params.tape_width_mm, content)
        return next_step(transfer, order, answer)
