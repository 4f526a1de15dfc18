# ruff: noqa: E501
"""The telemetry block that CHECK_IN carries: one line for each field.

The table drives everything: the layout on the wire (construct, and the struct derived from
it), decoding, encoding, the simulator, the register's card, lists, CSV and the API.  The
block is 429 bytes, big-endian; text is CP866 padded with zeros; a moment is seconds since
1970 UTC, 0 for none.  What changes seldom stands first, so that one checksum over
``PROFILE_SIZE`` bytes tells whether any of it changed.

After the block may follow a tail of TLVs (tag u16, length u16, value) with fields that a
newer register knows; unknown tags are kept as they came.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from construct import Bytes, Int8ub, Int16sb, Int16ub, Int32ub, Struct

from protocol.errors import LocalError, RemoteError
from protocol.layout import FixedLayout

BLOCK_VERSION: Final = 1
MAX_TAIL: Final = 1024


class Tab(StrEnum):
    """Where the register's card shows a field."""

    REGISTRATION = "registration"
    OFD = "ofd"
    STATUS = "status"
    SHIFT = "shift"


@dataclass(frozen=True, slots=True)
class Codec:
    """How a wire value becomes a value for people and programs, and back."""

    wire: Any
    decode: Callable[[Any], Any]
    encode: Callable[[Any], Any]
    schema: Mapping[str, Any]
    """JSON Schema of the decoded value."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value of the block."""

    name: str
    codec: Codec
    tab: Tab
    label_ru: str
    label_en: str
    unit_ru: str = ""
    unit_en: str = ""


def _text(size: int) -> Codec:
    def decode(raw: bytes) -> str:
        return raw.split(b"\0", 1)[0].decode("cp866")

    def encode(value: str) -> bytes:
        try:
            raw = value.encode("cp866")
        except UnicodeEncodeError as error:
            raise LocalError("text", f"CP866 has no {error.object[error.start]!r}") from None
        if len(raw) > size or b"\0" in raw:
            raise LocalError("text", f"at most {size} characters, without zeros")
        return raw.ljust(size, b"\0")

    return Codec(Bytes(size), decode, encode, {"type": "string", "maxLength": size})


def _same(value: Any) -> Any:
    return value


def _number(wire: Any, low: int, high: int) -> Codec:
    return Codec(wire, _same, _same, {"type": "integer", "minimum": low, "maximum": high})


