"""TABLE of reasons of failures: English words of the system or other parts, and Russian texts."""

import errno
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# fmt: off
_BY_NUMBER: Final[Mapping[int, str]] = MappingProxyType({
    errno.ENOENT: "нет такого файла или устройства",
    errno.EACCES: "нет прав доступа",
    errno.EPERM: "нет прав доступа",
    errno.EISDIR: "это папка, а не файл",
    errno.ENOTDIR: "в пути указан файл вместо папки",
    errno.EBUSY: "устройство занято другой программой",
    errno.EIO: "ошибка ввода-вывода",
    errno.ENOSPC: "на диске нет места",
    errno.ECONNREFUSED: "соединение отклонено",
    errno.ECONNRESET: "соединение разорвано",
    errno.EPIPE: "соединение разорвано",
    errno.ETIMEDOUT: "нет ответа",
    errno.EHOSTUNREACH: "узел недоступен",
    errno.ENETUNREACH: "сеть недоступна",
})
_BY_TEXT: Final[Mapping[str, str]] = MappingProxyType({
    "no register answers on the line": "касса не отвечает",
    "platform 5.0": "платформа 5.0 — подключите её через веб-сервис драйвера",
    "lower level v2 carries no EoT": "нижний уровень протокола 2 не поддерживает EoT",
    "it does not say who it is": "касса не сообщает заводской номер",
    "the driver does not reach the register": "драйвер не может связаться с кассой",
    "the driver has lost the register": "драйвер потерял связь с кассой",
    "the fiscal drive does not tell its state": "ФН не сообщает своё состояние",
    "another register answers under this id": "под этим номером отвечает другая касса",
    "the register has put a step off too often": "касса слишком долго занята",
    "the service takes no request for the register": "веб-сервис не принимает задания для кассы",
    "the service did not finish a request in time": "веб-сервис не выполнил задание вовремя",
    "the service does not answer": "веб-сервис не отвечает",
    "the service answers": "веб-сервис ответил ошибкой",
    "the broker does not let us listen": "брокер не разрешает обслуживать эту кассу",
    "the broker is gone": "нет связи с брокером",
    "no broker": "нет связи с брокером",
    "the gateway hung up": "сервер прервал сеанс",
    "silence": "нет ответа",
    "no answer": "нет ответа",
    "timed out": "нет ответа",
    "timeout": "нет ответа",
    "refused": "соединение отклонено",
    "Not authorized": "сервер не принял логин или пароль",
    "Bad user name or password": "сервер не принял логин или пароль",
    "certificate verify failed": "сертификат сервера не прошёл проверку",
    "Name or service not known": "адрес не найден",
    "a publisher's key is 64 hex digits": "ключ издателя — 64 шестнадцатеричные цифры (Ed25519)",
    "no such file": "нет такого файла или устройства",
    "database is locked": "он открыт другой программой",
    "unable to open database file": "нет доступа к файлу",
    "codec can't decode": "кодировка файла — не UTF-8",
})
_BY_CODE: Final[Mapping[str, str]] = MappingProxyType({
    "unknown": "сервер не узнал кассу",
    "key": "сервер не принял ключ кассы",
    "blocked": "касса заблокирована",
    "busy": "сервер перегружен",
    "version": "сервер не поддерживает версию протокола",
    "malformed": "данные искажены",
    "elsewhere": "касса уже соединена с сервером",
})
# fmt: on

_PLACE: Final = re.compile(r"at line (\d+), column (\d+)")


def in_russian(why: object) -> str:
    """Return a reason in Russian; a Russian reason, a name or a number is unchanged.

    A reason that the tables lack is quoted as the system's text, for support.
    """
    number = getattr(why, "errno", None)
    if isinstance(number, int) and number in _BY_NUMBER:
        return _BY_NUMBER[number]
    text = str(why)
    if not text.isascii() or not re.search("[a-z]{3}", text):
        return text
    if place := _PLACE.search(text):
        return f"ошибка в строке {place[1]}, символ {place[2]}"
    known = (russian for english, russian in _BY_TEXT.items() if english.lower() in text.lower())
    return _BY_CODE.get(text) or next(known, f"неизвестная ошибка (текст системы: «{text}»)")
