"""TABLE of the commands that can be translated into tasks of the driver.

A command without a row is answered UNSUPPORTED: firmware, licences to write, templates, keys and
receipts without paper have no task (KKT-PC 6.1).
"""

from collections.abc import Mapping
from typing import Final

from gateway.assistant.driver import queries as web_questions
from gateway.assistant.driver import registration as web_registration
from gateway.assistant.driver import settings as web_settings
from gateway.assistant.driver.translation import (
    ChangeTask,
    CommandTranslation,
    DriverRequest,
    RegisterFacts,
    answer_done,
    answer_with,
    when_drive_is_quiet,
)
from protocol.fields import Fields
from protocol.platforms import Platform

DRIVE_MODE: Final = 6


def _enter_mode(fields: Fields, _: RegisterFacts) -> DriverRequest:
    """Answer at once, because the driver enters modes itself.

    The mode of the fiscal drive is postponed as a register does it.
    """
    entered = answer_with("enter_mode")
    return when_drive_is_quiet(entered) if fields["mode"] == DRIVE_MODE else entered


def _leave_mode(_: Fields, __: RegisterFacts) -> DriverRequest:
    return answer_with("leave_mode")


def _set_clock(fields: Fields, _: RegisterFacts) -> DriverRequest:
    return ChangeTask({"type": "setDateTime", "dateTime": f"{fields['clock']:%Y.%m.%d %H:%M:%S}"})


_BOTH: Final[Mapping[str, CommandTranslation]] = {
    "set_clock": CommandTranslation(_set_clock, answer_done("set_clock")),
    **web_questions.ROWS,
    **web_registration.ROWS,
}
TRANSLATIONS: Final[Mapping[Platform, Mapping[str, CommandTranslation]]] = {
    Platform.V2_5: {
        "enter_mode": CommandTranslation(_enter_mode),
        "leave_mode": CommandTranslation(_leave_mode),
        **web_settings.ROWS_2_5,
        **_BOTH,
    },
    Platform.V5_0: {**web_settings.ROWS_5_0, **_BOTH},
}


def find_translation(name: str, platform: Platform) -> CommandTranslation | None:
    """Return the translation of a command, or None."""
    return TRANSLATIONS[platform].get(name)
