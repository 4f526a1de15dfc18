"""The reading that a simulated register reports: every field of the telemetry."""

from datetime import datetime
from typing import Any, Final

from protocol import telemetry
from protocol.kktpc.registers import FFD_VERSIONS
from protocol.kktpc.setting_types import SettingValue
from simulator.register.factory_data import MAKES, OFD, OFD_PHONE, registration_number
from simulator.register.settings_memory import OFD_HOST, OFD_PORT
from simulator.register.state import RegisterState

KKT_PC_VERSION: Final = 3
MAX_UNSENT: Final = 0xFFFF
FFD_TAG: Final = 1209


def reading_of(register: RegisterState, now: datetime) -> dict[str, Any]:
    """Return the reading at ``now``; the register has been advanced to that time."""
    return {
        **_tail(register),
        **_versions(register),
        **_registration(register),
        **_ofd(register, now),
        **_condition(register, now),
        **_drive(register, now),
        **_shift(register, now),
    }


def ffd_version(register: RegisterState) -> str:
    """Return the FFD version of the last registration (tag 1209), else the make's version."""
    chosen = register.registered.get(FFD_TAG, b"\0")[0]
    return FFD_VERSIONS.get(chosen, MAKES[register.platform].ffd_version)


def _versions(register: RegisterState) -> dict[str, Any]:
    make = MAKES[register.platform]
    return {
        "firmware_version": register.loader.firmware,
        "configuration_version": make.configuration,
        "loader_version": make.loader,
        "templates_version": make.templates,
        "control_unit_revision": make.control_unit,
        "communication_firmware_version": make.communication,
        "kkt_pc_version": KKT_PC_VERSION,
        "ffd_supported": list(make.ffd_supported),
        "ffd_version": ffd_version(register),
        "ffd_update_until": None,
        "wireless": list(make.wireless),
        "host_interface": "usb",
    }


def _registration(register: RegisterState) -> dict[str, Any]:
    owner, drive = register.owner, register.drive
    return {
        "fiscalised": True,
        "registration_number": registration_number(
            int(register.serial_number[-8:]), owner.inn, register.serial_number
        ),
        "owner_inn": owner.inn,
        "owner_name": _sayable("owner_name", owner.name),
        "address": _sayable("address", owner.address),
        "taxation_types": telemetry.TAXATION.decode(register.taxation_types),
        "fiscal_drive_number": drive.number,
        "fiscal_drive_activated_at": drive.activated_at,
        "fiscal_drive_until": drive.valid_until,
        "registrations_made": drive.registrations_made,
        "registrations_left": drive.registrations_left,
    }


def _ofd(register: RegisterState, now: datetime) -> dict[str, Any]:
    channel = telemetry.CHANNEL.decode(register.channel)
    return {
        "statistics_interface": channel,
        "ofd_inn": OFD.inn,
        "ofd_name": OFD.name,
        "ofd_site": OFD.address,
        "ofd_phone": OFD_PHONE,
        "ofd_host": _sayable("ofd_host", register.memory.value(OFD_HOST)),
        "ofd_port": register.memory.value(OFD_PORT),
        "ofd_channel": channel,
        "ofd_last_contact_at": register.ofd_last_contact_at,
        "network_error": register.network_error,
        "ofd_error": register.faults.ofd_error,
    }


def _condition(register: RegisterState, now: datetime) -> dict[str, Any]:
    faults = register.faults
    return {
        "reading_number": register.readings,
        "clock": register.local_clock(now),
        "utc_offset_min": register.shop.utc_offset_min,
        "uptime_h": register.uptime_h(now),
        "battery_mv": register.battery_mv
        if faults.low_battery_mv is None
        else faults.low_battery_mv,
        "printed_m": register.printed_cm // 100,
        "cuts": register.cuts,
        "printer": ["no_paper"] if faults.paper_out else [],
        "hardware_error": faults.hardware_error,
    }


def _drive(register: RegisterState, now: datetime) -> dict[str, Any]:
    drive = register.drive
    return {
        "documents": drive.documents,
        "fiscal_drive_phase": drive.phase.value,
        "fiscal_drive_warnings": drive.warnings(now),
        "fiscal_drive_error": int(drive.error(now)),
        "unsent_documents": min(drive.unsent, MAX_UNSENT),
        "first_unsent_at": drive.first_unsent_at,
    }


def _shift(register: RegisterState, now: datetime) -> dict[str, Any]:
    return {
        "shift_state": register.shift_state(now),
        "shift_number": register.shift_number,
        "shift_opened_at": register.shift_opened_at,
    }


def _tail(register: RegisterState) -> dict[str, Any]:
    """Return the tail's fields: requisites as registrations wrote them, the others empty."""
    nothing = {each.field.name: each.empty for each in telemetry.TAIL_FIELDS}
    written = register.registered
    known = (each for each in telemetry.REQUISITES if each.tag in written)
    return nothing | {each.field.name: each.read(written[each.tag]) for each in known}


def _sayable(field: str, text: SettingValue) -> str:
    """Return the text as the telemetry can carry it: shorter, in its characters."""
    length = telemetry.BY_NAME[field].codec.schema["maxLength"]
    return str(text).encode("cp866", "replace").decode("cp866")[:length]
