"""Rules of serial numbers, verdicts and presence."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from fleet.kit.errors import Refusal
from fleet.registers.errors import SERIAL_NUMBER_REPEATED, SERIAL_NUMBER_UNFIT

MAX_REGISTERS = 500
"""Serial numbers in one request (ATOL Connect manual)."""

ONLINE_WITHIN = timedelta(minutes=30)
"""Called at least once in this time = online (ATOL Connect manual)."""

_SERIAL_NUMBER = re.compile(r"001[0-9]{11}")


class Presence(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"
    NEVER = "never"
    """Has not called since it was enrolled."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one serial number of a request, as it was typed; no refusal = done."""

    serial_number: str
    refusal: Refusal | None = None


def is_serial_number(text: str) -> bool:
    """Whether a register can be called this."""
    return _SERIAL_NUMBER.fullmatch(text) is not None


def read_serials(typed: Sequence[str]) -> tuple[list[str], list[Verdict]]:
    """The good serial numbers in their order, each once, and a refusal for each of the others.

    A serial number is ``001``, three digits of the model, eight of the register.  Models that
    we do not know are taken: new ones appear.
    """
    good: dict[str, None] = {}
    refused = []
    for text in typed:
        serial = text.strip()
        if not is_serial_number(serial):
            refused.append(Verdict(text, SERIAL_NUMBER_UNFIT))
        elif serial in good:
            refused.append(Verdict(text, SERIAL_NUMBER_REPEATED))
        else:
            good[serial] = None
    return list(good), refused


def model_code(serial_number: str) -> int:
    """ATOL's code of the model, digits 4 to 6 of a good serial number."""
    return int(serial_number[3:6])


def presence(seen_at: datetime | None, now: datetime) -> Presence:
    if seen_at is None:
        return Presence.NEVER
    return Presence.ONLINE if seen_at > now - ONLINE_WITHIN else Presence.OFFLINE


def search_text(parts: Iterable[str]) -> str:
    """Texts of a register as the search sees them: the databases agree on no letter case but ours.

    Words are kept apart by a line end, which nobody types into a search.
    """
    return "\n".join(part for part in parts if part).lower()
