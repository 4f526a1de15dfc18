"""Rules of diagnostics: which conversations are stored, and the state of a link by them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from fleet.kit.language import Language
from fleet.registers.rules import ONLINE_WITHIN
from protocol.transport import Transport

MAX_KEPT_ROWS: Final = 20
"""Conversations stored of each register that were served, and as many that failed.  The two are
counted apart: anybody who knows a serial number can fail in its name, and must not push out the
conversations of the register itself."""

REPEAT_INTERVAL: Final = timedelta(minutes=1)
"""Time in which failures of one register, of any kind, leave one row."""

SERVED: Final = "served"

Text = Mapping[Language, str]


class EndedConversation(NamedTuple):
    """End of a conversation.

    ``serial_number`` is empty if it was never given.  ``transport`` is stored and shown as
    ``road``.  ``peer`` is an address without a port, or the serial number in an MQTT topic.
    ``outcome`` and ``why`` are the gateway's codes, ``reached`` is the furthest state of
    ``protocol.conversation.connection`` in lower case.
    """

    serial_number: str
    transport: Transport
    peer: str
    outcome: str
    why: str
    reached: str
    steps: int
    operations: tuple[int, ...]
    ms: int


class LastConversation(NamedTuple):
    """The last conversation of a register that a process has seen."""

    transport: Transport
    peer: str
    outcome: str
    at: datetime


def is_routine(ending: EndedConversation, last: LastConversation) -> bool:
    """Tell whether this is a served call without steps over the same transport as the last one."""
    return (
        not ending.steps
        and ending.outcome == SERVED == last.outcome
        and ending.peer == last.peer
        and ending.transport == last.transport
    )


def is_worth_a_row(ending: EndedConversation, last: LastConversation | None, now: datetime) -> bool:
    """Tell whether the conversation is stored.

    A served call is stored if it gave steps, came from another peer or over another transport than
    the last one, followed a failure or is the first one seen.  A failure is stored unless one was
    stored within ``REPEAT_INTERVAL``.
    """
    if last is None:
        return True
    if ending.steps or ending.outcome == SERVED:
        return not is_routine(ending, last)
    return last.outcome == SERVED or now - last.at >= REPEAT_INTERVAL


class LinkState(StrEnum):
    """State of one part of the link: works, does not work, unknown."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Diagnosis(NamedTuple):
    """State of the register's link to the Internet and to the server, with the reason."""

    internet: LinkState
    cabinet: LinkState
    reason: str
    """Code of ``REASONS``."""


