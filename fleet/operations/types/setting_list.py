"""Common parts of the operations with settings: finding, grouping, and reporting failures."""

import contextlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from fleet.operations.errors import PLATFORM_UNKNOWN, SETTING_REFUSED
from fleet.operations.rules import StatusCause
from fleet.operations.types.contract import Failed, Objection, TargetRegister
from protocol.kktpc.commands import CommandFailed
from protocol.kktpc.setting_types import Setting, SettingError, SettingFault, SettingValue
from protocol.kktpc.settings import find, parse
from protocol.platforms import Platform


def find_settings(platform: Platform, keys: Iterable[str]) -> list[Setting]:
    """Return the settings of these keys by number; raise ``SettingError`` for a bad key."""
    found = {setting.number: setting for setting in (find(platform, key) for key in keys)}
    for setting in found.values():
        if not setting.reachable:
            raise SettingError(SettingFault.UNREACHABLE, setting.number)
    return [found[number] for number in sorted(found)]


def setting_objection(target: TargetRegister, error: SettingError) -> Objection:
    """Return the verdict on a register that does not take one of the settings."""
    return Objection(
        SETTING_REFUSED,
        {
            "platform": target.platform,
            "ru": error.describe("ru"),
            "en": error.describe("en"),
        },
    )


def unknown_platform_objection(target: TargetRegister) -> Objection | None:
    """Object to a register that has never checked in: its platform is unknown."""
    return Objection(PLATFORM_UNKNOWN) if target.platform is None else None


def setting_failed(setting: Setting, answer: CommandFailed) -> Failed:
    """Return the failure of an operation whose setting the register refused."""
    return Failed(StatusCause.SETTING_FAILED, {"setting": setting.number, "code": answer.code})


def driver_text(value: SettingValue) -> str:
    """Return a value as text for the driver's tasks: 1 or 0 for a bool."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def driver_value(setting: Setting, text: object) -> SettingValue:
    """Return a value of the driver's answer; a text that the tables do not allow stays a text.

    Raise ``TypeError`` for a value that is not a text.
    """
    if not isinstance(text, str):
        raise TypeError("the driver's values are texts")
    try:
        return parse(setting, text)
    except SettingError:
        return text


def driver_parameters(
    result: Mapping[str, Any], numbers: Collection[int]
) -> dict[int, Mapping[str, Any]]:
    """Return ``deviceParameters`` of an answer by key.

    Raise ``ValueError`` unless each of the numbers is there exactly once.
    """
    found = {parameter["key"]: parameter for parameter in result["deviceParameters"]}
    if set(found) != set(numbers) or len(found) != len(result["deviceParameters"]):
        raise ValueError("not the parameters that were asked for")
    return found


def without_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters or a result with the passwords in ``settings`` masked, by any spelling."""
    settings = values.get("settings")
    if not isinstance(settings, Mapping):
        return dict(values)
    return {
        **values,
        "settings": {key: "•••" if _is_secret(key) else value for key, value in settings.items()},
    }


def _is_secret(key: str) -> bool:
    """Tell whether the key names a secret setting on any platform."""
    for platform in Platform:
        with contextlib.suppress(SettingError):
            if find(platform, key).secret:
                return True
    return False
