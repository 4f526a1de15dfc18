"""Handlers for protection codes (2.5), signed licences (5.0), keys and paperless receipts."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from protocol.conversation.seal import KEY_SIZE
from protocol.errors import RemoteError
from protocol.licences import WIRE_CODES, decode
from simulator.register.failures import Failure, ResultCode
from simulator.register.keys import RegisterKey
from simulator.register.state import RegisterState

Fields = dict[str, Any]
CommandHandler = Callable[[RegisterState, Fields, datetime], Fields]

CODES: Final = range(1, 31)
CODE: Final = 8


def _enter_protection_code(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    if fields["number"] not in CODES or fields["code"] == bytes(CODE):
        raise Failure(ResultCode.WRONG_LICENCE)
    register.licences[fields["number"]] = fields["code"]
    return {}


def _read_protection_code(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    return {"entered": fields["number"] in register.licences}


def _write_licence(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    if not _is_for(register, fields["kind"], fields["licence"]):
        raise Failure(ResultCode.WRONG_LICENCE)
    register.licences[fields["kind"]] = fields["licence"]
    return {}


def _is_for(register: RegisterState, kind: int, content: bytes) -> bool:
    """Tell whether the licence is for this register and kind and is signed by a known issuer."""
    try:
        licence = decode(content)
    except RemoteError:
        return False
    own = licence.serial_number == register.serial_number and WIRE_CODES[licence.kind] == kind
    return own and licence.is_genuine(register.licence_issuers)


def _rotate_key(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    if len(fields["key"]) != KEY_SIZE:
        raise Failure(ResultCode.WRONG_LENGTH)
    register.keys.candidate = RegisterKey(fields["generation"], fields["key"])
    return {}


def _print_receipts(register: RegisterState, fields: Fields, _: datetime) -> Fields:
    register.prints_receipts = fields["enabled"]
    return {}


_BOTH: Final[Mapping[str, CommandHandler]] = {
    "rotate_key": _rotate_key,
    "print_receipts": _print_receipts,
}
HANDLERS_2_5: Final[Mapping[str, CommandHandler]] = {
    **_BOTH,
    "enter_protection_code": _enter_protection_code,
    "read_protection_code": _read_protection_code,
}
HANDLERS_5_0: Final[Mapping[str, CommandHandler]] = {**_BOTH, "write_licence": _write_licence}