REASONS: Final[Mapping[str, Text]] = {
    "called": {
        Language.RU: "Касса выходила на связь в последние 30 минут.",
        Language.EN: "The register connected within the last 30 minutes.",
    },
    "silent": {
        Language.RU: "Касса не соединялась с сервером больше 30 минут. Проверьте питание кассы, "
        "её сеть и настройки 278 и 279.",
        Language.EN: "The register has not connected to the server for more than 30 minutes. "
        "Check its power, its network and settings 278 and 279.",
    },
    "never": {
        Language.RU: "Касса ещё не соединялась с сервером. Проверьте её сеть, адрес личного "
        "кабинета (настройка 278) и порт (279).",
        Language.EN: "The register has never connected to the server. Check its network, the "
        "server's address (setting 278) and port (279).",
    },
    "blocked": {
        Language.RU: "Касса соединяется с сервером, но заблокирована. Разблокируйте её в списке "
        "касс.",
        Language.EN: "The register connects to the server but is blocked. Unblock it in the list.",
    },
    "refused_unknown": {
        Language.RU: "Сервер не узнал кассу: её заводской номер или платформа неизвестны. "
        "Проверьте номер на шильдике и прошивку.",
        Language.EN: "The server does not recognise the register: its serial number or platform "
        "is unknown. Check the number on the plate and the firmware.",
    },
    "refused_key": {
        Language.RU: "Сервер не принял ключ кассы. Обратитесь в поддержку: ключ нужно выдать "
        "заново.",
        Language.EN: "The server did not accept the register's key. Ask support to issue a new "
        "one.",
    },
    "refused_busy": {
        Language.RU: "Сервер был перегружен. Касса соединится снова сама.",
        Language.EN: "The server was overloaded. The register will connect again by itself.",
    },
    "refused_version": {
        Language.RU: "Сервер не поддерживает версию протокола этой прошивки. Обновите прошивку.",
        Language.EN: "The server does not support this firmware's protocol version. Update the "
        "firmware.",
    },
    "refused_malformed": {
        Language.RU: "Сервер получил искажённые данные: их портит сетевое оборудование или "
        "прошивка неисправна. Проверьте роутер и прокси.",
        Language.EN: "The server received corrupted data: network equipment changes it, or the "
        "firmware is faulty. Check the router and any proxy.",
    },
    "cut": {
        Language.RU: "Связь оборвалась во время сеанса. Проверьте сеть кассы, мобильный сигнал и "
        "кабель.",
        Language.EN: "The connection broke during a session. Check the register's network, the "
        "mobile signal and the cable.",
    },
    "timed_out": {
        Language.RU: "Касса соединилась, но перестала отвечать. Проверьте качество связи и прокси.",
        Language.EN: "The register connected but stopped responding. Check the connection and "
        "any proxy.",
    },
    "not_kept": {
        Language.RU: "Сервер не смог сохранить показания. Касса передаст их снова сама; если "
        "этого не произойдёт, обратитесь в поддержку.",
        Language.EN: "The server could not save the reading. The register will send it again by "
        "itself; if it does not, contact support.",
    },
    "other": {
        Language.RU: "Сеанс связи прервался. Касса соединится снова сама.",
        Language.EN: "The session was interrupted. The register will connect again by itself.",
    },
}
"""Code of a reason -> its sentence.  Codes are the gateway's outcomes where it has one."""

STATES: Final[Mapping[LinkState, Text]] = {
    LinkState.YES: {Language.RU: "Есть", Language.EN: "Yes"},
    LinkState.NO: {Language.RU: "Нет", Language.EN: "No"},
    LinkState.UNKNOWN: {Language.RU: "Неизвестно", Language.EN: "Unknown"},
}
_LINES: Final[tuple[Text, Text]] = (
    {Language.RU: "Выход в интернет", Language.EN: "Internet"},
    {Language.RU: "Подключение к ЛК", Language.EN: "Account"},
)
_WIDTH: Final = 22


def diagnose(
    seen_at: datetime | None,
    failed_at: datetime | None,
    outcome: str,
    blocked: bool,
    now: datetime,
) -> Diagnosis:
    """Return the diagnosis by the last reading (``seen_at``) and the last failed conversation.

    ``outcome`` is the outcome of the failed conversation.  A blocked register reaches the server
    and is refused, so its readings do not count.
    """
    recent = now - ONLINE_WITHIN
    failed_lately = failed_at is not None and failed_at > recent
    if blocked and (failed_lately or (seen_at is not None and seen_at > recent)):
        return Diagnosis(LinkState.YES, LinkState.NO, "blocked")
    if seen_at is not None and seen_at > recent:
        return Diagnosis(LinkState.YES, LinkState.YES, "called")
    if failed_lately:
        known = outcome if outcome in REASONS else "other"
        return Diagnosis(LinkState.YES, LinkState.NO, known)
    never = seen_at is None and failed_at is None
    return Diagnosis(LinkState.UNKNOWN, LinkState.NO, "never" if never else "silent")


def printed_lines(diagnosis: Diagnosis, language: Language) -> list[str]:
    """Return the two lines of the report «Диагностика связи», as a register prints them."""
    states = (diagnosis.internet, diagnosis.cabinet)
    return [
        f"{line[language]}:".ljust(_WIDTH, ".") + STATES[state][language]
        for line, state in zip(_LINES, states, strict=True)
    ]
