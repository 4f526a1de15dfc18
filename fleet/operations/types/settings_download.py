"""Download of settings from a register: a backup, or some of them."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from fleet.accounts.roles import Right
from fleet.kit.input import Input
from fleet.operations.rules import Channel
from fleet.operations.types.contract import (
    Done,
    Failed,
    Objection,
    OperationSnapshot,
    OperationType,
    Send,
    StepOutcome,
    TargetRegister,
)
from fleet.operations.types.setting_list import (
    driver_parameters,
    driver_value,
    find_settings,
    setting_objection,
    unknown_platform_objection,
    without_secrets,
)
from fleet.operations.types.settings_upload import Key
from protocol.kktpc.commands import BY_NAME, CommandFailed, encode_request, parse_answer
from protocol.kktpc.setting_types import Setting, SettingError, SettingValue
from protocol.kktpc.settings import SETTINGS, decode_cell, decode_value
from protocol.platforms import Platform


class SettingsDownloadParams(Input):
    """The settings to read; without a list, all that can be reached."""

    settings: Annotated[list[Key], Field(min_length=1, max_length=400)] | None = Field(
        default=None,
        description="Setting numbers, or on platform 2.5 also cells (Т19Р1П9); all if absent.",
        examples=[["278", "279"]],
    )


class SettingsDownload(OperationType[SettingsDownloadParams]):
    """Operation that reads settings.

    Its result holds ``settings`` (number to value) and ``missing`` (number to result code).
    """

    kind: ClassVar = "settings_download"
    label_ru: ClassVar = "Выгрузка настроек из ККТ"
    label_en: ClassVar = "Settings download"
    right: ClassVar = Right.SETTINGS
    channels: ClassVar = (Channel.CASH_SERVER, Channel.ASSISTANT, Channel.LOCAL)
    Params = SettingsDownloadParams

    def objection(self, target: TargetRegister, params: SettingsDownloadParams) -> Objection | None:
        if target.platform is None:
            return unknown_platform_objection(target)
        try:
            find_settings(target.platform, params.settings or ())
        except SettingError as error:
            return setting_objection(target, error)
        return None

    def next_step(
        self, order: OperationSnapshot[SettingsDownloadParams], answer: bytes | None
    ) -> StepOutcome:
        settings = _chosen(order)
        at: int = order.progress.get("at", 0)
        values = dict(order.progress.get("settings", {}))
        missing = dict(order.progress.get("missing", {}))
        if answer is not None:
            found = _value(settings[at], answer)
            number = str(settings[at].number)
            if isinstance(found, CommandFailed):
                missing[number] = found.code
            else:
                values[number] = found
            at += 1
        if at == len(settings):
            return Done({"settings": values, "missing": missing})
        progress = {"at": at, "settings": values, "missing": missing}
        return Send(_question(settings[at]), progress, 100 * at // len(settings))

    def local_requests(
        self, order: OperationSnapshot[SettingsDownloadParams]
    ) -> list[dict[str, Any]]:
        keys = [setting.number for setting in _chosen(order)]
        return [{"type": "getDeviceParameters", "keys": keys}]

    def local_outcome(
        self, order: OperationSnapshot[SettingsDownloadParams], results: Sequence[Mapping[str, Any]]
    ) -> Done | Failed:
        settings = _chosen(order)
        found = driver_parameters(results[0], [setting.number for setting in settings])
        values: dict[str, SettingValue] = {}
        missing: dict[str, int] = {}
        for setting in settings:
            parameter, number = found[setting.number], str(setting.number)
            if error := parameter.get("errorCode", 0):
                missing[number] = int(error)
            else:
                values[number] = driver_value(setting, parameter["value"])
        return Done({"settings": values, "missing": missing})

    def without_secrets(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return without_secrets(values)


def _chosen(order: OperationSnapshot[SettingsDownloadParams]) -> list[Setting]:
    if order.params.settings is not None:
        return find_settings(order.platform, order.params.settings)
    return [setting for setting in SETTINGS[order.platform].values() if setting.reachable]


def _question(setting: Setting) -> bytes:
    if setting.cell is None:
        return encode_request("read_setting", number=setting.number)
    table, row, field = setting.cell
    return encode_request("read_table", table=table, row=row, field=field)


def _value(setting: Setting, answer: bytes) -> SettingValue | CommandFailed:
    command, layout = (
        ("read_setting", decode_value)
        if setting.platform is Platform.V5_0
        else ("read_table", decode_cell)
    )
    found = parse_answer(BY_NAME[command], answer)
    return found if isinstance(found, CommandFailed) else layout(setting, found["value"])
