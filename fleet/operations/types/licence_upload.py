"""Upload of licences to a register, new or restored.

Platform 2.5 takes protection codes (KKT-PC 3.1, commands 6D and 74), which the manufacturer sells;
platform 5.0 takes signed licences, each register the one that was issued for it.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from fleet.accounts.roles import Right
from fleet.kit.input import HEX_PATTERN, Input
from fleet.operations.errors import CODES_NEEDED, LICENCE_NOT_ISSUED
from fleet.operations.rules import Channel, OperationStatus, StatusCause
from fleet.operations.types.contract import (
    DeadlineOutcome,
    Done,
    Failed,
    Objection,
    OperationSnapshot,
    OperationType,
    StepOutcome,
    TargetRegister,
)
from fleet.operations.types.setting_list import unknown_platform_objection
from fleet.operations.types.step_script import ScriptStep, advance, script_step
from protocol.fields import Fields
from protocol.licences import WIRE_CODES, LicenceKind
from protocol.platforms import Platform

Hex = Annotated[str, Field(pattern=HEX_PATTERN)]


class ProtectionCode(Input):
    """A licence of platform 2.5."""

    number: int = Field(ge=1, le=30, description="Number of the protection code.")
    code: Annotated[Hex, Field(min_length=16, max_length=16)] = Field(
        description="The code: 16 hexadecimal digits."
    )


class LicenceUploadParams(Input):
    """Protection codes for platform 2.5; registers of 5.0 get the licences issued for them."""

    kind: LicenceKind = Field(description="What the licence is for.")
    codes: Annotated[list[ProtectionCode], Field(min_length=1, max_length=30)] | None = Field(
        default=None, description="Platform 2.5: protection codes, each number once."
    )
    licence: SkipJsonSchema[Annotated[Hex, Field(max_length=8192)] | None] = Field(
        default=None,
        description="The register's own; filled in by the server, what is sent here is replaced.",
    )

    @field_validator("codes")
    @classmethod
    def _differ(cls, codes: list[ProtectionCode] | None) -> list[ProtectionCode] | None:
        numbers = [each.number for each in codes or ()]
        if len(set(numbers)) < len(numbers):
            raise PydanticCustomError("repeated_value", "a number is given twice")
        return codes


class LicenceUpload(OperationType[LicenceUploadParams]):
    """Operation that writes licences.

    Its result holds ``kind``, and on platform 2.5 the ``numbers`` of the codes that the register
    holds.  It is cancelled when the register has not checked in for half an hour (ATOL Connect
    manual).
    """

    kind: ClassVar = "licence_upload"
    label_ru: ClassVar = "Загрузка лицензий"
    label_en: ClassVar = "Licence upload"
    right: ClassVar = Right.SETTINGS
    channels: ClassVar = (Channel.CASH_SERVER, Channel.ASSISTANT)
    deadline: ClassVar = timedelta(minutes=30)
    deadline_outcome: ClassVar = DeadlineOutcome(OperationStatus.CANCELLED, StatusCause.NOT_CALLED)
    Params = LicenceUploadParams

    def objection(self, target: TargetRegister, params: LicenceUploadParams) -> Objection | None:
        if target.platform is None:
            return unknown_platform_objection(target)
        if target.platform is Platform.V2_5:
            return Objection(CODES_NEEDED) if params.codes is None else None
        return Objection(LICENCE_NOT_ISSUED) if params.licence is None else None

    def next_step(
        self, order: OperationSnapshot[LicenceUploadParams], answer: bytes | None
    ) -> StepOutcome:
        params = order.params
        result: dict[str, Any] = {"kind": params.kind}
        if order.platform is Platform.V5_0:
            kind, licence = WIRE_CODES[params.kind], bytes.fromhex(params.licence or "")
            errands = (script_step("write_licence", kind=kind, licence=licence),)
            return advance(errands, order.progress, answer, lambda _: Done(result))
        codes = params.codes or []
        result["numbers"] = [each.number for each in codes]
        each_twice = tuple(one for code in codes for one in _enter_and_verify(code))
        return advance(each_twice, order.progress, answer, lambda _: Done(result))

    def without_secrets(self, values: Mapping[str, Any]) -> dict[str, Any]:
        shown = dict(values)
        if shown.get("licence"):
            shown["licence"] = "•••"
        if isinstance(shown.get("codes"), list):
            shown["codes"] = [{**each, "code": "•••"} for each in shown["codes"]]
        return shown


def _enter_and_verify(code: ProtectionCode) -> tuple[ScriptStep, ScriptStep]:
    def entered(answer: Fields) -> Mapping[str, Any] | Failed:
        return (
            {}
            if answer["entered"]
            else Failed(StatusCause.LICENCE_NOT_HELD, {"number": code.number})
        )

    enter = script_step("enter_protection_code", number=code.number, code=bytes.fromhex(code.code))
    return enter, script_step("read_protection_code", entered, number=code.number)
