# ruff: noqa: E501
"""TABLE of the Assistant's texts for people, in Russian and English."""

import locale
import os
from typing import Any, Final

from gateway.assistant.reasons import in_russian
from protocol.kktpc.command_names import name_of
from protocol.kktpc.text import Language

# fmt: off
TEXTS: Final[dict[str, dict[Language, str]]] = {
    "help": {"ru": "Ассистент: программа на компьютере магазина.", "en": "The Assistant: the program on the shop's PC."},
    "help_run": {"ru": "Работать до Ctrl-C: найти кассы, войти на сервер и обслуживать их.", "en": "Work until Ctrl-C: find registers, sign in to the server and serve them."},
    "help_list": {"ru": "Показать подключённые кассы.", "en": "Show the connected registers."},
    "help_update": {"ru": "Обновить прошивку кассы, подключённой к этому компьютеру.", "en": "Update the firmware of a register connected to this PC."},
    "help_send": {"ru": "Отправить команды KKT-PC и расшифровать ответы.", "en": "Send KKT-PC commands and explain the answers."},
    "help_check_config": {"ru": "Проверить настройки и файлы, которые в них указаны.", "en": "Check the configuration and the files that it names."},
    "help_config_example": {"ru": "Вывести пример настроек с пояснениями.", "en": "Print an example configuration with explanations."},
    "help_config": {"ru": "файл настроек (TOML)", "en": "the configuration file (TOML)"},
    "help_place": {"ru": "порт (/dev/ttyACM0, COM3) или HOST:PORT", "en": "a port (/dev/ttyACM0, COM3) or HOST:PORT"},
    "help_image": {"ru": "файл прошивки, рядом — её описание (.toml)", "en": "the firmware file, with its manifest (.toml) beside it"},
    "help_commands": {"ru": "команды в шестнадцатеричных цифрах", "en": "commands in hex digits"},
    "help_file": {"ru": "файл с командами, по одной в строке; # — комментарий", "en": "a file with one command per line; # begins a comment"},
    "help_wait": {"ru": "сколько секунд ждать ответа касс", "en": "seconds to wait for registers"},
    "no_file": {"ru": "нет файла {path}", "en": "there is no file {path}"},
    "unreadable": {"ru": "файл {path} не читается: {why}", "en": "the file {path} cannot be read: {why}"},
    "not_toml": {"ru": "{path}: файл не в формате TOML: {why}", "en": "{path} is not a TOML file: {why}"},
    "bad_config": {"ru": "{path}: ошибка в настройках: {why}", "en": "{path}: error in the configuration: {why}"},
    "mistake_missing": {"ru": "нужно указать", "en": "is required"},
    "mistake_extra_forbidden": {"ru": "такой настройки нет", "en": "there is no such setting"},
    "mistake_bool_parsing": {"ru": "нужно true или false", "en": "must be true or false"},
    "mistake_bool_type": {"ru": "нужно true или false", "en": "must be true or false"},
    "mistake_string_type": {"ru": "нужен текст в кавычках", "en": "must be text in quotes"},
    "mistake_tuple_type": {"ru": "нужен список в квадратных скобках", "en": "must be a list in square brackets"},
    "mistake_string_pattern_mismatch": {"ru": "значение не подходит под образец {pattern}", "en": "does not match the pattern {pattern}"},
    "mistake_other": {"ru": "значение не подходит", "en": "does not fit"},
    "bad_broker": {"ru": "адрес брокера — mqtts://HOST[:PORT] или mqtt://HOST[:PORT]", "en": "the broker's address is mqtts://HOST[:PORT] or mqtt://HOST[:PORT]"},
    "bad_web": {"ru": "адрес веб-сервиса — http://HOST:PORT, без логина и пароля", "en": "the web service's address is http://HOST:PORT, without a login and password"},
    "no_targets": {"ru": "укажите в targets адреса, к которым кассам разрешён доступ", "en": "list in targets the addresses that registers may reach"},
    "open_secret": {"ru": "файл {path} доступен другим пользователям; выполните chmod 600", "en": "other users can read the file {path}; run chmod 600"},
    "empty_secret": {"ru": "файл {path} пуст, запишите в него пароль", "en": "the file {path} is empty, write the password into it"},
    "config_good": {"ru": "настройки верны: {path}", "en": "the configuration is correct: {path}"},
    "not_hex": {"ru": "команда {command} должна состоять из шестнадцатеричных цифр", "en": "the command {command} must be hex digits"},
    "no_commands": {"ru": "укажите хотя бы одну команду", "en": "give at least one command"},
    "nobody_there": {"ru": "{place}: касса не отвечает ({why})", "en": "{place}: the register does not answer ({why})"},
    "silent": {"ru": "{place}: касса не ответила за {wait_s} с", "en": "{place}: the register did not answer within {wait_s} s"},
    "bad_place": {"ru": "{place}: нужен порт или HOST:PORT", "en": "{place}: must be a port or HOST:PORT"},
    "is_5_0": {"ru": "{place}: касса платформы 5.0, подключите её через веб-сервис драйвера", "en": "{place}: the register runs platform 5.0, connect it through the driver's web service"},
    "lost_there": {"ru": "{place}: связь с кассой потеряна ({why})", "en": "{place}: the connection to the register is lost ({why})"},
    "no_manifest": {"ru": "{path}: рядом с прошивкой нет её описания {manifest}", "en": "{path}: the manifest {manifest} is not beside the firmware"},
    "bad_image": {"ru": "{path}: прошивка не подходит: {why}", "en": "{path}: the firmware does not fit: {why}"},
    "not_signed": {"ru": "контрольная сумма или подпись неверна", "en": "its checksum or signature is wrong"},
    "bad_manifest": {"ru": "ошибка в описании прошивки", "en": "its manifest is wrong"},
    "no_publishers": {"ru": "укажите в настройках ключи издателей прошивок (publishers)", "en": "list the keys of firmware publishers in the configuration (publishers)"},
    "refused": {"ru": "команда не выполнена: {why}", "en": "the command was not executed: {why}"},
    "refused_shift_open": {"ru": "открыта смена", "en": "the shift is open"},
    "refused_receipts_unsent": {"ru": "есть неотправленные чеки", "en": "there are unsent receipts"},
    "refused_busy": {"ru": "касса занята", "en": "the register is busy"},
    "refused_unsupported": {"ru": "касса (или драйвер) не поддерживает эту команду", "en": "the register (or its driver) does not support this command"},
    "refused_low_battery": {"ru": "батарея разряжена", "en": "the battery is low"},
    "refused_stale": {"ru": "неизвестно, выполнена ли команда раньше; проверьте состояние кассы", "en": "it is unknown whether the command was executed earlier; check the register's state"},
    "failed": {"ru": "касса ответила: {why}", "en": "the register answered: {why}"},
    "updated": {"ru": "на кассе установлена прошивка {version}", "en": "the register runs firmware {version}"},
    "not_updated": {"ru": "после перезапуска на кассе прошивка {version}, ожидалась {expected}", "en": "after the restart the register runs firmware {version}, expected {expected}"},
    "journal_broken": {"ru": "журнал не открывается: {why}", "en": "the journal cannot be opened: {why}"},
    "signed_in": {"ru": "связь с сервером установлена", "en": "connected to the server"},
    "signed_out": {"ru": "нет связи с сервером: {why}; программа повторит попытку сама", "en": "no connection to the server: {why}; the program will try again by itself"},
    "found": {"ru": "{place}: касса {serial_number}, платформа {platform}, прошивка {version}", "en": "{place}: register {serial_number}, platform {platform}, firmware {version}"},
    "lost": {"ru": "{place}: касса отключилась ({why})", "en": "{place}: the register is disconnected ({why})"},
    "not_ours": {"ru": "{serial_number}: касса не добавлена этому Ассистенту, добавьте её в личном кабинете", "en": "{serial_number}: the register is not added to this Assistant, add it in your account"},
    "checked_in": {"ru": "{serial_number}: показания переданы", "en": "{serial_number}: the reading is sent"},
    "not_checked_in": {"ru": "{serial_number}: сеанс связи не удался: {why}", "en": "{serial_number}: the session failed: {why}"},
    "step": {"ru": "{serial_number}: операция {operation_id}, шаг {step}: {what}", "en": "{serial_number}: operation {operation_id}, step {step}: {what}"},
    "done": {"ru": "выполнено", "en": "done"},
    "relaying": {"ru": "{serial_number}: касса выходит в сеть через этот компьютер (EoT)", "en": "{serial_number}: the register uses this PC's network (EoT)"},
    "stopped": {"ru": "работа завершена", "en": "stopped"},
    "serial_number": {"ru": "Заводской номер", "en": "Serial number"},
    "platform": {"ru": "Платформа", "en": "Platform"},
    "model": {"ru": "Модель", "en": "Model"},
    "firmware": {"ru": "Прошивка", "en": "Firmware"},
    "place": {"ru": "Подключение", "en": "Connection"},
    "state": {"ru": "Состояние", "en": "State"},
    "nothing_found": {"ru": "кассы не найдены, проверьте подключение и настройки", "en": "no registers found, check the connection and the configuration"},
}
# fmt: on


_MISTAKES: Final = "mistake_"


def config_mistake(kind: str, said: dict[str, Any], otherwise: str) -> str:
    """Return a sentence about an invalid key of the configuration.

    ``kind`` is pydantic's name of the error, ``said`` its context, ``otherwise`` its own message.
    """
    name = _MISTAKES + kind
    if name in TEXTS:
        return text_of(name, **said)
    return otherwise if language() == "en" or not otherwise.isascii() else text_of("mistake_other")


def language() -> Language:
    """Return the language of the system; Russian if the system does not name one."""
    said = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), None)
    if said is None:
        said = locale.getlocale()[0] or "ru"
    return "ru" if said.lower().startswith("ru") else "en"


def text_of(name: str, /, **said: Any) -> str:
    """Return a sentence of the table in the language of the system, with its reason ``why``."""
    if "why" in said and language() == "ru":
        said["why"] = in_russian(said["why"])
    return TEXTS[name][language()].format(**said)


def command_name(command: str) -> str:
    """Return the name of a command in the language of the system."""
    return name_of(command)[language()]


class CommandEnded(Exception):
    """End of a console command: one sentence and exit code 1."""

    def __init__(self, name: str, /, **said: Any) -> None:
        super().__init__(text_of(name, **said))
        self.name = name