def _moment_in(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _moment_out(value: datetime | None) -> int:
    return int(value.timestamp()) if value else 0


def _choice(**codes: int) -> Codec:
    names = {code: name for name, code in codes.items()}

    def decode(code: int) -> str:
        return names.get(code, f"code_{code}")

    def encode(name: str) -> int:
        return codes[name] if name in codes else int(name.removeprefix("code_"))

    return Codec(Int8ub, decode, encode, {"type": "string", "examples": sorted(codes)})


def _flags(**bits: int) -> Codec:
    """Names of the set bits in the order of their numbers; an unnamed bit is ``bit_N``."""
    names = {bit: name for name, bit in bits.items()}

    def decode(mask: int) -> list[str]:
        return [names.get(bit, f"bit_{bit}") for bit in range(8) if mask >> bit & 1]

    def encode(found: list[str]) -> int:
        return sum(1 << _bit(bits, name) for name in set(found))

    items = {"type": "string", "examples": sorted(bits)}
    return Codec(Int8ub, decode, encode, {"type": "array", "items": items})


def _bit(bits: Mapping[str, int], name: str) -> int:
    return bits[name] if name in bits else int(name.removeprefix("bit_"))


U8 = _number(Int8ub, 0, 0xFF)
U16 = _number(Int16ub, 0, 0xFFFF)
S16 = _number(Int16sb, -0x8000, 0x7FFF)
U32 = _number(Int32ub, 0, 0xFFFF_FFFF)
FLAG = Codec(Int8ub, bool, int, {"type": "boolean"})
MOMENT = Codec(
    Int32ub, _moment_in, _moment_out, {"type": ["string", "null"], "format": "date-time"}
)
# FFD 4.1: 1 = 1.0, 2 = 1.05, 3 = 1.1, 4 = 1.2
FFD = _choice(none=0, **{"1.0": 1, "1.05": 2, "1.1": 3, "1.2": 4})
FFD_SET = _flags(**{"1.0": 1, "1.05": 2, "1.1": 3, "1.2": 4})
TAXATION = _flags(
    osn=0, usn_income=1, usn_income_outcome=2, envd=3, esn=4, patent=5
)  # FFD tag 1062
WIRELESS = _flags(wifi=0, bluetooth=1, gsm=2)
# KKT-PC 3.1, command 3F, port
HOST_INTERFACE = _choice(none=0, rs232=1, usb=4, bluetooth=5, ethernet=6, wifi=7)
# KKT-PC 4, table 19 field 4 (setting 276)
CHANNEL = _choice(none=0, eou=1, ethernet=2, wifi=3, gsm=4, eot=5, os_stack=6)
DRIVE_PHASE = _choice(
    setup=0, ready=1, fiscal=3, post_fiscal=7, archive_read=15
)  # fiscal drive life phase
DRIVE_WARNINGS = _flags(
    replace_urgently=0,
    resource_ending=1,
    memory_full=2,
    ofd_timeout=3,
    rejected_by_ofd=4,
    setup_required=5,
    ofd_annulled=6,
    critical_error=7,
)
SHIFT_STATE = _choice(closed=0, open=1, expired=2)
# KKT-PC 3.1, command 45, flags
PRINTER = _flags(
    no_paper=0,
    printer_offline=1,
    mechanical_error=2,
    cutter_error=3,
    overheated=4,
    cover_open=5,
    printer_error=6,
    paper_near_end=7,
)

# fmt: off
PROFILE_FIELDS: Final = (
    Field("firmware_version", _text(16), Tab.STATUS, "Версия прошивки (блок управления)", "Firmware version"),
    Field("configuration_version", _text(12), Tab.STATUS, "Версия конфигурации", "Configuration version"),
    Field("loader_version", _text(12), Tab.STATUS, "Версия загрузчика", "Loader version"),
    Field("templates_version", _text(12), Tab.STATUS, "Версия шаблонов", "Templates version"),
    Field("control_unit_revision", _text(8), Tab.STATUS, "Ревизия блока управления", "Control unit revision"),
    Field("communication_firmware_version", _text(12), Tab.STATUS, "Прошивка коммуникационного модуля", "Communication module firmware"),
    Field("kkt_pc_version", U8, Tab.STATUS, "Версия протокола ККТ-ПК", "KKT-PC protocol version"),
    Field("ffd_supported", FFD_SET, Tab.STATUS, "Поддерживаемые ФФД", "Supported FFD versions"),
    Field("ffd_version", FFD, Tab.STATUS, "Установленная версия ФФД", "Installed FFD version"),
    Field("ffd_update_until", MOMENT, Tab.STATUS, "Конечная дата обновления ФФД", "Last date to update FFD"),
    Field("wireless", WIRELESS, Tab.STATUS, "Беспроводные интерфейсы", "Wireless interfaces"),
    Field("host_interface", HOST_INTERFACE, Tab.STATUS, "Интерфейс связи с ПК", "PC interface"),
    Field("statistics_interface", CHANNEL, Tab.STATUS, "Интерфейс передачи статистики", "Statistics interface"),
    Field("fiscalised", FLAG, Tab.REGISTRATION, "Фискализирована", "Fiscalised"),
    Field("registration_number", _text(16), Tab.REGISTRATION, "РНМ", "Registration number"),
    Field("owner_inn", _text(12), Tab.REGISTRATION, "ИНН владельца", "Owner's INN"),
    Field("owner_name", _text(48), Tab.REGISTRATION, "Наименование владельца", "Owner"),
    Field("address", _text(64), Tab.REGISTRATION, "Адрес расчётов", "Address"),
    Field("taxation_types", TAXATION, Tab.REGISTRATION, "Системы налогообложения", "Taxation types"),
    Field("fiscal_drive_number", _text(16), Tab.REGISTRATION, "Номер ФН", "Fiscal drive number"),
    Field("fiscal_drive_activated_at", MOMENT, Tab.REGISTRATION, "Дата активации ФН", "Fiscal drive activated"),
    Field("fiscal_drive_until", MOMENT, Tab.REGISTRATION, "Дата окончания срока действия ФН", "Fiscal drive valid until"),
    Field("registrations_made", U8, Tab.REGISTRATION, "Выполнено регистраций", "Registrations made"),
    Field("registrations_left", U8, Tab.REGISTRATION, "Осталось перерегистраций", "Re-registrations left"),
    Field("ofd_inn", _text(12), Tab.OFD, "ИНН ОФД", "OFD's INN"),
    Field("ofd_name", _text(32), Tab.OFD, "Наименование ОФД", "OFD"),
    Field("ofd_site", _text(24), Tab.OFD, "Сайт ОФД", "OFD's site"),
    Field("ofd_phone", _text(16), Tab.OFD, "Телефон поддержки ОФД", "OFD's support phone"),
    Field("ofd_host", _text(40), Tab.OFD, "Адрес ОФД", "OFD host"),
    Field("ofd_port", U16, Tab.OFD, "Порт ОФД", "OFD port"),
    Field("ofd_channel", CHANNEL, Tab.OFD, "Интерфейс связи с ОФД", "OFD interface"),
    Field("utc_offset_min", S16, Tab.STATUS, "Смещение от UTC", "Offset from UTC", "мин", "min"),
)

LIVE_FIELDS: Final = (
    Field("reading_number", U32, Tab.STATUS, "Номер показания", "Reading number"),
    Field("clock", MOMENT, Tab.STATUS, "Часы ККТ", "Register's clock"),
    Field("uptime_h", U32, Tab.STATUS, "Отработано часов", "Hours worked", "ч", "h"),
    Field("battery_mv", U16, Tab.STATUS, "Напряжение батареи RTC", "RTC battery", "мВ", "mV"),
    Field("printed_m", U32, Tab.STATUS, "Отпечатано ленты", "Tape printed", "м", "m"),
    Field("cuts", U32, Tab.STATUS, "Количество отрезов", "Cuts"),
    Field("printer", PRINTER, Tab.STATUS, "Состояние принтера", "Printer"),
    Field("hardware_error", U8, Tab.STATUS, "Ошибка оборудования", "Hardware error"),
    Field("documents", U32, Tab.STATUS, "Документов в ФН", "Documents in the fiscal drive"),
    Field("fiscal_drive_phase", DRIVE_PHASE, Tab.REGISTRATION, "Фаза жизни ФН", "Fiscal drive phase"),
    Field("fiscal_drive_warnings", DRIVE_WARNINGS, Tab.REGISTRATION, "Предупреждения ФН", "Fiscal drive warnings"),
    Field("fiscal_drive_error", U8, Tab.REGISTRATION, "Ошибка ФН", "Fiscal drive error"),
    Field("unsent_documents", U16, Tab.REGISTRATION, "Неотправленных чеков", "Unsent documents"),
    Field("first_unsent_at", MOMENT, Tab.REGISTRATION, "Первый неотправленный чек", "First unsent document"),
    Field("ofd_last_contact_at", MOMENT, Tab.OFD, "Последняя связь с ОФД", "Last contact with the OFD"),
    Field("network_error", U8, Tab.OFD, "Ошибка сети", "Network error"),
    Field("ofd_error", U8, Tab.OFD, "Ошибка ОФД", "OFD error"),
    Field("shift_state", SHIFT_STATE, Tab.SHIFT, "Смена", "Shift"),
    Field("shift_number", U16, Tab.SHIFT, "Номер смены", "Shift number"),
    Field("shift_opened_at", MOMENT, Tab.SHIFT, "Смена открыта", "Shift opened"),
)
# fmt: on

FIELDS: Final = PROFILE_FIELDS + LIVE_FIELDS
BY_NAME: Final = {field.name: field for field in FIELDS}

BLOCK: Final = FixedLayout(Struct(*(field.name / field.codec.wire for field in FIELDS)))
PROFILE_SIZE: Final = FixedLayout(
    Struct(*(field.name / field.codec.wire for field in PROFILE_FIELDS))
).size
TAIL_HEADER: Final = FixedLayout(Struct("tag" / Int16ub, "length" / Int16ub))


def check(block_version: int, block: bytes) -> tuple[Any, ...]:
    """Wire values of a block in the order of ``FIELDS``.

    Raises ``RemoteError``: ``version`` for a layout we do not know, ``malformed`` for a block
    that is short or whose tail is broken or longer than ``MAX_TAIL``.
    """
    if block_version != BLOCK_VERSION:
        raise RemoteError("version", f"telemetry block of version {block_version}")
    values = BLOCK.unpack_prefix(block)
    if len(block) != BLOCK.size:
        for _ in tail(block):
            pass
    return values


def tail(block: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, value) of every TLV after the block."""
    if len(block) - BLOCK.size > MAX_TAIL:
        raise RemoteError("malformed", "the tail is too long")
    position = BLOCK.size
    while position < len(block):
        tag, length = TAIL_HEADER.unpack_prefix(block[position:])
        position += TAIL_HEADER.size
        if position + length > len(block):
            raise RemoteError("malformed", "the tail is cut")
        yield tag, block[position : position + length]
        position += length


def decode(block_version: int, block: bytes) -> dict[str, Any]:
    """The block as ``{field name: value}``; tail fields stand under ``tail`` as hex by tag."""
    values = check(block_version, block)
    decoded = {
        field.name: field.codec.decode(value) for field, value in zip(FIELDS, values, strict=True)
    }
    unknown = {f"{tag:04x}": value.hex() for tag, value in tail(block)}
    return {**decoded, "tail": unknown} if unknown else decoded


def encode(reading: Mapping[str, Any]) -> bytes:
    """The block of a complete reading (every field of the table)."""
    try:
        return BLOCK.pack(*(field.codec.encode(reading[field.name]) for field in FIELDS))
    except KeyError as error:
        raise LocalError("value", f"the reading has no {error}") from None
    except ValueError as error:
        raise LocalError("value", f"the reading has an unknown word: {error}") from None
