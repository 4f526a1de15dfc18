# ruff: noqa: E501
"""What the Assistant says to people, in Russian and English: one TABLE."""

import locale
import os
from typing import Any, Final

from protocol.kktpc.text import Language

# fmt: off
TEXTS: Final[dict[str, dict[Language, str]]] = {
    "no_file": {"ru": "нет файла {path}", "en": "there is no file {path}"},
    "unreadable": {"ru": "файл {path} не читается: {why}", "en": "the file {path} cannot be read: {why}"},
    "not_toml": {"ru": "{path}: это не TOML: {why}", "en": "{path} is not TOML: {why}"},
    "bad_config": {"ru": "{path}: ошибка в настройках: {why}", "en": "{path}: a mistake in the configuration: {why}"},
    "mistake_missing": {"ru": "нужно указать", "en": "must be told"},
    "mistake_extra_forbidden": {"ru": "такого ключа нет", "en": "there is no such key"},
    "mistake_bool_parsing": {"ru": "true или false", "en": "true or false"},
    "mistake_bool_type": {"ru": "true или false", "en": "true or false"},
    "mistake_string_type": {"ru": "нужен текст в кавычках", "en": "must be text in quotes"},
    "mistake_tuple_type": {"ru": "нужен список в квадратных скобках", "en": "must be a list in square brackets"},
    "mistake_string_pattern_mismatch": {"ru": "не подходит под {pattern}", "en": "does not match {pattern}"},
    "bad_broker": {"ru": "брокер — это mqtts://HOST[:PORT] или mqtt://HOST[:PORT]", "en": "a broker is mqtts://HOST[:PORT] or mqtt://HOST[:PORT]"},
    "bad_web": {"ru": "веб-сервис — это http://HOST:PORT, без пароля", "en": "a web service is http://HOST:PORT, without a password in it"},
    "no_targets": {"ru": "в targets нужно указать, куда кассам можно", "en": "targets must say where registers may go"},
    "open_secret": {"ru": "файл {path} доступен другим; выполните chmod 600", "en": "others may read the file {path}; do chmod 600"},
    "empty_secret": {"ru": "файл {path} пуст", "en": "the file {path} is empty"},
    "config_good": {"ru": "настройки в порядке: {path}", "en": "the configuration is right: {path}"},
    "not_hex": {"ru": "команда {command} — не шестнадцатеричные цифры", "en": "the command {command} is not hex digits"},
    "no_commands": {"ru": "нечего отправлять", "en": "there is nothing to send"},
    "nobody_there": {"ru": "{place}: касса не отвечает ({why})", "en": "{place}: no register answers ({why})"},
    "silent": {"ru": "{place}: за {wait_s} с касса не ответила", "en": "{place}: no register answered within {wait_s} s"},
    "bad_place": {"ru": "{place} — не порт и не HOST:PORT", "en": "{place} is neither a port nor HOST:PORT"},
    "is_5_0": {"ru": "{place}: платформа 5.0; для неё нужен веб-сервис драйвера", "en": "{place}: platform 5.0; it needs the driver's web service"},
    "lost_there": {"ru": "{place}: связь с кассой потеряна ({why})", "en": "{place}: the register is lost ({why})"},
    "no_manifest": {"ru": "{path}: рядом нет описания прошивки {manifest}", "en": "{path}: its manifest {manifest} is not beside it"},
    "bad_image": {"ru": "{path}: прошивка не принята: {why}", "en": "{path}: the firmware is not accepted: {why}"},
    "no_publishers": {"ru": "в настройках нет ключей издателей прошивок (publishers)", "en": "the configuration names no publishers of firmware"},
    "refused": {"ru": "команда не выполнена: {why}", "en": "the command was not done: {why}"},
    "refused_shift_open": {"ru": "открыта смена", "en": "the shift is open"},
    "refused_receipts_unsent": {"ru": "есть документы, не переданные в ОФД", "en": "the OFD has not got every document"},
    "refused_busy": {"ru": "касса занята", "en": "the register is busy"},
    "refused_unsupported": {"ru": "на этой кассе такой команды нет", "en": "this register has no such command"},
    "refused_low_battery": {"ru": "батарея разряжена", "en": "the battery is low"},
    "refused_stale": {"ru": "неизвестно, выполнена ли она раньше; проверьте кассу", "en": "nobody can tell whether it was done before; look at the register"},
    "failed": {"ru": "касса ответила: {why}", "en": "the register answered: {why}"},
    "updated": {"ru": "на кассе прошивка {version}", "en": "the register runs firmware {version}"},
    "not_updated": {"ru": "после перезапуска на кассе прошивка {version}, ожидалась {expected}", "en": "after its restart the register runs {version}, {expected} was expected"},
    "journal_broken": {"ru": "журнал не открывается: {why}", "en": "the journal cannot be opened: {why}"},
    "signed_in": {"ru": "связь с сервером установлена", "en": "signed in to the server"},
    "signed_out": {"ru": "нет связи с сервером: {why}; повтор через {wait_s} с", "en": "no link to the server: {why}; again in {wait_s} s"},
    "found": {"ru": "{place}: касса {serial_number}, платформа {platform}, прошивка {version}", "en": "{place}: register {serial_number}, platform {platform}, firmware {version}"},
    "lost": {"ru": "{place}: касса ушла ({why})", "en": "{place}: the register is gone ({why})"},
    "not_ours": {"ru": "{serial_number}: не закреплена за этим Ассистентом", "en": "{serial_number}: not given to this Assistant"},
    "checked_in": {"ru": "{serial_number}: показания переданы", "en": "{serial_number}: the reading is accepted"},
    "not_checked_in": {"ru": "{serial_number}: разговор не состоялся: {why}", "en": "{serial_number}: the conversation failed: {why}"},
    "step": {"ru": "{serial_number}: операция {operation_id}, шаг {step}: {what}", "en": "{serial_number}: operation {operation_id}, step {step}: {what}"},
    "relaying": {"ru": "{serial_number}: сеть через этот компьютер (EoT)", "en": "{serial_number}: network through this PC (EoT)"},
    "stopped": {"ru": "остановлено", "en": "stopped"},
    "serial_number": {"ru": "Заводской номер", "en": "Serial number"},
    "platform": {"ru": "Платформа", "en": "Platform"},
    "model": {"ru": "Модель", "en": "Model"},
    "firmware": {"ru": "Прошивка", "en": "Firmware"},
    "place": {"ru": "Где", "en": "Place"},
    "state": {"ru": "Состояние", "en": "State"},
    "nothing_found": {"ru": "кассы не найдены", "en": "no register was found"},
}
# fmt: on


_MISTAKES: Final = "mistake_"


def config_mistake(kind: str, said: dict[str, Any], otherwise: str) -> str:
    """What is wrong with a key of the configuration, by pydantic's name for it."""
    name = _MISTAKES + kind
    return text_of(name, **said) if name in TEXTS else otherwise


def language() -> Language:
    """That of the system; Russian unless the system says otherwise."""
    said = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), None)
    if said is None:
        said = locale.getlocale()[0] or "ru"
    return "ru" if said.lower().startswith("ru") else "en"


def text_of(name: str, /, **said: Any) -> str:
    """A sentence of the table in the language of the system."""
    return TEXTS[name][language()].format(**said)


class CommandEnded(Exception):
    """What ends a command of the console: one sentence and exit code 1."""

    def __init__(self, name: str, /, **said: Any) -> None:
        super().__init__(text_of(name, **said))
        self.name = name
