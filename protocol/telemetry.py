# ruff: noqa: E501
"""The telemetry block that CHECK_IN carries: one line for each field.

The tables drive everything: the layouts on the wire (construct, and the struct derived from
it), decoding, encoding, the simulator, the Assistant, the register's card, lists, CSV and the
API.

Theory of operation.  A block is a fixed part, whose layout the version in CHECK_IN names, and
a tail.  The fixed part is big-endian; text is CP866 padded with zeros; a moment is seconds
since 1970 UTC, 0 for none.  It is read by one struct call, which is what a check-in can
afford, and for the same reason it cannot grow: one more field would shift all that follow.  So
a released layout is frozen for ever (blocks of it stand in databases), and a new field goes
into the tail, a run of TLVs (tag u16, length u16, value).  A tag with a length lets a reader
step over what it does not know; texts in a fixed order with a length alone would not, and
fixed slots would cost 256 bytes a text in every stored reading.  A tag below 0x8000 is the
requisite's number in the fiscal data format, those above are ours.

Any version may have a tail.  A reader gives a field that did not come its empty value, and
keeps a tag that it does not know, or a value that is not of the field's form, as it came.  A
tail field called like one of the fixed part holds the whole of what the slot there cuts, and
wins.  A version is needed only when the fixed part changes: version 2 is version 1 without the
two slots that cut texts.  A dropped slot has width 0, so places in the unpacked tuple are the
same in every version.

What changes seldom stands first in the fixed part, and is marked in the tail: ``check`` gives
these bytes, and one checksum over them tells whether any of it changed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final

from construct import (
    Bytes,
    GreedyBytes,
    Int8ub,
    Int16sb,
    Int16ub,
    Int32ub,
    Struct,
)

from protocol.errors import LocalError, RemoteError
from protocol.layout import FixedLayout

BLOCK_VERSION: Final = 2
"""The newest: what a register and an Assistant of this release send."""
MAX_TAIL: Final = 4096
"""Bytes of a tail that a check-in may bring: seven times the fields known today, and a block
that still is a small part of a frame (16,383 bytes)."""


OUR_TAGS: Final = 0x8000
"""From here on tags are ours; below they are numbers of requisites (fiscal data format)."""


class Tab(StrEnum):
    """The place of a field on the register's card."""

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
    """One value of a reading."""

    name: str
    codec: Codec
    tab: Tab
    label_ru: str
    label_en: str
    unit_ru: str = ""
    unit_en: str = ""


@dataclass(frozen=True, slots=True)
class TailField:
    """A field of the tail; ``seldom``: it belongs to the profile, whose checksum it changes."""

    tag: int
    seldom: bool
    field: Field

    @property
    def is_requisite(self) -> bool:
        """Tell whether registers hold the value as it is: a text of the fiscal data format."""
        return self.tag < OUR_TAGS and self.field.codec.wire is GreedyBytes

    @property
    def empty(self) -> Any:
        """Return the value of a field that did not come: what zeros mean in its codec."""
        codec = self.field.codec
        return codec.decode(b"" if codec.wire is GreedyBytes else 0)

    def read(self, raw: bytes) -> Any:
        """Return the value of a TLV; raise ``RemoteError`` if it is not of the field's form."""
        codec = self.field.codec
        wire = codec.wire
        return codec.decode(raw if wire is GreedyBytes else _single(wire).unpack(raw)[0])

    def write(self, value: Any) -> bytes:
        """Return the TLV of a value; raise ``LocalError`` for one that does not fit."""
        codec = self.field.codec
        wire, sent = codec.wire, codec.encode(value)
        raw = sent if wire is GreedyBytes else _single(wire).pack(sent)
        return TAIL_HEADER.pack(self.tag, len(raw)) + raw


@cache
def _single(wire: Any) -> FixedLayout:
    return FixedLayout(Struct("value" / wire))


