"""What people are told about operations: refusals, and the causes of statuses."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fleet.kit.errors import ErrorKind, Refusal
from fleet.kit.language import Language
from fleet.operations.rules import MAX_OPEN_PER_REGISTER, Cause
from protocol.result_codes import describe

_INVALID, _CONFLICT = ErrorKind.INVALID, ErrorKind.CONFLICT

OPERATION_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "operation_not_found",
    ru="Операция {id} не найдена. Проверьте номер в списке операций.",
    en="Operation {id} is not found. Check the number in the list of operations.",
    field="id",
)
TYPE_UNKNOWN = Refusal(
    _INVALID,
    "operation_type_unknown",
    ru="Поле «type»: операции «{type}» нет. Возьмите одну из GET /api/v1/operation-types.",
    en="Field 'type': there is no operation '{type}'. Take one from GET /api/v1/operation-types.",
    field="type",
)
RIGHT_NEEDED = Refusal(
    ErrorKind.FORBIDDEN,
    "right_needed",
    ru="Для этой операции нужно право «{right}». Обратитесь к администратору организации.",
    en="This operation needs the right '{right}'. Ask your organisation's administrator.",
    field="type",
)
CHANNEL_UNFIT = Refusal(
    _INVALID,
    "channel_unfit",
    ru="Поле «channel»: эта операция выполняется только через {channels}.",
    en="Field 'channel': this operation goes only through {channels}.",
    field="channel",
)
IN_THE_PAST = Refusal(
    _INVALID,
    "scheduled_in_the_past",
    ru="Поле «scheduled_for»: время уже прошло. Укажите более позднее.",
    en="Field 'scheduled_for': this time has passed. Give a later one.",
    field="scheduled_for",
)
ALREADY_FINISHED = Refusal(
    _CONFLICT,
    "operation_finished",
    ru="Операция {id} уже завершена, отменять нечего.",
    en="Operation {id} has already ended, there is nothing to cancel.",
    field="id",
)
ALREADY_STARTED = Refusal(
    _CONFLICT,
    "operation_started",
    ru="Операция {id} уже началась или завершена: время начала изменить нельзя.",
    en="Operation {id} has already begun or ended: its start cannot be moved.",
    field="id",
)
REGISTER_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "register_not_found",
    ru="ККТ {serial_number} не найдена среди касс вашей организации.",
    en="Register {serial_number} is not among your organisation's registers.",
    field="serial_numbers",
)
REPEATED = Refusal(
    _INVALID,
    "repeated",
    ru="ККТ {serial_number} указана повторно: операция создаётся один раз.",
    en="Register {serial_number} is listed twice: the operation is created once.",
    field="serial_numbers",
)
PLATFORM_UNKNOWN = Refusal(
    _CONFLICT,
    "platform_unknown",
    ru="ККТ {serial_number} ещё не выходила на связь, её платформа неизвестна. "
    "Дождитесь первого выхода на связь.",
    en="Register {serial_number} has not called yet, its platform is unknown. "
    "Wait for its first check-in.",
    field="serial_numbers",
)
SETTING_REFUSED = Refusal(
    _INVALID,
    "setting_refused",
    ru="ККТ {serial_number} (платформа {platform}): {ru}.",
    en="Register {serial_number} (platform {platform}): {en}.",
    field="params.settings",
)
SETTING_REPEATED = Refusal(
    _INVALID,
    "setting_repeated",
    ru="ККТ {serial_number}: настройка {setting} указана дважды. Оставьте одно значение.",
    en="Register {serial_number}: setting {setting} is given twice. Leave one value.",
    field="params.settings",
)
BLOCKED = Refusal(
    _CONFLICT,
    "register_blocked",
    ru="ККТ {serial_number} заблокирована и не будет обслужена. Разблокируйте её.",
    en="Register {serial_number} is blocked and will not be served. Unblock it first.",
    field="serial_numbers",
)
TOO_MANY_OPEN = Refusal(
    _CONFLICT,
    "too_many_open",
    ru=f"У ККТ {{serial_number}} уже {MAX_OPEN_PER_REGISTER} незавершённых операций. "
    "Дождитесь их или отмените.",
    en=f"Register {{serial_number}} has {MAX_OPEN_PER_REGISTER} open operations already. "
    "Wait for them or cancel them.",
    field="serial_numbers",
)

CAUSES: Mapping[Cause, tuple[str, str]] = MappingProxyType(
    {
        Cause.CREATED: ("создана", "created"),
        Cause.TAKEN: ("ККТ вышла на связь", "the register has called"),
        Cause.DONE: ("выполнена", "done"),
        Cause.LINK_LOST: (
            "связь с ККТ прервалась, операция продолжится при следующем выходе на связь",
            "the link with the register was lost, the operation goes on at its next call",
        ),
        Cause.AWAITING_CALL: (
            "ожидается следующий выход ККТ на связь",
            "the register is expected to call again",
        ),
        Cause.ANSWER_CAME: ("ККТ ответила", "the register has answered"),
        Cause.DEADLINE: (
            "срок выполнения истёк; начатое могло подействовать: {started}",
            "its time has run out; what was begun may have taken effect: {started}",
        ),
        Cause.CANCELLED_BY_EMPLOYEE: ("отменена сотрудником", "cancelled by an employee"),
        Cause.CANCELLED_BY_OPERATION: (
            "отменена операцией «Отмена ожидающих операций»",
            "cancelled by the operation 'Cancel pending operations'",
        ),
        Cause.COMMAND_FAILED: (
            "ККТ не выполнила команду {command}: {code_text}",
            "the register did not do the command {command}: {code_text}",
        ),
        Cause.SETTING_FAILED: (
            "ККТ не приняла настройку {setting}: {code_text}",
            "the register did not take setting {setting}: {code_text}",
        ),
        Cause.SETTING_UNFIT: (
            "значение настройки {setting} не подходит к ячейке ККТ",
            "the value of setting {setting} does not fit the register's cell",
        ),
        Cause.BAD_ANSWER: (
            "непонятный ответ ККТ ({code})",
            "an unintelligible answer ({code})",
        ),
        Cause.SHIFT_OPEN: ("на ККТ открыта смена", "the register's shift is open"),
        Cause.RECEIPTS_UNSENT: (
            "на ККТ есть неотправленные чеки",
            "the register has unsent receipts",
        ),
        Cause.BUSY: ("ККТ занята", "the register is busy"),
        Cause.UNSUPPORTED: ("ККТ этого не умеет", "the register cannot do this"),
        Cause.LOW_BATTERY: ("батарея ККТ разряжена", "the register's battery is low"),
        Cause.STALE: (
            "ККТ уже выполняла этот шаг, но не помнит ответа; проверьте её состояние",
            "the register has done this step but does not remember the answer; check its state",
        ),
        Cause.OUR_MISTAKE: (
            "ошибка сервера, обратитесь в поддержку",
            "a mistake of the server, ask the support",
        ),
    }
)


def explain(cause: str, detail: Mapping[str, Any] | None, language: Language) -> str:
    """The sentence of a cause; a result code in ``detail`` is told in words."""
    known = dict(detail or {})
    if isinstance(known.get("code"), int):
        known["code_text"] = describe(known["code"], language.value)
    russian, english = CAUSES[Cause(cause)]
    return (russian if language is Language.RU else english).format_map(known)
