"""Replacement of a control unit: the spare unit gets the serial number of the replaced one.

The spare is not in the field yet: a person runs the script with the register's driver (v10) on a
PC.  So the server's part ends with the script, and the operation succeeds with it.  The replacement
shows when the register checks in again under its old serial number.  The manual also checks
accreditation by region and model; those facts are not known here.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, field_validator

from fleet.accounts.roles import Right
from fleet.kit.input import Input, SerialText
from fleet.kit.validation import describe_pattern
from fleet.operations.errors import FIRMWARE_TOO_OLD, SPARE_SAME, SPARE_UNFIT, SYSTEM_TOO_OLD
from fleet.operations.types.contract import (
    Done,
    Objection,
    OperationSnapshot,
    OperationType,
    StepOutcome,
    TargetRegister,
)
from fleet.operations.types.setting_list import unknown_platform_objection
from fleet.operations.types.versions import numbers_of
from protocol.models import model_of_serial

OLDEST_FIRMWARE = "5.4.0"
OLDEST_DRIVER = "10.6.0.0"
OLDEST_OF_MODEL = {86: "5.6.0", 90: "5.6.0", 91: "5.6.0"}
"""Oldest firmware of the Sigma terminals, by model code (ATOL Connect manual)."""

OLDEST_SYSTEM = {90: ("1.4.1", 1566901215), 91: ("1.3.1", 1579870908)}
"""Oldest operating system of Sigma 7 and 8: version and build (ATOL Connect manual)."""


class ControlUnitReplacementParams(Input):
    """The spare control unit."""

    spare_serial_number: SerialText = Field(
        description="Serial number of the spare control unit, of the same model: 14 digits."
    )
    mac_address: str | None = Field(
        default=None,
        pattern=describe_pattern(
            r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$",
            "нужен MAC-адрес, например 02:00:5E:10:00:01.",
            "must be a MAC address, for example 02:00:5E:10:00:01.",
        ),
        description="A new MAC address, if it is to change: 02:00:5E:10:00:01.",
    )
    system_version: str | None = Field(
        default=None,
        pattern=describe_pattern(
            r"^[0-9]{1,3}(\.[0-9]{1,3}){1,3}$",
            "нужна версия системы: от 2 до 4 чисел через точку, как на экране кассы.",
            "the version of the system is needed: 2 to 4 numbers with dots between, as the screen "
            "shows it.",
        ),
        description="Sigma 7 and 8: version of the operating system, as its screen shows it.",
    )

    @field_validator("mac_address")
    @classmethod
    def _capital(cls, address: str | None) -> str | None:
        return address and address.upper()


class ControlUnitReplacement(OperationType[ControlUnitReplacementParams]):
    """Operation that makes the script; its result holds ``driver_version`` and ``script``."""

    kind: ClassVar = "control_unit_replacement"
    label_ru: ClassVar = "Замена БУ"
    label_en: ClassVar = "Control unit replacement"
    right: ClassVar = Right.SETTINGS
    on_server: ClassVar = True
    one_register_only: ClassVar = True
    Params = ControlUnitReplacementParams

    def objection(
        self, target: TargetRegister, params: ControlUnitReplacementParams
    ) -> Objection | None:
        return (
            unknown_platform_objection(target)
            or _spare(target, params)
            or _versions(target, params)
        )

    def next_step(
        self, order: OperationSnapshot[ControlUnitReplacementParams], answer: bytes | None
    ) -> StepOutcome:
        return Done({})

    def server_result(
        self, serial_number: str, params: ControlUnitReplacementParams
    ) -> Mapping[str, Any]:
        return {"driver_version": OLDEST_DRIVER, "script": _script(serial_number, params)}


def _spare(target: TargetRegister, params: ControlUnitReplacementParams) -> Objection | None:
    spare = params.spare_serial_number
    if spare == target.serial_number:
        return Objection(SPARE_SAME)
    model = model_of_serial(spare)
    if model is None or model.code != target.model:
        return Objection(SPARE_UNFIT, {"spare": spare})
    return None


def _versions(target: TargetRegister, params: ControlUnitReplacementParams) -> Objection | None:
    oldest = OLDEST_OF_MODEL.get(target.model or 0, OLDEST_FIRMWARE)
    if numbers_of(target.firmware_version) < numbers_of(oldest):
        found = target.firmware_version or "?"
        return Objection(FIRMWARE_TOO_OLD, {"needed": oldest, "found": found})
    if target.model not in OLDEST_SYSTEM:
        return None
    version, build = OLDEST_SYSTEM[target.model]
    if numbers_of(params.system_version or "") < numbers_of(version):
        return Objection(SYSTEM_TOO_OLD, {"needed": version, "build": build})
    return None


def _script(serial_number: str, params: ControlUnitReplacementParams) -> dict[str, Any]:
    """Return the script for ``libfptr_exec_driver_script``.

    Only the field ``methodName`` of its format is public (the driver's error 501 names it); the
    other fields are our own.
    """
    mac_address = {"macAddress": params.mac_address} if params.mac_address else {}
    return {
        "methodName": "replaceControlUnit",
        "serialNumber": serial_number,
        "spareSerialNumber": params.spare_serial_number,
        **mac_address,
    }
