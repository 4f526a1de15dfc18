"""What people are told about operations: refusals, and the causes of statuses."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from fleet.accounts.roles import Right
from fleet.kit.errors import DomainError, ErrorKind, Refusal
from fleet.kit.language import Language
from fleet.operations.rules import MAX_OPEN_PER_REGISTER, Channel, StatusCause
from protocol.kktpc.result_codes import describe

_INVALID, _CONFLICT = ErrorKind.INVALID, ErrorKind.CONFLICT

_RIGHTS: Mapping[Right, tuple[str, str]] = {
    Right.SETTINGS: ("настройки касс", "settings of registers"),
    Right.TEMPLATES: ("шаблоны", "templates"),
    Right.FIRMWARE: ("обновление прошивок", "firmware"),
}
"""Those that some operation needs."""

_CHANNELS: Mapping[Channel, tuple[str, str]] = {
    Channel.CASH_SERVER: ("кассовый сервер", "the cash server"),
    Channel.ASSISTANT: ("Ассистент", "an Assistant"),
    Channel.LOCAL: ("локальное выполнение", "local execution"),
}

_YES_OR_NO = {True: ("да", "yes"), False: ("нет", "no")}


def right_needed(right: Right) -> DomainError:
    russian, english = _RIGHTS[right]
    return RIGHT_NEEDED(ru=russian, en=english)


def channel_unfit(channels: Sequence[Channel]) -> DomainError:
    """``channels``: those that fit."""
    russian, english = (
        ", ".join(f"{_CHANNELS[each][of]} ({each})" for each in channels) for of in (0, 1)
    )
    return CHANNEL_UNFIT(ru=russian, en=english)


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
    ru="Для этой операции нужно право «{ru}». Обратитесь к администратору организации.",
    en="This operation needs the right '{en}'. Ask your organisation's administrator.",
    field="type",
)
CHANNEL_UNFIT = Refusal(
    _INVALID,
    "channel_unfit",
    ru="Поле «channel»: для этой операции есть только {ru}.",
    en="Field 'channel': for this operation there is only {en}.",
    field="channel",
)
NO_ASSISTANT = Refusal(
    _CONFLICT,
    "register_has_no_assistant",
    ru="Касса не добавлена ни одному Ассистенту. Добавьте её в карточке Ассистента или выберите "
    "другой канал.",
    en="The register is with no Assistant. Add it on an Assistant's card or choose another "
    "channel.",
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
    ru="Операция {id} уже началась или завершена: время начала изменить нельзя. Отмените её или "
    "закажите новую.",
    en="Operation {id} has already begun or ended: its start cannot be moved. Cancel it or order "
    "a new one.",
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
PLATFORM_UNFIT = Refusal(
    _CONFLICT,
    "platform_unfit",
    ru="ККТ {serial_number}: эта операция или этот шаблон — только для платформы {platform}. "
    "Уберите её из списка или выберите другой шаблон.",
    en="Register {serial_number}: this operation or template is for platform {platform} only. "
    "Leave it out or choose another template.",
    field="serial_numbers",
)
TEMPLATE_AND_CONTENT = Refusal(
    _INVALID,
    "template_and_content",
    ru="Поле «{name}» задаёт шаблон. Уберите поле или «template_id».",
    en="The template gives the field '{name}'. Remove the field or 'template_id'.",
)
TEXT_REFUSED = Refusal(
    _INVALID,
    "text_refused",
    ru="ККТ {serial_number}: платформа {platform} не напечатает знак № {position} ({code}).",
    en="Register {serial_number}: platform {platform} cannot print character {position} ({code}).",
    field="params.text",
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

ANOTHER_RUNNING = Refusal(
    _CONFLICT,
    "another_running",
    ru="На ККТ {serial_number} сейчас выполняется другая операция. Дождитесь её окончания.",
    en="Another operation is running on register {serial_number}. Wait for its end.",
    field="serial_numbers",
)
SERVICE_MISSING = Refusal(
    _CONFLICT,
    "not_entitled",
    ru="ККТ {serial_number}: нужна услуга {services_ru}. Купите и назначьте ей подписку: "
    "{plans_ru} («Кассы» / «Подписки»).",
    en="Register {serial_number}: the service {services_en} is needed. Buy and assign it a "
    "subscription: {plans_en} (Registers / Subscriptions).",
    field="serial_numbers",
)
SERVICE_ENDS_BEFORE = Refusal(
    _CONFLICT,
    "entitlement_ends",
    ru="ККТ {serial_number}: подписка с услугой {services_ru} кончается {until}, до начала "
    "операции. Продлите подписку или назначьте операцию раньше.",
    en="Register {serial_number}: the subscription with the service {services_en} ends at {until}, "
    "before the operation begins. Prolong it or let the operation begin earlier.",
    field="serial_numbers",
)
ZONE_UNKNOWN = Refusal(
    _CONFLICT,
    "zone_unknown",
    ru="ККТ {serial_number} ещё не сообщила свой часовой пояс. Задайте «scheduled_for».",
    en="Register {serial_number} has not told its time zone yet. Give 'scheduled_for' instead.",
    field="scheduled_local",
)
PAST_AT_REGISTER = Refusal(
    _INVALID,
    "scheduled_in_the_past",
    ru="У ККТ {serial_number} это время уже прошло: её часовой пояс UTC{offset}. Укажите более "
    "позднее.",
    en="This time has passed at register {serial_number}: its zone is UTC{offset}. Give a later "
    "one.",
    field="scheduled_local",
)
TWO_TIMES = Refusal(
    _INVALID,
    "two_times",
    ru="Задайте одно из полей «scheduled_for» и «scheduled_local».",
    en="Give one of the fields 'scheduled_for' and 'scheduled_local'.",
    field="scheduled_local",
)
NO_TIME = Refusal(
    _INVALID,
    "no_time",
    ru="Задайте поле «scheduled_for» или «scheduled_local».",
    en="Give the field 'scheduled_for' or 'scheduled_local'.",
    field="scheduled_for",
)
NOT_RETRYABLE = Refusal(
    _CONFLICT,
    "not_retryable",
    ru="Операция {id} не из тех, что повторяют: повтор есть у завершённых с ошибкой и требующих "
    "внимания. Закажите новую.",
    en="Operation {id} cannot be retried: only failed ones and those that need attention can. "
    "Order a new one.",
    field="id",
)
ALREADY_RETRIED = Refusal(
    _CONFLICT,
    "already_retried",
    ru="Операция {id} уже запущена заново: {retry_id}.",
    en="Operation {id} was already started anew: {retry_id}.",
    field="id",
)
NOT_LOCAL = Refusal(
    _CONFLICT,
    "not_local",
    ru="Операция {id} не для локального выполнения или уже завершена. Проверьте номер в списке "
    "операций.",
    en="Operation {id} is not for local execution, or has ended. Check the number in the list of "
    "operations.",
    field="id",
)
ANSWER_OF_ANOTHER = Refusal(
    _CONFLICT,
    "answer_of_another",
    ru="Операция {id} заказана для другой ККТ: файл ответа не от неё. Выполните её "
    "задание на своей ККТ.",
    en="Operation {id} was ordered for another register: the answer is not from it. Let that "
    "register do its requests.",
    field="serial_number",
)
ANSWER_UNFIT = Refusal(
    _INVALID,
    "answer_unfit",
    ru="Ответ драйвера на операцию {id} неполон или не читается. Выполните её задание ещё раз.",
    en="The driver's answer to operation {id} is incomplete or cannot be read. Let the driver do "
    "its requests again.",
    field="results",
)
IMAGE_UNKNOWN = Refusal(
    _INVALID,
    "image_unknown",
    ru="Прошивки {image} нет. Возьмите одну из GET /api/v1/firmware-images или добавьте её.",
    en="There is no image {image}. Take one from GET /api/v1/firmware-images or add it.",
    field="params.image",
)
IMAGE_WRONG_MODEL = Refusal(
    _CONFLICT,
    "image_wrong_model",
    ru="Прошивка {image} не для модели ККТ {serial_number}. Выберите прошивку её модели.",
    en="The image {image} is not for the model of register {serial_number}. Choose one for it.",
    field="params.image",
)
IMAGE_WRONG_PLATFORM = Refusal(
    _CONFLICT,
    "image_wrong_platform",
    ru="ККТ {serial_number} — платформы {platform}, прошивка — {image_platform}: "
    "для этой операции не подходит. Выберите другую прошивку или операцию.",
    en="Register {serial_number} runs platform {platform}, the image is for {image_platform}: "
    "they do not fit this operation. Choose another image or operation.",
    field="params.image",
)
FIRMWARE_SAME = Refusal(
    _CONFLICT,
    "firmware_same",
    ru="На ККТ {serial_number} уже прошивка {version}. Уберите её из списка.",
    en="Register {serial_number} runs firmware {version} already. Leave it out.",
    field="params.image",
)

FIRMWARE_TOO_OLD = Refusal(
    _CONFLICT,
    "firmware_too_old",
    ru="ККТ {serial_number}: нужна версия ПО не ниже {needed}, установлена {found}. Обновите ПО.",
    en="Register {serial_number}: firmware {needed} or later is needed, it has {found}. Update it.",
    field="serial_numbers",
)
CODES_NEEDED = Refusal(
    _INVALID,
    "codes_needed",
    ru="ККТ {serial_number} — платформы 2.5: задайте коды защиты в поле «params.codes».",
    en="Register {serial_number} is of platform 2.5: give its codes in the field 'params.codes'.",
    field="params.codes",
)
LICENCE_NOT_ISSUED = Refusal(
    _INVALID,
    "licence_not_issued",
    ru="Для ККТ {serial_number} такая лицензия не выпущена. Выпустите её: POST /api/v1/licences.",
    en="No such licence was issued for register {serial_number}. Issue it: POST /api/v1/licences.",
    field="serial_numbers",
)
SPARE_SAME = Refusal(
    _INVALID,
    "spare_same",
    ru="ККТ {serial_number} не может заменить саму себя. Укажите номер подменной ККТ.",
    en="Register {serial_number} cannot replace itself. Give the number of the spare one.",
    field="params.spare_serial_number",
)
SPARE_UNFIT = Refusal(
    _INVALID,
    "spare_unfit",
    ru="Модель подменной ККТ {spare} не совпадает с моделью ККТ {serial_number}. "
    "Укажите ККТ той же модели.",
    en="The spare register {spare} is not of the model of register {serial_number}. Give one of "
    "the same model.",
    field="params.spare_serial_number",
)
SYSTEM_TOO_OLD = Refusal(
    _INVALID,
    "system_too_old",
    ru="ККТ {serial_number}: нужна операционная система не ниже {needed} (id {build}). "
    "Обновите её и укажите версию.",
    en="Register {serial_number}: operating system {needed} (id {build}) or later is needed. "
    "Update it and give its version.",
    field="params.system_version",
)
ONE_ONLY = Refusal(
    _INVALID,
    "one_only",
    ru="Эта операция заказывается для одной ККТ. Выберите только {serial_number} или другую.",
    en="This operation is for one register. Choose {serial_number} alone, or another one.",
    field="serial_numbers",
)

CAUSE_TEXTS: Mapping[StatusCause, tuple[str, str]] = MappingProxyType(
    {
        StatusCause.CREATED: ("создана", "created"),
        StatusCause.TAKEN: ("ККТ вышла на связь", "the register has called"),
        StatusCause.DONE: ("выполнена", "done"),
        StatusCause.LINK_LOST: (
            "связь с ККТ прервалась, операция продолжится при следующем выходе на связь",
            "the link with the register was lost, the operation goes on at its next call",
        ),
        StatusCause.AWAITING_CALL: (
            "ожидается следующий выход ККТ на связь",
            "the register is expected to call again",
        ),
        StatusCause.ANSWER_CAME: ("ККТ ответила", "the register has answered"),
        StatusCause.DEADLINE: (
            "срок выполнения истёк; была начата и могла подействовать: {started}",
            "its time has run out; it had begun and may have taken effect: {started}",
        ),
        StatusCause.CANCELLED_BY_EMPLOYEE: ("отменена сотрудником", "cancelled by an employee"),
        StatusCause.CANCELLED_BY_OPERATION: (
            "отменена операцией «Отмена ожидающих операций»",
            "cancelled by the operation 'Cancel pending operations'",
        ),
        StatusCause.HANDED_OVER: (
            "отменена: касса передана другому партнёру",
            "cancelled: the register was handed over to another partner",
        ),
        StatusCause.COMMAND_FAILED: (
            "ККТ не выполнила команду {command}: {code_text}",
            "the register did not do the command {command}: {code_text}",
        ),
        StatusCause.NOT_CALLED: (
            "отменена: ККТ не выходила на связь 30 минут",
            "cancelled: the register has not called for 30 minutes",
        ),
        StatusCause.LICENCE_NOT_HELD: (
            "ККТ не признала код защиты {number}",
            "the register does not hold protection code {number}",
        ),
        StatusCause.NO_REGISTRATIONS_LEFT: (
            "ресурс перерегистраций ФН исчерпан, замените ФН",
            "the fiscal drive takes no more registrations, replace it",
        ),
        StatusCause.KEY_NOT_TAKEN: (
            "ККТ продолжает работать на прежнем ключе, а не на ключе поколения {generation}",
            "the register keeps calling under its old key, not that of generation {generation}",
        ),
        StatusCause.SETTING_FAILED: (
            "ККТ не приняла настройку {setting}: {code_text}",
            "the register did not take setting {setting}: {code_text}",
        ),
        StatusCause.SETTING_UNFIT: (
            "значение настройки {setting} не подходит к ячейке ККТ",
            "the value of setting {setting} does not fit the register's cell",
        ),
        StatusCause.BAD_ANSWER: (
            "ответ ККТ непонятен, обратитесь в поддержку",
            "the register's answer is unintelligible, ask the support",
        ),
        StatusCause.CANCELLED_BY_ROLLOUT: (
            "отозвана: раскатка остановлена",
            "withdrawn: its roll-out was stopped",
        ),
        StatusCause.REPLACED: (
            "запущена заново, новая операция — {operation_id}",
            "started anew as operation {operation_id}",
        ),
        StatusCause.DRIVER_FAILED: (
            "драйвер ККТ не выполнил «{request}»: ошибка {error} {description}",
            "the register's driver did not do '{request}': error {error} {description}",
        ),
        StatusCause.SHIFT_OPEN: ("на ККТ открыта смена", "the register's shift is open"),
        StatusCause.RECEIPTS_UNSENT: (
            "на ККТ есть неотправленные чеки",
            "the register has unsent receipts",
        ),
        StatusCause.BUSY: ("ККТ занята", "the register is busy"),
        StatusCause.UNSUPPORTED: ("ККТ этого не умеет", "the register cannot do this"),
        StatusCause.LOW_BATTERY: ("батарея ККТ разряжена", "the register's battery is low"),
        StatusCause.TRANSFER_STALLED: (
            "ККТ не принимает прошивку дальше блока {block} из {blocks}",
            "the register takes no more of the image after block {block} of {blocks}",
        ),
        StatusCause.FIRMWARE_UNCHANGED: (
            "после перезапуска на ККТ прошивка {firmware_version} (платформа {platform}), "
            "ожидалась {expected}",
            "after its restart the register runs {firmware_version} (platform {platform}), "
            "{expected} was expected",
        ),
        StatusCause.STALE: (
            "ККТ уже выполняла этот шаг, но не помнит ответа; проверьте её состояние",
            "the register has done this step but does not remember the answer; check its state",
        ),
        StatusCause.INTERNAL_ERROR: (
            "ошибка сервера, обратитесь в поддержку",
            "a mistake of the server, ask the support",
        ),
    }
)


def explain(cause: str, detail: Mapping[str, Any] | None, language: Language) -> str:
    """The sentence of a cause; a result code and a yes or no in ``detail`` are told in words."""
    said = 0 if language is Language.RU else 1
    known = dict(detail or {})
    if isinstance(known.get("started"), bool):
        known["started"] = _YES_OR_NO[known["started"]][said]
    if isinstance(known.get("code"), int):
        known["code_text"] = describe(known["code"], language.value)
    return CAUSE_TEXTS[StatusCause(cause)][said].format_map(known)
