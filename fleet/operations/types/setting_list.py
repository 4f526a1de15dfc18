"""What the operations with settings share: finding them, grouping them, telling of failures."""

import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from fleet.operations.errors import PLATFORM_UNKNOWN, SETTING_REFUSED
from fleet.operations.rules import Cause
from fleet.operations.types.contract import Failed, Target, Verdict
from protocol.commands import CommandFailed
from protocol.platforms import Platform
from protocol.setting_types import Setting, SettingError, SettingFault
from protocol.settings import find


def reachable(platform: Platform, keys: Iterable[str]) -> list[Setting]:
    """The settings of these keys by their numbers' order; ``SettingError`` names a bad one."""
    found = {setting.number: setting for setting in (find(platform, key) for key in keys)}
    for setting in found.values():
        if not setting.reachable:
            raise SettingError(SettingFault.UNREACHABLE, setting.number)
    return [found[number] for number in sorted(found)]


def refuse(target: Target, error: SettingError) -> Verdict:
    """The verdict on a register that does not take one of the settings."""
    return Verdict(
        SETTING_REFUSED,
        {
            "platform": target.platform,
            "ru": error.describe("ru"),
            "en": error.describe("en"),
        },
    )


def not_seen(target: Target) -> Verdict | None:
    """A register that has never called has no platform to check settings against."""
    return Verdict(PLATFORM_UNKNOWN) if target.platform is None else None


def setting_failed(setting: Setting, answer: CommandFailed) -> Failed:
    """The register refused a setting."""
    return Failed(Cause.SETTING_FAILED, {"setting": setting.number, "code": answer.code})


def without_secrets(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters or a result whose ``settings`` hide passwords; a key in any spelling counts."""
    settings = values.get("settings")
    if not isinstance(settings, Mapping):
        return dict(values)
    return {
        **values,
        "settings": {key: "•••" if _is_secret(key) else value for key, value in settings.items()},
    }


def _is_secret(key: str) -> bool:
    """Whether the key names a secret setting on any platform."""
    for platform in Platform:
        with contextlib.suppress(SettingError):
            if find(platform, key).secret:
                return True
    return False
