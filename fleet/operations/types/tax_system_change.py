"""Registration with changed attributes: another tax system.

The requisites are written first (KKT-PC 3.5); they have no effect until the command A6 applies
them.  A register with an open shift or unsent receipts postpones entering the mode, so it waits
unchanged.  The default system is written after A6: before it, receipts would be made under a system
that the register has not been registered with.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from fleet.accounts.roles import Right
from fleet.kit.inn import PersonInn
from fleet.kit.input import YEARS, Input
from fleet.operations.rules import Channel, StatusCause
from fleet.operations.types.contract import (
    Done,
    Failed,
    Objection,
    OperationSnapshot,
    OperationType,
    Send,
    StepOutcome,
    TargetRegister,
)
from fleet.operations.types.fiscal_facts import (
    last_document_step,
    last_registration_step,
    question_step,
)
from fleet.operations.types.setting_list import unknown_platform_objection
from fleet.operations.types.step_script import (
    DRIVE_MODE,
    PROGRAMMING_MODE,
    REGISTRATION_MODE,
    Findings,
    ScriptStep,
    abandon_script,
    advance,
    in_mode,
    is_committed,
    script_step,
    write_setting,
)
from protocol.kktpc.text import TextError, encode_cp866
from protocol.platforms import Platform
from protocol.telemetry import TAXATION

DEFAULT_TAXATION = 50
"""Number of the setting (T2R1F110 on platform 2.5)."""

REASON, TAXATION_TYPES, CASHIER, CASHIER_INN, CHANGES = 1101, 1062, 1021, 1203, 1205
"""FFD tags."""

ATTRIBUTES_CHANGED = b"\x03"
TAXATION_TYPES_CHANGED = (1 << 7).to_bytes(4, "little")

WESTERNMOST = timezone(timedelta(hours=2))
"""Time zone of Kaliningrad: at its midnight a date has begun in all of Russia."""


class TaxationType(StrEnum):
    """Tax system that may be chosen (the former ЕНВД is abolished)."""

    OSN = "osn"
    USN_INCOME = "usn_income"
    USN_INCOME_OUTCOME = "usn_income_outcome"
    ESN = "esn"
    PATENT = "patent"


def _existing_date(day: date) -> date:
    if day.year not in YEARS:
        raise PydanticCustomError("date_range", "the year is outside 2000..2099")
    return day


def _printable(name: str) -> str:
    try:
        encode_cp866(name)
    except TextError:
        raise PydanticCustomError("not_printable", "a register cannot print this") from None
    return name


class TaxSystemChangeParams(Input):
    """The new tax systems and the cashier who answers for the change."""

    from_date: Annotated[date, AfterValidator(_existing_date)] = Field(
        description="The first day of the new systems; the change is not made before it begins."
    )
    taxation_types: Annotated[list[TaxationType], Field(min_length=1, max_length=2)] = Field(
        description="One or two tax systems."
    )
    default: TaxationType = Field(description="The system by default: one of those chosen.")
    cashier_name: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)] = (
        Field(description="Position and name of the cashier.")
    )
    cashier_inn: PersonInn = Field(description="The cashier's INN: 12 digits.")

    @field_validator("taxation_types")
    @classmethod
    def _differ(cls, chosen: list[TaxationType]) -> list[TaxationType]:
        if len(set(chosen)) < len(chosen):
            raise PydanticCustomError("repeated_value", "a value is given twice")
        return chosen

    @field_validator("default")
    @classmethod
    def _among_chosen(cls, default: TaxationType, info: ValidationInfo) -> TaxationType:
        chosen = info.data.get("taxation_types")
        if chosen is not None and default not in chosen:
            expected = ", ".join(chosen)
            raise PydanticCustomError("not_among_chosen", "not chosen", {"expected": expected})
        return default


class TaxSystemChange(OperationType[TaxSystemChangeParams]):
    """Operation that changes the tax systems of a register.

    Its result holds the ``registration`` document, its ``sign`` where it is still known, and the
    drive's registrations made and left ``before``.
    """

    kind: ClassVar = "tax_system_change"
    label_ru: ClassVar = "Изменение СНО"
    label_en: ClassVar = "Tax system change"
    right: ClassVar = Right.SETTINGS
    channels: ClassVar = (Channel.CASH_SERVER, Channel.ASSISTANT)
    retryable: ClassVar = False
    """False: it may have failed after the new registration, and a second one would be wasted."""
    Params = TaxSystemChangeParams

    def objection(self, target: TargetRegister, params: TaxSystemChangeParams) -> Objection | None:
        return unknown_platform_objection(target)

    def earliest_start(self, params: TaxSystemChangeParams) -> datetime:
        return datetime.combine(params.from_date, time(), WESTERNMOST).astimezone(UTC)

    def next_step(
        self, order: OperationSnapshot[TaxSystemChangeParams], answer: bytes | None
    ) -> StepOutcome:
        return advance(_script(order), order.progress, answer, _finish)

    def is_committed(self, order: OperationSnapshot[TaxSystemChangeParams]) -> bool:
        return is_committed(_script(order), order.progress)

    def abandon(self, order: OperationSnapshot[TaxSystemChangeParams]) -> Send | None:
        return abandon_script(_script(order), order.progress)


def _script(order: OperationSnapshot[TaxSystemChangeParams]) -> tuple[ScriptStep, ...]:
    requisites = (
        script_step("write_requisite", tag=tag, value=value)
        for tag, value in _requisites(order.platform, order.params).items()
    )
    fiscalise = (
        script_step("fiscalise", irrevocable=True),
        last_registration_step(),
        last_document_step(),
    )
    default = write_setting(
        order.platform, DEFAULT_TAXATION, TAXATION.encode([order.params.default])
    )
    by_mode: Mapping[int, tuple[ScriptStep, ...]] = {
        REGISTRATION_MODE: tuple(requisites),
        DRIVE_MODE: fiscalise,
        PROGRAMMING_MODE: (default,),
    }
    errands = [question_step("validity", "before", _registrations_left)]
    for mode, some in by_mode.items():
        errands += in_mode(mode, *some) if order.platform is Platform.V2_5 else some
    return tuple(errands)


def _registrations_left(validity: Mapping[str, Any]) -> Failed | None:
    """Return a failure if the drive has no registration left.

    It is checked before any change: the drive would refuse A6 in the middle.
    """
    return None if validity["registrations_left"] else Failed(StatusCause.NO_REGISTRATIONS_LEFT, {})


def _requisites(platform: Platform, params: TaxSystemChangeParams) -> Mapping[int, bytes]:
    """Return the requisites by FFD tag.

    Tag 1205 belongs to later formats than those of platform 2.5.
    """
    changes = {CHANGES: TAXATION_TYPES_CHANGED} if platform is Platform.V5_0 else {}
    return {
        REASON: ATTRIBUTES_CHANGED,
        **changes,
        TAXATION_TYPES: bytes([TAXATION.encode(params.taxation_types)]),
        CASHIER: encode_cp866(params.cashier_name),
        CASHIER_INN: params.cashier_inn.encode("ascii"),
    }


def _finish(kept: Findings) -> StepOutcome:
    """Return the result.

    The sign is that of the last document; it is left out if another document has followed.
    """
    registration, document = kept["registration"], kept["document"]
    sign = document["sign"] if document["document"] == registration["document"] else None
    return Done({"before": kept["before"], "registration": {**registration, "sign": sign}})
