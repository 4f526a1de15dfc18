"""Registration of a new cash register with the tax service's parameters, through the Assistant.

It follows KKT-PC 3.5: the settings of the OFD, the requisites, then the command A6, which applies
them; the default tax system comes last.  Nothing before A6 changes the fiscal drive, so an
interrupted registration can be ordered again.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from fleet.accounts.roles import Right
from fleet.kit.inn import Inn, PersonInn
from fleet.kit.input import Input
from fleet.kit.validation import describe_pattern
from fleet.operations.rules import Channel
from fleet.operations.types.contract import (
    Done,
    Objection,
    OperationSnapshot,
    OperationType,
    Send,
    StepOutcome,
    TargetRegister,
)
from fleet.operations.types.fiscal_facts import last_document_step, last_registration_step
from fleet.operations.types.setting_list import setting_objection, unknown_platform_objection
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
from fleet.operations.types.tax_system_change import DEFAULT_TAXATION, TaxationType
from protocol.kktpc.setting_types import SettingError, SettingValue
from protocol.kktpc.text import TextError, encode_cp866
from protocol.platforms import Platform
from protocol.telemetry import TAXATION

OFD_HOST, OFD_PORT, OFD_DNS, OFD_CHANNEL = 273, 274, 275, 276
"""Numbers of the settings."""

REGISTRATION: Final = b"\x00"
"""Value of tag 1101: the first registration (KKT-PC 3.5)."""


class FfdVersion(StrEnum):
    """Version of the format of fiscal documents."""

    V1_0 = "1.0"
    V1_05 = "1.05"
    V1_1 = "1.1"
    V1_2 = "1.2"


FFD_CODES: Final[Mapping[FfdVersion, int]] = MappingProxyType(
    {FfdVersion.V1_0: 1, FfdVersion.V1_05: 2, FfdVersion.V1_1: 3, FfdVersion.V1_2: 4}
)
"""Values of tag 1209."""


class OfdChannel(StrEnum):
    """Channel by which the register reaches its OFD (setting 276)."""

    EOU = "eou"
    ETHERNET = "ethernet"
    WIFI = "wifi"
    GSM = "gsm"
    EOT = "eot"
    OS_STACK = "os_stack"


class RegistrationMode(StrEnum):
    """Use that the register is registered for; each is a requisite of its own."""

    AUTOMATIC = "automatic"
    OFFLINE = "offline"
    ENCRYPTION = "encryption"
    INTERNET = "internet"
    SERVICES = "services"
    STRICT_FORMS = "strict_forms"
    LOTTERY = "lottery"
    GAMBLING = "gambling"
    EXCISE = "excise"
    MACHINE_INSTALLATION = "machine_installation"


MODE_TAGS: Final[Mapping[RegistrationMode, int]] = MappingProxyType(
    {
        RegistrationMode.AUTOMATIC: 1001,
        RegistrationMode.OFFLINE: 1002,
        RegistrationMode.ENCRYPTION: 1056,
        RegistrationMode.INTERNET: 1108,
        RegistrationMode.SERVICES: 1109,
        RegistrationMode.STRICT_FORMS: 1110,
        RegistrationMode.LOTTERY: 1126,
        RegistrationMode.GAMBLING: 1193,
        RegistrationMode.EXCISE: 1207,
        RegistrationMode.MACHINE_INSTALLATION: 1221,
    }
)


def _printable(text: str) -> str:
    try:
        encode_cp866(text)
    except TextError:
        raise PydanticCustomError("not_printable", "a register cannot print this") from None
    return text


PrintableLine = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_printable)]
HOST_PATTERN = describe_pattern(
    r"^[A-Za-z0-9.-]{1,63}$",
    "нужен адрес сервера латиницей, без https://, например ofd.example.ru.",
    "the address of a server is needed, in Latin letters and without https://, for example "
    "ofd.example.ru.",
)
Host = Annotated[str, Field(pattern=HOST_PATTERN)]


class OfdParams(Input):
    """The operator that passes fiscal documents to the tax service."""

    name: PrintableLine = Field(description="Name of the OFD.")
    inn: Inn = Field(description="INN of the OFD.")
    host: Host = Field(description="Address of its server.")
    port: int = Field(ge=1, le=65535, description="Port of its server.")
    channel: OfdChannel = Field(description="How the register reaches it.")
    dns: str | None = Field(
        default=None,
        pattern=describe_pattern(
            r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$",
            "нужен IP-адрес, например 192.168.0.1.",
            "must be an IP address, for example 192.168.0.1.",
        ),
        description="DNS server for platform 2.5; absent = as it is.",
    )


class QuickRegistrationParams(Input):
    """Data that the tax service registered; texts as in its registration card."""

    registration_number: str = Field(
        pattern=describe_pattern(
            r"^[0-9]{16}$",
            "нужен РНМ — 16 цифр.",
            "must be a registration number (RNM): 16 digits.",
        ),
        description="Registration number (RNM): 16 digits.",
    )
    inn: Inn = Field(description="INN of the owner.")
    name: PrintableLine = Field(description="Name of the owner.")
    address: PrintableLine = Field(description="Address of payments.")
    place: PrintableLine = Field(description="Place of payments: the name of the shop.")
    taxation_types: Annotated[list[TaxationType], Field(min_length=1, max_length=5)] = Field(
        description="Tax systems of the owner."
    )
    default: TaxationType = Field(description="The system by default: one of those chosen.")
    ffd_version: FfdVersion = Field(description="Format of fiscal documents.")
    modes: list[RegistrationMode] = Field(
        default_factory=list,
        max_length=len(RegistrationMode),
        description="What the register is used for.",
    )
    machine_number: str | None = Field(
        default=None,
        pattern=describe_pattern(
            r"^[0-9A-Za-z-]{1,20}$",
            "нужен номер автомата: от 1 до 20 латинских букв, цифр и дефисов.",
            "the number of the machine is needed: 1 to 20 Latin letters, digits and hyphens.",
        ),
        description="Number of the vending machine; needed with machine_installation.",
        validate_default=True,
    )
    ofd: OfdParams | None = Field(
        default=None,
        description="The OFD; absent only for a register in the mode offline.",
        validate_default=True,
    )
    sender_email: str = Field(
        pattern=describe_pattern(
            r"^[^@\s]{1,64}@[A-Za-z0-9.-]{1,63}$",
            "нужен адрес электронной почты, например kassa@example.ru.",
            "must be an e-mail address, for example kassa@example.ru.",
        ),
        description="The sender of receipts by e-mail.",
    )
    fns_site: Host = Field(default="www.nalog.gov.ru", description="Site of the tax service.")
    cashier_name: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)] = (
        Field(description="Position and name of the person who registers.")
    )
    cashier_inn: PersonInn | None = Field(default=None, description="That person's INN: 12 digits.")

    @field_validator("taxation_types", "modes")
    @classmethod
    def _differ(cls, chosen: list[StrEnum]) -> list[StrEnum]:
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

    @field_validator("machine_number")
    @classmethod
    def _of_a_machine(cls, number: str | None, info: ValidationInfo) -> str | None:
        if number is None and RegistrationMode.MACHINE_INSTALLATION in info.data.get("modes", ()):
            raise PydanticCustomError("missing", "a machine has a number")
        return number

    @field_validator("ofd")
    @classmethod
    def _or_offline(cls, ofd: OfdParams | None, info: ValidationInfo) -> OfdParams | None:
        if ofd is None and RegistrationMode.OFFLINE not in info.data.get(
            "modes", (RegistrationMode.OFFLINE,)
        ):
            raise PydanticCustomError("missing", "only a register without OFD has none")
        return ofd


class QuickRegistration(OperationType[QuickRegistrationParams]):
    """Operation whose result holds the ``registration`` and the last ``document`` with its sign."""

    kind: ClassVar = "quick_registration"
    label_ru: ClassVar = "Быстрая регистрация"
    label_en: ClassVar = "Quick registration"
    right: ClassVar = Right.SETTINGS
    channels: ClassVar = (Channel.ASSISTANT,)
    retryable: ClassVar = False
    """False: it may have failed after the registration, and a second one would be wasted."""
    Params = QuickRegistrationParams

    def objection(
        self, target: TargetRegister, params: QuickRegistrationParams
    ) -> Objection | None:
        if target.platform is None:
            return unknown_platform_objection(target)
        try:
            _settings(target.platform, params)
        except SettingError as error:
            return setting_objection(target, error)
        return None

    def next_step(
        self, order: OperationSnapshot[QuickRegistrationParams], answer: bytes | None
    ) -> StepOutcome:
        return advance(_script(order), order.progress, answer, _finish)

    def is_committed(self, order: OperationSnapshot[QuickRegistrationParams]) -> bool:
        return is_committed(_script(order), order.progress)

    def abandon(self, order: OperationSnapshot[QuickRegistrationParams]) -> Send | None:
        return abandon_script(_script(order), order.progress)


def _script(order: OperationSnapshot[QuickRegistrationParams]) -> tuple[ScriptStep, ...]:
    platform, params = order.platform, order.params
    requisites = tuple(
        script_step("write_requisite", tag=tag, value=value)
        for tag, value in _requisites(params).items()
    )
    fiscalise = (
        script_step("fiscalise", irrevocable=True),
        last_registration_step(),
        last_document_step(),
    )
    default = write_setting(platform, DEFAULT_TAXATION, TAXATION.encode([params.default]))
    errands: tuple[ScriptStep, ...] = ()
    for mode, some in (
        (PROGRAMMING_MODE, _settings(platform, params)),
        (REGISTRATION_MODE, requisites),
        (DRIVE_MODE, fiscalise),
        (PROGRAMMING_MODE, (default,)),
    ):
        errands += in_mode(mode, *some) if some and platform is Platform.V2_5 else some
    return errands


def _settings(platform: Platform, params: QuickRegistrationParams) -> tuple[ScriptStep, ...]:
    """Return the steps that write the settings of the OFD.

    Raise ``SettingError`` for a channel that the platform does not have.
    """
    if params.ofd is None:
        return ()
    channel = list(OfdChannel).index(params.ofd.channel) + 1
    values: dict[int, SettingValue] = {
        OFD_HOST: params.ofd.host,
        OFD_PORT: params.ofd.port,
        OFD_CHANNEL: channel,
    }
    if platform is Platform.V2_5 and params.ofd.dns is not None:
        values[OFD_DNS] = params.ofd.dns
    return tuple(write_setting(platform, number, value) for number, value in values.items())


def _requisites(params: QuickRegistrationParams) -> Mapping[int, bytes]:
    """Return the requisites by FFD tag, in the order of KKT-PC 3.5."""
    values = {
        1101: REGISTRATION,
        1037: params.registration_number.ljust(20).encode("ascii"),
        1018: _inn(params.inn),
        1048: encode_cp866(params.name),
        1009: encode_cp866(params.address),
        1187: encode_cp866(params.place),
        1117: encode_cp866(params.sender_email),
        1060: params.fns_site.encode("ascii"),
        1209: bytes([FFD_CODES[params.ffd_version]]),
        1062: bytes([TAXATION.encode(params.taxation_types)]),
        1057: b"\x00",
        1021: encode_cp866(params.cashier_name),
    }
    values |= {tag: bytes([mode in params.modes]) for mode, tag in MODE_TAGS.items()}
    if params.ofd is not None:
        values |= {1017: _inn(params.ofd.inn), 1046: encode_cp866(params.ofd.name)}
    if params.machine_number is not None:
        values[1036] = params.machine_number.encode("ascii")
    if params.cashier_inn is not None:
        values[1203] = params.cashier_inn.encode("ascii")
    return values


def _inn(text: str) -> bytes:
    return text.ljust(12).encode("ascii")


def _finish(kept: Findings) -> StepOutcome:
    return Done({"registration": kept["registration"], "document": kept["document"]})
