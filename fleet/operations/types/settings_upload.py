"""Upload of settings to a register.

Platform 5.0 takes a setting by its number.  On platform 2.5 a setting is a cell of a table: the
cell is read, changed and written back only if it differs, in programming mode (KKT-PC 3.1), which
is left at the end in every case.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import Field, StrictBool, StrictInt, StrictStr

from fleet.accounts.roles import Right
from fleet.operations.errors import SETTING_REPEATED
from fleet.operations.rules import Channel, StatusCause
from fleet.operations.types.contract import (
    Done,
    Failed,
    Objection,
    OperationSnapshot,
    OperationType,
    Progress,
    Send,
    StepOutcome,
    TargetRegister,
)
from fleet.operations.types.setting_list import (
    driver_parameters,
    driver_text,
    find_settings,
    setting_failed,
    setting_objection,
    unknown_platform_objection,
    without_secrets,
)
from fleet.operations.types.step_script import (
    MAX_RESTARTS,
    PROGRAMMING_MODE,
    SYSTEM_ADMINISTRATOR,
    WRONG_MODE,
)
from fleet.operations.types.template_transfer import FromTemplate, platform_objection
from protocol.errors import RemoteError
from protocol.kktpc.commands import BY_NAME, CommandFailed, encode_request, parse_answer
from protocol.kktpc.setting_types import Cell, Setting, SettingError
from protocol.kktpc.settings import cell_contains, encode_cell, encode_value, find, parse
from protocol.platforms import Platform

Key = Annotated[str, Field(min_length=1, max_length=16)]
Value = StrictBool | StrictInt | Annotated[StrictStr, Field(max_length=300)]


class SettingsUploadParams(FromTemplate):
    """The settings to write, with their values."""

    platform: Platform | None = Field(
        default=None,
        description="Only registers of this platform get it; a template gives it by itself.",
    )

    settings: Annotated[dict[Key, Value], Field(min_length=1, max_length=400)] = Field(
        description="Setting number, or on platform 2.5 also a table cell (Т19Р1П9), to its value.",
        examples=[{"278": "ks.atol.ru", "279": 80}],
    )


class SettingsUpload(OperationType[SettingsUploadParams]):
    """Operation that writes settings: by number on platform 5.0, in table cells on 2.5.

    Its result holds the numbers ``written`` and ``unchanged``.
    """

    kind: ClassVar = "settings_upload"
    label_ru: ClassVar = "Загрузка настроек в ККТ"
    label_en: ClassVar = "Settings upload"
    right: ClassVar = Right.SETTINGS
    channels: ClassVar = (Channel.CASH_SERVER, Channel.ASSISTANT, Channel.LOCAL)
    Params = SettingsUploadParams

    def objection(self, target: TargetRegister, params: SettingsUploadParams) -> Objection | None:
        if target.platform is None:
            return unknown_platform_objection(target)
        if params.platform and (unfit := platform_objection(target, params.platform)):
            return unfit
        try:
            find_settings(target.platform, params.settings)
            for key, value in params.settings.items():
                parse(find(target.platform, key), value)
        except SettingError as error:
            return setting_objection(target, error)
        return _repeated_setting(target.platform, params)

    def next_step(
        self, order: OperationSnapshot[SettingsUploadParams], answer: bytes | None
    ) -> StepOutcome:
        if order.platform is Platform.V5_0:
            return _by_number(order, answer)
        return _by_cell(order, answer)

    def abandon(self, order: OperationSnapshot[SettingsUploadParams]) -> Send | None:
        if order.platform is Platform.V5_0:
            return None
        return Send(encode_request("leave_mode"), order.progress, 100)

    def local_requests(
        self, order: OperationSnapshot[SettingsUploadParams]
    ) -> list[dict[str, Any]]:
        wanted = _settings_to_write(order)
        parameters = [
            {"key": setting.number, "value": driver_text(parse(setting, wanted[setting.number]))}
            for setting in find_settings(order.platform, order.params.settings)
        ]
        return [{"type": "setDeviceParameters", "deviceParameters": parameters}]

    def local_outcome(
        self, order: OperationSnapshot[SettingsUploadParams], results: Sequence[Mapping[str, Any]]
    ) -> Done | Failed:
        numbers = sorted(_settings_to_write(order))
        parameters = driver_parameters(results[0], numbers)
        for number in numbers:
            if error := parameters[number].get("errorCode", 0):
                return Failed(
                    StatusCause.DRIVER_FAILED,
                    {
                        "request": f"setDeviceParameters {number}",
                        "error": int(error),
                        "description": str(parameters[number].get("errorDescription", "")),
                    },
                )
        return Done({"written": numbers, "unchanged": []})

    def without_secrets(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return without_secrets(values)


def _repeated_setting(platform: Platform, params: SettingsUploadParams) -> Objection | None:
    """Object to two spellings of one setting: nobody knows which value is meant."""
    counts = Counter(find(platform, key).number for key in params.settings)
    number, count = counts.most_common(1)[0]
    return Objection(SETTING_REPEATED, {"setting": number}) if count > 1 else None


def _by_number(order: OperationSnapshot[SettingsUploadParams], answer: bytes | None) -> StepOutcome:
    settings = find_settings(order.platform, order.params.settings)
    at: int = order.progress.get("at", 0)
    if answer is not None:
        found = parse_answer(BY_NAME["write_setting"], answer)
        if isinstance(found, CommandFailed):
            return setting_failed(settings[at], found)
        at += 1
    if at == len(settings):
        return Done({"written": [setting.number for setting in settings], "unchanged": []})
    value = encode_value(settings[at], _settings_to_write(order)[settings[at].number])
    command = encode_request("write_setting", number=settings[at].number, value=value)
    return Send(command, {"at": at}, 100 * at // len(settings))


def _settings_to_write(
    order: OperationSnapshot[SettingsUploadParams],
) -> dict[int, bool | int | str]:
    return {find(order.platform, key).number: value for key, value in order.params.settings.items()}


class _CellPosition(NamedTuple):
    """Position of an upload by cells: a phase and the index of the cell."""

    phase: str
    at: int


def _by_cell(order: OperationSnapshot[SettingsUploadParams], answer: bytes | None) -> StepOutcome:
    cells = _cells(order)
    place = _CellPosition(order.progress.get("phase", "start"), order.progress.get("at", 0))
    if answer is None:
        return _enter(order.progress, restarts=0)
    try:
        return _AFTER[place.phase](order, cells, place.at, answer)
    except RemoteError as error:
        return _leave(order.progress, Failed(StatusCause.BAD_ANSWER, {"code": error.code}))
    except SettingError as error:  # the register's cell has another length than the tables
        return _leave(order.progress, Failed(StatusCause.SETTING_UNFIT, {"setting": error.key}))


def _cells(order: OperationSnapshot[SettingsUploadParams]) -> list[tuple[Cell, list[Setting]]]:
    """Return the cells in the order of their first setting; several settings may share one."""
    cells: dict[Cell, list[Setting]] = {}
    for setting in find_settings(order.platform, order.params.settings):
        if setting.cell is not None:
            cells.setdefault(setting.cell, []).append(setting)
    return list(cells.items())


def _enter(progress: Progress, restarts: int) -> Send:
    command = encode_request("enter_mode", mode=PROGRAMMING_MODE, password=SYSTEM_ADMINISTRATOR)
    kept = {"written": progress.get("written", []), "restarts": restarts}
    return Send(command, {**kept, "phase": "enter", "at": 0}, 0)


def _after_enter(order: Any, cells: Any, at: int, answer: bytes) -> StepOutcome:
    found = parse_answer(BY_NAME["enter_mode"], answer)
    if isinstance(found, CommandFailed):
        return Failed(StatusCause.COMMAND_FAILED, {"command": "enter_mode", "code": found.code})
    return _read(order.progress, cells, 0)


def _read(progress: Progress, cells: Any, at: int) -> StepOutcome:
    if at == len(cells):
        return _leave(progress, None)
    cell, _ = cells[at]
    command = encode_request("read_table", table=cell.table, row=cell.row, field=cell.field)
    return Send(command, {**progress, "phase": "read", "at": at}, 100 * at // len(cells))


def _after_read(order: Any, cells: Any, at: int, answer: bytes) -> StepOutcome:
    cell, settings = cells[at]
    found = parse_answer(BY_NAME["read_table"], answer)
    if isinstance(found, CommandFailed):
        return _leave(order.progress, setting_failed(settings[0], found))
    wanted, raw = _settings_to_write(order), found["value"]
    if all(cell_contains(setting, wanted[setting.number], raw) for setting in settings):
        return _read(order.progress, cells, at + 1)
    value = raw
    for setting in settings:
        value = encode_cell(setting, wanted[setting.number], len(raw), value)
    command = encode_request(
        "write_table", table=cell.table, row=cell.row, field=cell.field, value=value
    )
    return Send(command, {**order.progress, "phase": "write"}, 100 * at // len(cells))


def _after_write(order: Any, cells: Any, at: int, answer: bytes) -> StepOutcome:
    _, settings = cells[at]
    progress = order.progress
    found = parse_answer(BY_NAME["write_table"], answer)
    if isinstance(found, CommandFailed):
        if found.code == WRONG_MODE and progress["restarts"] < MAX_RESTARTS:
            return _enter(progress, progress["restarts"] + 1)
        return _leave(progress, setting_failed(settings[0], found))
    written = sorted({*progress["written"], *(setting.number for setting in settings)})
    return _read({**progress, "written": written}, cells, at + 1)


def _leave(progress: Progress, failed: Failed | None) -> Send:
    failure = None if failed is None else {"cause": failed.cause, "detail": dict(failed.detail)}
    kept = {**progress, "phase": "leave", "failure": failure}
    return Send(encode_request("leave_mode"), kept, 99)


def _after_leave(order: Any, cells: Any, at: int, answer: bytes) -> StepOutcome:
    """Return the end of the operation.

    The answer decides nothing: a power cut may have left the mode already.
    """
    failure: Mapping[str, Any] | None = order.progress["failure"]
    if failure is not None:
        return Failed(StatusCause(failure["cause"]), failure["detail"])
    written = order.progress["written"]
    every = sorted(_settings_to_write(order))
    unchanged = [number for number in every if number not in written]
    return Done({"written": written, "unchanged": unchanged})


_AFTER = {
    "enter": _after_enter,
    "read": _after_read,
    "write": _after_write,
    "leave": _after_leave,
}