def _from_cp866(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("cp866")


def _to_cp866(value: str, size: int) -> bytes:
    try:
        raw = value.encode("cp866")
    except UnicodeEncodeError as error:
        raise LocalError("text", f"CP866 has no {error.object[error.start]!r}") from None
    if len(raw) > size or b"\0" in raw:
        raise LocalError("text", f"at most {size} characters, without zeros")
    return raw


def _text(size: int) -> Codec:
    def encode(value: str) -> bytes:
        return _to_cp866(value, size).ljust(size, b"\0")

    return Codec(Bytes(size), _from_cp866, encode, {"type": "string", "maxLength": size})


def _cut_text(size: int) -> Codec:
    """Return the codec of a slot for the first characters of a text: the tail has it whole."""
    slot = _text(size)
    return replace(slot, encode=lambda value: slot.encode(value[:size]))


def _tail_text(size: int) -> Codec:
    """Return the codec of a text in the tail, of at most ``size`` characters, not padded."""

    def decode(raw: bytes) -> str:
        if len(raw) > size:
            raise RemoteError("malformed", f"a text of {len(raw)} characters, not {size}")
        return _from_cp866(raw)

    def encode(value: str) -> bytes:
        return _to_cp866(value, size)

    return Codec(GreedyBytes, decode, encode, {"type": "string", "maxLength": size})


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
    Field("owner_name", _cut_text(48), Tab.REGISTRATION, "Наименование владельца", "Owner"),
    Field("address", _cut_text(64), Tab.REGISTRATION, "Адрес расчётов", "Address"),
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

_FIXED: Final = PROFILE_FIELDS + LIVE_FIELDS
_SLOTS: Final = {field.name: field for field in _FIXED}


def _whole(name: str, size: int) -> Field:
    """Return the field that the fixed part cuts, as the tail has it."""
    return replace(_SLOTS[name], codec=_tail_text(size))


SELDOM, OFTEN = True, False

# fmt: off
TAIL_FIELDS: Final = (
    TailField(1048, SELDOM, _whole("owner_name", 256)),
    TailField(1009, SELDOM, _whole("address", 256)),
)
# fmt: on
"""Add a field here; a register sends the TLVs in this order, and no tag ever changes its sense."""

REQUISITES: Final = tuple(each for each in TAIL_FIELDS if each.is_requisite)
"""Tail fields that whoever reads requisites by tag can tell without knowing more of them."""

_TAIL_BY_NAME: Final = {each.field.name: each for each in TAIL_FIELDS}
_TAIL_BY_TAG: Final = {each.tag: each for each in TAIL_FIELDS}
_SELDOM_TAGS: Final = frozenset(each.tag for each in TAIL_FIELDS if each.seldom)
_ABSENT: Final = {name: each.empty for name, each in _TAIL_BY_NAME.items() if name not in _SLOTS}

BY_NAME: Final = _SLOTS | {name: each.field for name, each in _TAIL_BY_NAME.items()}
FIELDS: Final = tuple(BY_NAME.values())
"""Every field of a reading: the fixed part's in their order, then those that only a tail has."""

TAIL_HEADER: Final = FixedLayout(Struct("tag" / Int16ub, "length" / Int16ub))


class Layout(FixedLayout):
    """The fixed part of a released version; who speaks it sends a tail or knows of none."""

    def __init__(self, *, has_tail: bool, dropped: frozenset[str] = frozenset()) -> None:
        super().__init__(_declared(_FIXED, dropped))
        self.profile_size = FixedLayout(_declared(PROFILE_FIELDS, dropped)).size
        self.has_tail = has_tail


def _declared(fields: Iterable[Field], dropped: frozenset[str]) -> Struct:
    nothing = Bytes(0)
    return Struct(*(f.name / (nothing if f.name in dropped else f.codec.wire) for f in fields))


class _Layouts(dict[int, Layout]):
    def __missing__(self, version: int) -> Layout:
        raise RemoteError("version", f"telemetry block of version {version}")


LAYOUTS: Final = _Layouts(
    {
        1: Layout(has_tail=False),
        2: Layout(has_tail=True, dropped=frozenset({"owner_name", "address"})),
    }
)
"""Frozen for ever: databases hold blocks of each (``tests/data/telemetry_blocks.tsv``)."""

BLOCK: Final = LAYOUTS[BLOCK_VERSION]
"""The newest fixed part; ``BLOCK.index`` holds for every version."""


def check(block_version: int, block: bytes) -> tuple[tuple[Any, ...], bytes]:
    """Return the wire values of the fixed part and the profile.

    The values are in the order of the fixed part's table; the profile is the bytes of what
    changes seldom.  Raises ``RemoteError``: ``version`` for a layout we do not know, ``malformed`` for a block
    that is short or whose tail is cut or longer than ``MAX_TAIL``.
    """
    layout = LAYOUTS[block_version]
    values = layout.unpack_prefix(block)
    profile = block[: layout.profile_size]
    if len(block) != layout.size:
        if len(block) - layout.size > MAX_TAIL:
            raise RemoteError("malformed", "the tail is too long")
        for tag, start, end in _spans(block, layout.size):
            if tag in _SELDOM_TAGS:
                profile += block[start:end]
    return values, profile


def _spans(block: bytes, end: int) -> list[tuple[int, int, int]]:
    """Return tag, start and end of every TLV after ``end``, where the fixed part ends."""
    found = []
    while end < len(block):
        start = end
        tag, length = TAIL_HEADER.unpack_prefix(block, start)
        end += TAIL_HEADER.size + length
        found.append((tag, start, end))
    if end > len(block):
        raise RemoteError("malformed", f"the tail is cut: {end - len(block)} bytes are missing")
    return found


def tail(block_version: int, block: bytes) -> list[tuple[int, bytes]]:
    """Return (tag, value) of every TLV after the fixed part; raise ``RemoteError`` if one is cut."""
    spans = _spans(block, LAYOUTS[block_version].size)
    return [(tag, block[start + TAIL_HEADER.size : end]) for tag, start, end in spans]


def decode(block_version: int, block: bytes) -> dict[str, Any]:
    """Return the reading as ``{field name: value}``.

    TLVs that are not known, or not of their field's form, stand under ``tail`` as hex by tag.
    Raises ``RemoteError`` as ``check`` does, except that a stored tail has no limit.
    """
    values = LAYOUTS[block_version].unpack_prefix(block)
    fixed = zip(_FIXED, values, strict=True)
    decoded = {field.name: field.codec.decode(value) for field, value in fixed} | _ABSENT
    strange: dict[str, str] = {}
    for tag, raw in tail(block_version, block):
        try:
            known = _TAIL_BY_TAG[tag]
            decoded[known.field.name] = known.read(raw)
        except (KeyError, RemoteError):
            strange[f"{tag:04x}"] = raw.hex()
    return {**decoded, "tail": strange} if strange else decoded


def excerpt(*names: str) -> Callable[[int, bytes], tuple[Any, ...]]:
    """Return a reader of a few fields of the fixed part that leaves the others undecoded.

    It takes a version and a checked block of it, and returns the values in the order of
    ``names``.
    """
    wanted = tuple((BLOCK.index(name), _SLOTS[name].codec.decode) for name in names)

    def read(block_version: int, block: bytes) -> tuple[Any, ...]:
        values = LAYOUTS[block_version].unpack_prefix(block)
        return tuple(decode(values[place]) for place, decode in wanted)

    return read


def encode(reading: Mapping[str, Any], block_version: int = BLOCK_VERSION) -> bytes:
    """Return the block of a reading in a layout of ``LAYOUTS``.

    The reading has every field of the fixed part; one of the tail that is missing or empty is
    not sent.  Raises ``LocalError`` for what does not fit.
    """
    layout = LAYOUTS[block_version]
    try:
        fixed = layout.pack(*(field.codec.encode(reading[field.name]) for field in _FIXED))
        return fixed + _tail_of(reading) if layout.has_tail else fixed
    except KeyError as error:
        raise LocalError("value", f"the reading has no {error}") from None
    except ValueError as error:
        raise LocalError("value", f"the reading has an unknown word: {error}") from None


def _tail_of(reading: Mapping[str, Any]) -> bytes:
    told = ((each, reading.get(name, each.empty)) for name, each in _TAIL_BY_NAME.items())
    return b"".join(each.write(value) for each, value in told if value != each.empty)


EMPTY: Final = decode(BLOCK_VERSION, bytes(BLOCK.size))
"""A reading that tells nothing: the empty value of every field."""
