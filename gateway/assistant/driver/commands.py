"""TABLE of the commands of the wire that the driver's vocabulary can say.

A command without a row is answered UNSUPPORTED: firmware, licences to be written, templates,
keys and receipts without paper have no task (KKT-PC 6.1).
"""

from collections.abc import Mapping
from typing import Final

from gateway.assistant.driver import questions as web_questions
from gateway.assistant.driver import registration as web_registration
from gateway.assistant.driver import settings as web_settings
from gateway.assistant.driver.moves import Known, Move, Order, Row, answer, done, when_quiet
from protocol.fields import Fields
from protocol.platforms import Platform

DRIVE_MODE: Final = 6


def _enter_mode(fields: Fields, _: Known) -> Move:
    """The driver enters modes by itself.  That of the drive is put off as a register does it."""
    entered = answer("enter_mode")
    return when_quiet(entered) if fields["mode"] == DRIVE_MODE else entered


def _leave_mode(_: Fields, __: Known) -> Move:
    return answer("leave_mode")


def _set_clock(fields: Fields, _: Known) -> Move:
    return Order({"type": "setDateTime", "dateTime": f"{fields['clock']:%Y.%m.%d %H:%M:%S}"})


_BOTH: Final[Mapping[str, Row]] = {
    "set_clock": Row(_set_clock, done("set_clock")),
    **web_questions.ROWS,
    **web_registration.ROWS,
}
ROWS: Final[Mapping[Platform, Mapping[str, Row]]] = {
    Platform.V2_5: {
        "enter_mode": Row(_enter_mode),
        "leave_mode": Row(_leave_mode),
        **web_settings.ROWS_2_5,
        **_BOTH,
    },
    Platform.V5_0: {**web_settings.ROWS_5_0, **_BOTH},
}


def row_of(name: str, platform: Platform) -> Row | None:
    """How a command is said, or ``None``."""
    return ROWS[platform].get(name)
