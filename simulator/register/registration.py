"""Handlers that register the fiscal drive again and close its archive (KKT-PC 3.5).

Only platform 2.5 has modes; the rules of the drive are those of ``fiscal_drive``.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final

from protocol.conversation.messages import StepRefusal
from protocol.kktpc.registers import FFD_VERSIONS
from protocol.kktpc.text import decode_cp866, encode_cp866
from protocol.platforms import Platform
from simulator.register.factory_data import OFD, Company, registration_number
from simulator.register.failures import CommandPostponed, Failure, ResultCode
from simulator.register.fiscal_drive import DriveError
from simulator.register.reading import ffd_version
from simulator.register.state import RECEIPT_CM, RegisterState

Fields = dict[str, Any]

REGISTRATION: Final = 1
FISCAL_DRIVE: Final = 6
REASON, TAXATION_TYPES, CASHIER, CASHIER_INN, CHANGES = 1101, 1062, 1021, 1203, 1205
"""Tags of the fiscal data format (FFD)."""

REGISTRATION_NUMBER, OWNER_INN, OWNER_NAME, ADDRESS = 1037, 1018, 1048, 1009
_BYTE: Final = (1,)
_TEXT: Final = range(1, 257)
_LENGTHS: Final[Mapping[int, Collection[int]]] = {
    REASON: _BYTE,
    TAXATION_TYPES: _BYTE,
    CASHIER: range(1, 65),
    CASHIER_INN: (12,),
    CHANGES: (4,),
    REGISTRATION_NUMBER: (20,),
    **dict.fromkeys((OWNER_INN, 1017), (12,)),
    **dict.fromkeys((OWNER_NAME, ADDRESS, 1036, 1046, 1060, 1117, 1187, 1008), _TEXT),
    **dict.fromkeys((1001, 1002, 1055, 1056, 1057, 1108, 1109, 1110, 1126, 1193), _BYTE),
    **dict.fromkeys((1207, 1209, 1212, 1214, 1221, 1222, 1173), _BYTE),
    **dict.fromkeys((1178, 1012), (4,)),
    **dict.fromkeys((1162, 1177, 1179, 1191, 1192, 1197, 1226, 1227, 1228), _TEXT),
}
"""Allowed lengths in bytes of the tags of a registration (KKT-PC 3.5) and of a receipt."""

FFD_CODES: Final = {version: code for code, version in FFD_VERSIONS.items()}
_INN_AT: Final = frozenset({OWNER_INN, 1017})
_CODES: Final = {
    DriveError.WRONG_STATE: ResultCode.DRIVE_STATE,
    DriveError.FAILURE: ResultCode.DRIVE_FAILURE,
    DriveError.LIFE_EXPIRED: ResultCode.DRIVE_EXPIRED,
    DriveError.ARCHIVE_FULL: ResultCode.DRIVE_FULL,
    DriveError.STORAGE_EXHAUSTED: ResultCode.DRIVE_STORAGE,
    DriveError.OFD_WAIT_EXHAUSTED: ResultCode.DRIVE_OFD_WAIT,
}


def require_quiet_drive(register: RegisterState) -> None:
    """Raise ``CommandPostponed`` while a shift is open or documents are unsent."""
    if register.shift_opened_at is not None:
        raise CommandPostponed(ResultCode.SHIFT_OPEN, StepRefusal.SHIFT_OPEN)
    if register.drive.unsent:
        raise CommandPostponed(ResultCode.UNSENT, StepRefusal.RECEIPTS_UNSENT)


def _write_requisite(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    require_mode(register, REGISTRATION)
    if fields["tag"] not in _LENGTHS:
        raise Failure(ResultCode.WRONG_FORMAT)
    if len(fields["value"]) not in _LENGTHS[fields["tag"]]:
        raise Failure(ResultCode.WRONG_LENGTH)
    _require_sense(fields["tag"], fields["value"])
    register.requisites[fields["tag"]] = fields["value"]
    return {}


def _require_sense(tag: int, value: bytes) -> None:
    """Raise ``Failure`` for an unreadable text or for digits of a wrong count.

    An INN has ten or twelve digits, a registration number sixteen; spaces fill the rest.
    """
    digits = value.rstrip(b" ")
    if _LENGTHS[tag] is _TEXT and "\ufffd" in decode_cp866(value):
        raise Failure(ResultCode.WRONG_FORMAT)
    good = digits.isdigit()
    if tag in _INN_AT and not (good and len(digits) in (10, 12)):
        raise Failure(ResultCode.WRONG_FORMAT)
    if tag == REGISTRATION_NUMBER and not (good and len(digits) == 16):
        raise Failure(ResultCode.WRONG_REGISTRATION_NUMBER)


def _fiscalise(register: RegisterState, _: Fields, now: datetime) -> Fields:
    require_mode(register, FISCAL_DRIVE)
    require_quiet_drive(register)
    if not register.requisites.keys() >= {REASON, TAXATION_TYPES}:
        raise Failure(ResultCode.WRONG_FORMAT)
    require_signed(register.drive.register_again(now))
    _printed(register)
    register.taxation_types = register.requisites[TAXATION_TYPES][0]
    register.registered |= register.requisites
    register.owner = _owner(register)
    register.requisites.clear()
    return {}


def _owner(register: RegisterState) -> Company:
    """Return the register's owner after a registration; values not written anew stay."""
    said = register.requisites
    owner = register.owner
    return Company(
        decode_cp866(said[OWNER_NAME]) if OWNER_NAME in said else owner.name,
        said[OWNER_INN].decode("ascii").strip() if OWNER_INN in said else owner.inn,
        decode_cp866(said[ADDRESS]) if ADDRESS in said else owner.address,
    )


