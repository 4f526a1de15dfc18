"""Proofs that licences, keys and the fiscal drive are in a register as an operation says."""

from collections.abc import Mapping
from typing import Any

from protocol.conversation.seal import KeyRing
from protocol.licences import LicenceKind, decode
from protocol.telemetry import TAXATION
from simulator.register.fiscal_drive import Phase
from simulator.register.keys import RegisterKey
from simulator.register.simulated_register import SimulatedRegister
from tests.protocol.licence_issuer import LICENCE_ISSUER, licence_of

FLEET_KEYS = KeyRing({1: bytes(range(32)), 2: bytes(range(32, 64))})
CODE_7, CODE_12 = "0102030405060708", "F1F2F3F4F5F6F7F8"
LICENCE = licence_of("00106900000001", LicenceKind.WEB_DKKT).encode().hex()
"""For whom an order is not told: the server puts each register's own in its place."""

CODES = {
    "kind": "newger_as_printer",
    "codes": [{"number": 7, "code": CODE_7}, {"number": 12, "code": CODE_12}],
}
SIGNED = {"kind": "web_dkkt", "licence": LICENCE}
TAX_SYSTEM = {
    "from_date": "2020-03-02",
    "taxation_types": ["usn_income_outcome", "patent"],
    "default": "patent",
    "cashier_name": "Старший кассир Ёлкина Н. П.",
    "cashier_inn": "230400001250",
}
QUICK = {
    "registration_number": "0000000001012345",
    "inn": "7707083893",
    "name": 'ООО "Ромашка"',
    "address": "Москва, ул. Лесная, 1",
    "place": "Магазин",
    "taxation_types": ["osn", "patent"],
    "default": "patent",
    "ffd_version": "1.05",
    "modes": ["internet", "machine_installation"],
    "machine_number": "17",
    "ofd": {
        "name": "ОФД",
        "inn": "7707083893",
        "host": "ofd.example",
        "port": 7777,
        "channel": "eot",
        "dns": "192.0.2.53",
    },
    "sender_email": "shop@example.org",
    "cashier_name": "Инженер Ёлкина Н. П.",
    "cashier_inn": "230400001250",
}
SEQUENCE = {"commands": ["3f", "45", "9D01"]}
SPARE = {"spare_serial_number": "00106900999999", "mac_address": "02:00:5e:10:00:01"}


def factory_key(register: SimulatedRegister) -> RegisterKey:
    """The key that it was made with."""
    key = FLEET_KEYS.register_key(1, register.serial)
    assert key is not None
    return RegisterKey(1, key)


def holds_codes(register: SimulatedRegister, result: Mapping[str, Any]) -> None:
    assert register.licences == {7: bytes.fromhex(CODE_7), 12: bytes.fromhex(CODE_12)}
    assert result == {"kind": "newger_as_printer", "numbers": [7, 12]}


def holds_licence(register: SimulatedRegister, result: Mapping[str, Any]) -> None:
    assert list(register.licences) == [2]
    held = decode(register.licences[2])
    assert (held.serial_number, held.kind) == (register.serial_number, LicenceKind.WEB_DKKT)
    assert held.is_genuine([LICENCE_ISSUER])
    assert result == {"kind": "web_dkkt"}


def registered_anew(register: SimulatedRegister, result: Mapping[str, Any]) -> None:
    """Once: the drive counts its registrations."""
    drive, before = register.drive, result["before"]
    assert TAXATION.decode(register.taxation_types) == ["usn_income_outcome", "patent"]
    assert register.memory.value(50) == 32
    assert drive.registrations_made == before["registrations_made"] + 1
    assert drive.registrations_left == before["registrations_left"] - 1
    assert result["registration"]["document"] == drive.documents == drive.registered_document
    assert result["registration"]["sign"] == drive.last_sign


def registered(register: SimulatedRegister, result: Mapping[str, Any]) -> None:
    """Once, with what was said and with the settings of the OFD."""
    drive, owner = register.drive, register.owner
    assert (owner.inn, owner.name) == ("7707083893", 'ООО "Ромашка"')
    assert TAXATION.decode(register.taxation_types) == ["osn", "patent"]
    values = {number: register.memory.value(number) for number in (50, 273, 274, 276)}
    assert values == {50: 32, 273: "ofd.example", 274: 7777, 276: 5}
    assert drive.documents == drive.registered_document
    assert result["registration"]["document"] == drive.registered_document
    assert result["document"]["sign"] == drive.last_sign


def asked(register: SimulatedRegister, result: Mapping[str, Any]) -> None:
    names = ["read_state", "read_state_code", "read_version"]
    assert [each["name"] for each in result["answers"]] == names
    assert [each["code"] for each in result["answers"]] == [0, 0, 0]
    assert result["answers"][0]["answer"].startswith("44")


def closed(register: SimulatedRegister, result: Mapping[str, Any]) -> None:
    """Once: one document more than before."""
    drive = register.drive
    assert drive.phase in (Phase.POST_FISCAL, Phase.ARCHIVE_READ)
    assert (result["before"]["phase"], result["before"]["number"]) == ("fiscal", drive.number)
    assert result["after"]["phase"] in ("post_fiscal", "archive_read")
    assert result["document"]["document"] == drive.documents
    assert drive.documents == result["before"]["last_document"] + 1
    assert result["document"]["sign"] == drive.last_sign
    assert result["validity_before"]["valid_until"][:10] == drive.valid_until.date().isoformat()


def keyed_anew(register: SimulatedRegister, result: Mapping[str, Any]) -> None:
    expected = FLEET_KEYS.register_key(2, register.serial)
    assert register.keys.next_key(factory_key(register)) == (2, expected)
    assert result == {"generation": 2}


def paperless(register: SimulatedRegister, result: Mapping[str, Any]) -> None:
    assert not register.prints_receipts
    assert result == {"enabled": False}


def scripted(register: SimulatedRegister, result: Mapping[str, Any]) -> None:
    assert result["driver_version"] == "10.6.0.0"
    assert result["script"] == {
        "methodName": "replaceControlUnit",
        "serialNumber": register.serial_number,
        "spareSerialNumber": "00106900999999",
        "macAddress": "02:00:5E:10:00:01",
    }
    assert register.journal.effects == {}
