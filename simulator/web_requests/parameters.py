"""Settings by number, as the driver reads and writes them: values are texts."""

from collections.abc import Callable
from functools import partial
from typing import Any

from protocol.errors import ProtocolError
from protocol.kktpc.setting_types import CellForm, Setting, SettingError, SettingValue
from protocol.kktpc.settings import SETTINGS, cell_length, encode_cell, encode_value, parse
from protocol.platforms import Platform
from simulator.register.failures import Failure
from simulator.register.settings_memory import Tables
from simulator.web_requests import failures
from simulator.web_requests.body import Body, objects, required
from simulator.web_requests.failures import DriverFailure
from simulator.web_requests.served_register import TaskContext


def read_all(point: TaskContext, body: Body) -> dict[str, Any]:
    """Return the values of ``keys``; an unreadable key has an error instead of a value."""
    keys = required(body, "keys", list)
    if not keys or not all(type(key) is int for key in keys):
        raise DriverFailure(failures.UNREADABLE, 'Некорректное значение поля "keys"')
    return {"deviceParameters": [_each(key, partial(read, point, key)) for key in keys]}


def write_all(point: TaskContext, body: Body) -> dict[str, Any]:
    """Write each setting by itself: an invalid value does not affect the others."""
    pairs = objects(body, "deviceParameters")
    wanted = [(required(pair, "key", int), required(pair, "value", str)) for pair in pairs]
    return {
        "deviceParameters": [_each(key, partial(write, point, key, value)) for key, value in wanted]
    }


def _each(key: int, done: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"key": key, "value": done()}
    except DriverFailure as failure:
        return {"key": key, "errorCode": failure.code, "errorDescription": failure.description}


def read(point: TaskContext, number: int) -> str:
    """Return the value as text: 1 or 0 for a bool, only the host of a cabinet (KKT-PC 4)."""
    setting = _setting(point, number)
    return _text(setting, point.register.memory.value(number))


def write(point: TaskContext, number: int, text: str) -> str:
    """Store the value and return it as text.

    A cabinet address on 2.5 loses its path, as it does under the driver (KKT-PC 4).
    """
    setting, memory = _setting(point, number), point.register.memory
    try:
        value = parse(setting, text)
        if isinstance(memory, Tables):
            _write_cell(memory, setting, value)
        else:
            memory.write(number, encode_value(setting, value))
    except (Failure, ProtocolError, SettingError):
        raise DriverFailure(failures.WRONG_VALUE) from None
    return _text(setting, value)


def _write_cell(memory: Tables, setting: Setting, value: SettingValue) -> None:
    if setting.cell is None:
        raise DriverFailure(failures.UNSUPPORTED)
    current = memory.read(setting.cell) if setting.form is CellForm.BIT else b""
    memory.write(setting.cell, encode_cell(setting, value, cell_length(setting), current))


def _setting(point: TaskContext, number: int) -> Setting:
    setting = SETTINGS[point.register.platform].get(number)
    if setting is None:
        raise DriverFailure(failures.WRONG_VALUE)
    if not setting.reachable:
        raise DriverFailure(failures.UNSUPPORTED)
    return setting


def _text(setting: Setting, value: SettingValue) -> str:
    if setting.form is CellForm.CABINET and setting.platform is Platform.V2_5:
        return str(value).partition("/")[0]
    return str(int(value)) if isinstance(value, bool) else str(value)