def _read_requisite(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    """Return a tag of the last registration in a single block, for no value is longer than one."""
    value = requisites_of(register).get(fields["tag"])
    if value is None or fields["block"]:
        raise Failure(ResultCode.NOTHING_IN_DRIVE)
    head = fields["tag"].to_bytes(2, "little") + len(value).to_bytes(2, "little")
    return {"blocks": 1, "data": head + value}


def requisites_of(register: RegisterState) -> dict[int, bytes]:
    """Return the register's registration by tag.

    Values of later registrations replace those of the factory.
    """
    number = registration_number(
        int(register.serial_number[-8:]), register.owner.inn, register.serial_number
    )
    born: dict[int, bytes] = {
        OWNER_INN: register.owner.inn.ljust(12).encode("ascii"),
        OWNER_NAME: encode_cp866(register.owner.name),
        ADDRESS: encode_cp866(register.owner.address),
        REGISTRATION_NUMBER: number.ljust(20).encode("ascii"),
        TAXATION_TYPES: bytes((register.taxation_types,)),
        1041: register.drive.number.encode("ascii"),
        1013: register.serial_number.encode("ascii"),
        1017: OFD.inn.ljust(12).encode("ascii"),
        1046: encode_cp866(OFD.name),
        1060: b"www.nalog.gov.ru",
        1057: b"\0",
        1002: b"\0",
        1056: b"\0",
        1209: bytes((FFD_CODES[ffd_version(register)],)),
    }
    return born | register.registered


def _close_archive(register: RegisterState, _: Fields, now: datetime) -> Fields:
    require_mode(register, FISCAL_DRIVE)
    require_quiet_drive(register)
    require_signed(register.drive.close_archive(now))
    _printed(register)
    return {}


def require_mode(register: RegisterState, mode: int) -> None:
    """Raise ``Failure`` on platform 2.5 in another mode."""
    if register.platform is Platform.V2_5 and register.mode != mode:
        raise Failure(ResultCode.WRONG_MODE)


def require_signed(error: DriveError) -> None:
    """Raise ``Failure`` with the register's code for the drive's error, if there is one."""
    if error:
        raise Failure(_CODES[error])


def _printed(register: RegisterState) -> None:
    register.printed_cm += RECEIPT_CM
    register.cuts += 1


HANDLERS: Final[Mapping[str, Callable[[RegisterState, Fields, datetime], Fields]]] = {
    "write_requisite": _write_requisite,
    "fiscalise": _fiscalise,
    "close_archive": _close_archive,
    "read_requisite": _read_requisite,
}
"""Handlers of both platforms."""
