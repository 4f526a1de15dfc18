"""Which conversations are worth a row, and what they say of a register's link."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from fleet.kit.language import Language
from fleet.registers.rules import ONLINE_WITHIN
from protocol.transport import Transport

MAX_KEPT_ROWS: Final = 20
"""Conversations kept of each register that were served, and as many that failed: who only knows
its number can fail in its name, and must not push out what the register itself has done."""

REPEAT_INTERVAL: Final = timedelta(minutes=1)
"""Failures of one register, whatever they are, leave one row in this time."""

SERVED: Final = "served"

Text = Mapping[Language, str]


class EndedConversation(NamedTuple):
    """How a conversation ended.

    ``serial_number`` is empty if it was never said.  ``transport`` is stored and shown as ``road``.
    ``peer``: an address without a port, or the serial number in an MQTT topic.  ``outcome`` and
    ``why`` are the gateway's words, ``reached`` is the furthest state of
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
    """An ordinary call (served, no steps) that came the same way as the last one."""
    return (
        not ending.steps
        and ending.outcome == SERVED == last.outcome
        and ending.peer == last.peer
        and ending.transport == last.transport
    )


def is_worth_a_row(ending: EndedConversation, last: LastConversation | None, now: datetime) -> bool:
    """An ordinary call only if it came another way than the last one, or after a failure, or is
    the first one seen; a failure unless one has just been written."""
    if last is None:
        return True
    if ending.steps or ending.outcome == SERVED:
        return not is_routine(ending, last)
    return last.outcome == SERVED or now - last.at >= REPEAT_INTERVAL


class LinkState(StrEnum):
    """Whether one end of the way is reached."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Diagnosis(NamedTuple):
    """The register's way to the Internet and to the cabinet, and why, in a sentence."""

    internet: LinkState
    cabinet: LinkState
    reason: str
    """Code of ``REASONS``."""


REASONS: Final[Mapping[str, Text]] = {
    "called": {
        Language.RU: "Касса выходила на связь в последние 30 минут.",
        Language.EN: "The register called within the last 30 minutes.",
    },
    "silent": {
        Language.RU: "Касса не выходила на связь больше 30 минут и до сервера не доходила. "
        "Проверьте питание кассы, её сеть и настройки 278 и 279.",
        Language.EN: "The register has not called or reached the server for more than 30 minutes. "
        "Check its power, its network and the settings 278 and 279.",
    },
    "never": {
        Language.RU: "Касса ещё ни разу не доходила до сервера. Проверьте её сеть, адрес личного "
        "кабинета (настройка 278) и порт (279).",
        Language.EN: "The register has never reached the server. Check its network, the cabinet's "
        "address (setting 278) and port (279).",
    },
    "blocked": {
        Language.RU: "Касса доходит до сервера, но заблокирована. Разблокируйте её в списке касс.",
        Language.EN: "The register reaches the server but is blocked. Unblock it in the list.",
    },
    "refused_unknown": {
        Language.RU: "Сервер не узнал кассу: заводской номер или платформа неизвестны. Проверьте "
        "номер на шильдике и прошивку.",
        Language.EN: "The server does not know the register: its serial number or platform is "
        "unknown. Check the plate and the firmware.",
    },
    "refused_key": {
        Language.RU: "Ключ кассы не подошёл. Обратитесь в поддержку: ключ нужно выдать заново.",
        Language.EN: "The register's key does not fit. Ask the support to issue the key anew.",
    },
    "refused_busy": {
        Language.RU: "Сервер был перегружен и просил повторить. Касса повторит сама.",
        Language.EN: "The server was overloaded and asked to call again. The register will.",
    },
    "refused_version": {
        Language.RU: "Прошивка говорит на версии протокола, которой сервер не знает. Обновите её.",
        Language.EN: "The firmware speaks a protocol version that the server does not. Update it.",
    },
    "refused_malformed": {
        Language.RU: "Сервер получил не то, что посылает касса: мешает оборудование в сети или "
        "неисправна прошивка. Проверьте роутер и прокси.",
        Language.EN: "The server got what no register sends: something in the network interferes, "
        "or the firmware is faulty. Check the router and any proxy.",
    },
    "cut": {
        Language.RU: "Связь оборвалась посреди разговора. Проверьте сеть кассы, мобильный сигнал "
        "и кабель.",
        Language.EN: "The link broke in the middle of a conversation. Check the network, the "
        "mobile signal and the cable.",
    },
    "timed_out": {
        Language.RU: "Касса соединилась и замолчала. Проверьте качество связи и прокси.",
        Language.EN: "The register connected and fell silent. Check the link and any proxy.",
    },
    "not_kept": {
        Language.RU: "Сервер не смог записать показания. Касса повторит сама; если нет — "
        "обратитесь в поддержку.",
        Language.EN: "The server could not keep the reading. The register will call again; if it "
        "does not, ask the support.",
    },
    "other": {
        Language.RU: "Разговор закончился раньше времени. Касса повторит сама.",
        Language.EN: "The conversation ended early. The register will call again.",
    },
}
"""Codes are the gateway's outcomes where it has a word."""

STATES: Final[Mapping[LinkState, Text]] = {
    LinkState.YES: {Language.RU: "Есть", Language.EN: "Yes"},
    LinkState.NO: {Language.RU: "Нет", Language.EN: "No"},
    LinkState.UNKNOWN: {Language.RU: "Неизвестно", Language.EN: "Unknown"},
}
_LINES: Final[tuple[Text, Text]] = (
    {Language.RU: "Выход в интернет", Language.EN: "Internet"},
    {Language.RU: "Подключение к ЛК", Language.EN: "Cabinet"},
)
_WIDTH: Final = 22


def diagnose(
    seen_at: datetime | None,
    failed_at: datetime | None,
    outcome: str,
    blocked: bool,
    now: datetime,
) -> Diagnosis:
    """From the last reading (``seen_at``) and the last conversation that failed, with its outcome.

    A blocked register reaches us and is refused, whatever it said before.
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
    """The two lines of the report «Диагностика связи», as a register prints them."""
    states = (diagnosis.internet, diagnosis.cabinet)
    return [
        f"{line[language]}:".ljust(_WIDTH, ".") + STATES[state][language]
        for line, state in zip(_LINES, states, strict=True)
    ]
