"""Rules of the broker's accounts, and registers in an Assistant's report."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from fleet.assistants.errors import LOGIN_RESERVED
from protocol.conversation.assistant import MAX_REGISTERS, AssistantReport, FoundRegister

MIN_PASSWORD, MAX_PASSWORD = 8, 128
"""Limits of a password's length (ATOL Connect manual)."""

MAX_ASSISTANTS: Final = 1000
"""Greatest number of Assistants of one partner."""

MAX_REGISTERS_EACH: Final = MAX_REGISTERS

ONLINE_WITHIN: Final = timedelta(minutes=15)
"""An Assistant reports every few minutes, so after this time without a report it is offline."""

_RESERVED: Final = re.compile(r"(terminal|gateway|cash-server|admin)([._-].*)?")
"""Logins of registers, of gateways and of the broker's administrators."""


class AssistantPresence(StrEnum):
    """State of an Assistant by the time of its last report."""

    ONLINE = "online"
    OFFLINE = "offline"
    NEVER = "never"


def presence(reported_at: datetime | None, now: datetime) -> AssistantPresence:
    """Return the Assistant's state by the time of its last report."""
    if reported_at is None:
        return AssistantPresence.NEVER
    return (
        AssistantPresence.ONLINE if reported_at > now - ONLINE_WITHIN else AssistantPresence.OFFLINE
    )


def check_login(login: str) -> None:
    """Raise ``LOGIN_RESERVED`` for a login that the server keeps for itself."""
    if _RESERVED.fullmatch(login):
        raise LOGIN_RESERVED(login=login)


def terminal_login(serial_number: str) -> str:
    """Return the login of a register that speaks MQTT itself."""
    return f"terminal-{serial_number}"


def registers_in_report(report: Mapping[str, object] | None) -> dict[str, FoundRegister]:
    """Return the registers of a stored report, by serial number."""
    registers = (report or {}).get("registers")
    if not isinstance(registers, Sequence):
        return {}
    found = [FoundRegister.model_validate(each) for each in registers]
    return {each.serial_number: each for each in found}


def storable_report(report: AssistantReport) -> dict[str, object]:
    """Return the report as JSON to store.

    Its public key is left out: it belongs to one run of the program.
    """
    return report.model_dump(mode="json", exclude={"public_key"})
