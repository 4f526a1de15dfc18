"""Settings of both platforms as the driver's parameters: commands 46 and 50, D1 and D0."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from gateway.assistant.driver.translation import (
    ChangeTask,
    CommandAnswer,
    CommandTranslation,
    DriverRequest,
    QueryTasks,
    RegisterFacts,
    answer_failed,
    answer_with,
)
from gateway.assistant.driver.vocabulary import WRONG_VALUE, Body, TaskResult, number, text
from protocol.conversation.messages import StepRefusal
from protocol.errors import ProtocolError
from protocol.fields import Fields
from protocol.kktpc.commands import BY_NAME, encode_failure
from protocol.kktpc.setting_types import Cell, CellForm, Setting, SettingError, SettingValue
from protocol.kktpc.settings import (
    SETTINGS,
    cell_length,
    decode_cell,
    decode_value,
    encode_cell,
    encode_value,
    parse,
    read_back,
)
from protocol.kktpc.text import decode_cp866
from protocol.platforms import Platform

NO_SUCH: Final = 0x93
"""Result code for a wrong field of a table."""

VALUE_FAULT: Final = 13
"""The driver's error for an invalid value."""


def _read_table(fields: Fields, _: RegisterFacts) -> DriverRequest:
    settings = _in_cell(Cell(fields["table"], fields["row"], fields["field"]))
    if not settings:
        return encode_failure(BY_NAME["read_table"], NO_SUCH)
    return _ask("read_table", settings, lambda texts: _cell(settings, texts))


def _read_setting(fields: Fields, _: RegisterFacts) -> DriverRequest:
    setting = SETTINGS[Platform.V5_0].get(fields["number"])
    if setting is None:
        return encode_failure(BY_NAME["read_setting"], NO_SUCH)
    return _ask(
        "read_setting", [setting], lambda texts: encode_value(setting, parse(setting, texts[0]))
    )


def _ask(
    name: str, settings: Sequence[Setting], encode: Callable[[Sequence[str]], bytes]
) -> QueryTasks:
    """Return queries that read parameters and answer with the bytes of their values."""
    keys = [setting.number for setting in settings]

    def then(told: Sequence[TaskResult]) -> CommandAnswer:
        found = _parameters(told[0].result)
        if fault := _fault(found, keys):
            return answer_failed(name, fault)
        try:
            return answer_with(name, value=encode([text(found[key], "value") for key in keys]))
        except SettingError:
            return encode_failure(BY_NAME[name], WRONG_VALUE)

    return QueryTasks(({"type": "getDeviceParameters", "keys": keys},), then)


def _cell(settings: Sequence[Setting], texts: Sequence[str]) -> bytes:
    """Return the whole cell as the register itself would."""
    raw = bytes(cell_length(settings[0]))
    for setting, written in zip(settings, texts, strict=True):
        raw = encode_cell(setting, parse(setting, written), len(raw), raw)
    return read_back(settings[0], raw)


def _write_table(fields: Fields, _: RegisterFacts) -> DriverRequest:
    settings = _in_cell(Cell(fields["table"], fields["row"], fields["field"]))
    if not settings:
        return encode_failure(BY_NAME["write_table"], NO_SUCH)
    return _order("write_table", settings, lambda setting: _of_cell(setting, fields["value"]))


def _write_setting(fields: Fields, _: RegisterFacts) -> DriverRequest:
    setting = SETTINGS[Platform.V5_0].get(fields["number"])
    if setting is None:
        return encode_failure(BY_NAME["write_setting"], NO_SUCH)
    return _order("write_setting", [setting], lambda it: decode_value(it, fields["value"]))


def _order(
    name: str, settings: Sequence[Setting], decode: Callable[[Setting], SettingValue | None]
) -> DriverRequest:
    """Return a change that writes parameters, or a failure for a value that is not allowed."""
    try:
        values = {it.number: (it, decode(it)) for it in settings}
        parameters = [
            {"key": key, "value": _parameter_text(parse(it, value))}
            for key, (it, value) in values.items()
            if value is not None
        ]
    except ProtocolError:
        return encode_failure(BY_NAME[name], WRONG_VALUE)
    if len(parameters) < len(settings):
        return StepRefusal.UNSUPPORTED
    return ChangeTask({"type": "setDeviceParameters", "deviceParameters": parameters})


def _of_cell(setting: Setting, raw: bytes) -> SettingValue | None:
    """Return the value in a cell as a host writes it.

    Return None if the driver cannot write it, such as the path of a cabinet, which it clears
    (KKT-PC 4).
    """
    if setting.form not in (CellForm.TEXT, CellForm.CABINET):
        return decode_cell(setting, raw)
    written, _, rest = raw.partition(b"\0")
    return None if rest.strip(b"\0") else decode_cp866(written)


def _parameter_text(value: SettingValue) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _written(name: str) -> Callable[[TaskResult], CommandAnswer]:
    """Return a function that answers from the parameters' errors: each one has its own."""

    def told(told: TaskResult) -> CommandAnswer:
        found = _parameters(told.result)
        fault = told.code or _fault(found, list(found))
        return answer_failed(name, fault) if fault else answer_with(name)

    return told


def _parameters(result: Body) -> Mapping[int, Body]:
    listed: Any = result.get("deviceParameters")
    each = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return {one["key"]: one for one in each if isinstance(one.get("key"), int)}


def _fault(found: Mapping[int, Body], keys: Sequence[int]) -> int:
    """Return the driver's error for the first parameter that has one or is missing, else 0."""
    faults = (number(found[key], "errorCode") if key in found else VALUE_FAULT for key in keys)
    return next((fault for fault in faults if fault), 0)


@cache
def _cells() -> Mapping[Cell, tuple[Setting, ...]]:
    cells: dict[Cell, tuple[Setting, ...]] = {}
    for setting in SETTINGS[Platform.V2_5].values():
        if setting.cell is not None:
            cells[setting.cell] = (*cells.get(setting.cell, ()), setting)
    return cells


def _in_cell(cell: Cell) -> tuple[Setting, ...]:
    return _cells().get(cell, ())


ROWS_2_5: Final = {
    "read_table": CommandTranslation(_read_table),
    "write_table": CommandTranslation(_write_table, _written("write_table")),
}
ROWS_5_0: Final = {
    "read_setting": CommandTranslation(_read_setting),
    "write_setting": CommandTranslation(_write_setting, _written("write_setting")),
}
