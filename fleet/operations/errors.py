"""Texts for people about operations: refusals, and the causes of statuses."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from fleet.accounts.roles import RIGHT_NAMES, Right
from fleet.kit.errors import DomainError, ErrorKind, Refusal
from fleet.kit.language import BilingualText, Language
from fleet.kit.wording import fill
from fleet.operations.rules import MAX_OPEN_PER_REGISTER, Channel, StatusCause
from protocol.kktpc.command_names import name_of
from protocol.kktpc.result_codes import describe

_INVALID, _CONFLICT = ErrorKind.INVALID, ErrorKind.CONFLICT

_CHANNELS: Mapping[Channel, tuple[str, str]] = {
    Channel.CASH_SERVER: ("через кассовый сервер", "cash server"),
    Channel.ASSISTANT: ("через Ассистента", "Assistant"),
    Channel.LOCAL: ("локально", "local execution"),
}

_STARTED = {
    True: BilingualText(
        "операция была начата и могла выполниться — проверьте кассу",
        "the operation had started and may have taken effect: check the register",
    ),
    False: BilingualText("операция не начиналась", "the operation had not started"),
}

_OFFERS = frozenset({"firmware_begin", "firmware_verify", "firmware_install", "firmware"})
_IMAGE_REFUSED = (
    "касса отклонила прошивку: подпись или формат не подходит",
    "the register rejected the firmware: its signature or format does not fit",
)
WRONG_FORMAT = 0x13
"""Result code of a register that does not accept an image (``protocol.result_codes``)."""


def right_needed(right: Right) -> DomainError:
    """Return the refusal of an employee who lacks the right."""
    return RIGHT_NEEDED(right=RIGHT_NAMES[right])


def channel_unfit(channels: Sequence[Channel]) -> DomainError:
    """Return the refusal of a channel; ``channels`` are those that the operation allows."""
    russian, english = (", ".join(_CHANNELS[each][of] for each in channels) for of in (0, 1))
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
    ru="Операции «{type}» нет. Выберите операцию из списка.",
    en="There is no operation '{type}'. Choose one from the list.",
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
    ru="Этот способ выполнения для операции не подходит. Допустимо: {ru}.",
    en="This channel does not fit the operation. Allowed: {en}.",
    field="channel",
)
NO_ASSISTANT = Refusal(
    _CONFLICT,
    "register_has_no_assistant",
    ru="Касса не добавлена ни одному Ассистенту. Добавьте её в карточке Ассистента или выберите "
    "другой способ выполнения.",
    en="The register is not added to any Assistant. Add it on an Assistant's card or choose "
    "another channel.",
    field="channel",
)
IN_THE_PAST = Refusal(
    _INVALID,
    "scheduled_in_the_past",
    ru="Время начала уже прошло. Укажите более позднее.",
    en="The start time has already passed. Choose a later one.",
    field="scheduled_for",
)
ALREADY_FINISHED = Refusal(
    _CONFLICT,
    "operation_finished",
    ru="Операция {id} уже завершена, отменять нечего.",
    en="Operation {id} has already ended: there is nothing to cancel.",
    field="id",
)
ALREADY_STARTED = Refusal(
    _CONFLICT,
    "operation_started",
    ru="Операция {id} уже началась или завершена, время начала изменить нельзя. Отмените её или "
    "создайте новую.",
    en="Operation {id} has already started or ended: its start time cannot be changed. Cancel it "
    "or create a new one.",
    field="id",
)
REGISTER_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "register_not_found",
    ru="Касса {serial_number} не найдена среди касс вашей организации. Проверьте номер.",
    en="Register {serial_number} is not among your organisation's registers. Check the number.",
    field="serial_numbers",
)
REPEATED = Refusal(
    _INVALID,
    "repeated",
    ru="Касса {serial_number} указана повторно. Операция будет создана один раз.",
    en="Register {serial_number} is listed twice. The operation is created once.",
    field="serial_numbers",
)
PLATFORM_UNKNOWN = Refusal(
    _CONFLICT,
    "platform_unknown",
    ru="Касса {serial_number} ещё не выходила на связь, её платформа неизвестна. Дождитесь "
    "первого выхода на связь.",
    en="Register {serial_number} has not connected yet, so its platform is unknown. Wait for its "
    "first check-in.",
    field="serial_numbers",
)
PLATFORM_UNFIT = Refusal(
    _CONFLICT,
    "platform_unfit",
    ru="Эта операция или шаблон — только для платформы {platform}. Уберите кассу {serial_number} "
    "из списка или выберите другой шаблон.",
    en="This operation or template is for platform {platform} only. Leave register "
    "{serial_number} out or choose another template.",
    field="serial_numbers",
)
TEMPLATE_AND_CONTENT = Refusal(
    _INVALID,
    "template_and_content",
    ru="Эти данные уже заданы в шаблоне. Уберите их или откажитесь от шаблона.",
    en="The template already gives these values. Remove them or the template.",
)
TEXT_REFUSED = Refusal(
    _INVALID,
    "text_refused",
    ru="Касса {serial_number} (платформа {platform}) не может напечатать символ № {position} "
    "({code}). Замените его.",
    en="Register {serial_number} (platform {platform}) cannot print character {position} "
    "({code}). Replace it.",
    field="params.text",
)
SETTING_REFUSED = Refusal(
    _INVALID,
    "setting_refused",
    ru="Касса {serial_number} (платформа {platform}): {ru}.",
    en="Register {serial_number} (platform {platform}): {en}.",
    field="params.settings",
)
SETTING_REPEATED = Refusal(
    _INVALID,
    "setting_repeated",
    ru="Касса {serial_number}: настройка {setting} указана дважды. Оставьте одно значение.",
    en="Register {serial_number}: setting {setting} is given twice. Keep one value.",
    field="params.settings",
)
BLOCKED = Refusal(
    _CONFLICT,
    "register_blocked",
    ru="Касса {serial_number} заблокирована и не обслуживается. Разблокируйте её.",
    en="Register {serial_number} is blocked and is not served. Unblock it first.",
    field="serial_numbers",
)
TOO_MANY_OPEN = Refusal(
    _CONFLICT,
    "too_many_open",
    ru=f"У кассы {{serial_number}} уже {MAX_OPEN_PER_REGISTER} незавершённых операций. "
    "Дождитесь их окончания или отмените.",
    en=f"Register {{serial_number}} already has {MAX_OPEN_PER_REGISTER} open operations. "
    "Wait for them to end or cancel them.",
    field="serial_numbers",
)

ANOTHER_RUNNING = Refusal(
    _CONFLICT,
    "another_running",
    ru="На кассе {serial_number} сейчас выполняется другая операция. Дождитесь её окончания.",
    en="Another operation is running on register {serial_number}. Wait until it ends.",
    field="serial_numbers",
)
SERVICE_MISSING = Refusal(
    _CONFLICT,
    "not_entitled",
    ru="Для кассы {serial_number} нужна услуга {services_ru}. Купите и назначьте кассе подписку: "
    "{plans_ru} («Кассы» / «Подписки»).",
    en="Register {serial_number} needs the service {services_en}. Buy and assign it a "
    "subscription: {plans_en} (Registers / Subscriptions).",
    field="serial_numbers",
)
SERVICE_ENDS_BEFORE = Refusal(
    _CONFLICT,
    "entitlement_ends",
    ru="Подписка кассы {serial_number} с услугой {services_ru} закончится {until}, до начала "
    "операции. Продлите подписку или выберите более раннее время.",
    en="The subscription of register {serial_number} with the service {services_en} ends at "
    "{until}, before the operation starts. Renew it or choose an earlier time.",
    field="serial_numbers",
)
ZONE_UNKNOWN = Refusal(
    _CONFLICT,
    "zone_unknown",
    ru="Касса {serial_number} ещё не сообщила свой часовой пояс. Укажите время начала с часовым "
    "поясом.",
    en="Register {serial_number} has not reported its time zone yet. Give the start time with a "
    "time zone.",
    field="scheduled_local",
)
PAST_AT_REGISTER = Refusal(
    _INVALID,
    "scheduled_in_the_past",
    ru="У кассы {serial_number} это время уже прошло: её часовой пояс UTC{offset}. Укажите более "
    "позднее.",
    en="This time has already passed at register {serial_number}: its time zone is UTC{offset}. "
    "Choose a later one.",
    field="scheduled_local",
)
TWO_TIMES = Refusal(
    _INVALID,
    "two_times",
    ru="Укажите время начала один раз: общее или местное для каждой кассы.",
    en="Give the start time once: either common or local to each register.",
    field="scheduled_local",
)
NO_TIME = Refusal(
    _INVALID,
    "no_time",
    ru="Укажите время начала: общее или местное для каждой кассы.",
    en="Give the start time: either common or local to each register.",
    field="scheduled_for",
)
NOT_RETRYABLE = Refusal(
    _CONFLICT,
    "not_retryable",
    ru="Повторить можно только операцию с ошибкой или требующую внимания.",
    en="Only an operation that failed or needs attention can be retried.",
    field="id",
)
ALREADY_RETRIED = Refusal(
    _CONFLICT,
    "already_retried",
    ru="Операция {id} уже запущена заново, её новый номер — {retry_id}.",
    en="Operation {id} has already been restarted as operation {retry_id}.",
    field="id",
)
NOT_LOCAL = Refusal(
    _CONFLICT,
    "not_local",
    ru="Операция {id} не для локального выполнения или уже завершена. Проверьте номер в списке "
    "операций.",
    en="Operation {id} is not for local execution or has already ended. Check the number in the "
    "list of operations.",
    field="id",
)
ANSWER_OF_ANOTHER = Refusal(
    _CONFLICT,
    "answer_of_another",
    ru="Операция {id} создана для другой кассы, а файл ответа — от этой. Выполните задание на "
    "своей кассе.",
    en="Operation {id} was created for another register: the answer file is not from it. Run the "
    "task on that register.",
    field="serial_number",
)
ANSWER_UNFIT = Refusal(
    _INVALID,
    "answer_unfit",
    ru="Ответ драйвера на операцию {id} неполон или не читается. Выполните задание ещё раз.",
    en="The driver's answer to operation {id} is incomplete or unreadable. Run the task again.",
    field="results",
)
IMAGE_UNKNOWN = Refusal(
    _INVALID,
    "image_unknown",
    ru="Прошивки {image} нет. Выберите прошивку из списка или добавьте её.",
    en="There is no firmware {image}. Choose one from the list or add it.",
    field="params.image",
)
IMAGE_WRONG_MODEL = Refusal(
    _CONFLICT,
    "image_wrong_model",
    ru="Прошивка {image} не для модели кассы {serial_number}. Выберите прошивку для её модели.",
    en="Firmware {image} is not for the model of register {serial_number}. Choose one for its "
    "model.",
    field="params.image",
)
IMAGE_WRONG_PLATFORM = Refusal(
    _CONFLICT,
    "image_wrong_platform",
    ru="Касса {serial_number} работает на платформе {platform}, а прошивка — для платформы "
    "{image_platform}. Выберите другую прошивку или операцию.",
    en="Register {serial_number} runs platform {platform}, but the firmware is for platform "
    "{image_platform}. Choose another firmware or operation.",
    field="params.image",
)
PLATFORM_SAME = Refusal(
    _CONFLICT,
    "image_wrong_platform",
    ru="Касса {serial_number} уже работает на платформе {platform}. Уберите её из списка.",
    en="Register {serial_number} already runs platform {platform}. Leave it out.",
    field="params.image",
)
FIRMWARE_SAME = Refusal(
    _CONFLICT,
    "firmware_same",
    ru="На кассе {serial_number} уже установлена прошивка {version}. Уберите кассу из списка.",
    en="Register {serial_number} already runs firmware {version}. Leave it out.",
    field="params.image",
)

FIRMWARE_TOO_OLD = Refusal(
    _CONFLICT,
    "firmware_too_old",
    ru="Кассе {serial_number} нужна версия ПО не ниже {needed}, установлена {found}. Обновите ПО.",
    en="Register {serial_number} needs firmware {needed} or later, it runs {found}. Update it.",
    field="serial_numbers",
)
CODES_NEEDED = Refusal(
    _INVALID,
    "codes_needed",
    ru="Касса {serial_number} работает на платформе 2.5. Укажите для неё коды защиты.",
    en="Register {serial_number} runs platform 2.5. Give its protection codes.",
    field="params.codes",
)
LICENCE_NOT_ISSUED = Refusal(
    _INVALID,
    "licence_not_issued",
    ru="Для кассы {serial_number} такая лицензия не выпущена. Сначала выпустите лицензию.",
    en="No such licence has been issued for register {serial_number}. Issue it first.",
    field="serial_numbers",
)
SPARE_SAME = Refusal(
    _INVALID,
    "spare_same",
    ru="Касса {serial_number} не может заменить саму себя. Укажите заводской номер подменной ККТ.",
    en="Register {serial_number} cannot replace itself. Give the serial number of the spare "
    "register.",
    field="params.spare_serial_number",
)
SPARE_UNFIT = Refusal(
    _INVALID,
    "spare_unfit",
    ru="Модель подменной ККТ {spare} не совпадает с моделью кассы {serial_number}. Укажите ККТ "
    "той же модели.",
    en="The spare register {spare} is not the same model as register {serial_number}. Choose one "
    "of the same model.",
    field="params.spare_serial_number",
)
SYSTEM_TOO_OLD = Refusal(
    _INVALID,
    "system_too_old",
    ru="Кассе {serial_number} нужна операционная система не ниже {needed} (id {build}). Обновите "
    "её и укажите версию.",
    en="Register {serial_number} needs operating system {needed} (id {build}) or later. Update "
    "it and give its version.",
    field="params.system_version",
)
ONE_ONLY = Refusal(
    _INVALID,
    "one_only",
    ru="Эта операция создаётся только для одной кассы. Выберите одну.",
    en="This operation is for one register only. Choose one.",
    field="serial_numbers",
)

CAUSE_TEXTS: Mapping[StatusCause, tuple[str, str]] = MappingProxyType(
    {
        StatusCause.CREATED: ("создана", "created"),
        StatusCause.TAKEN: ("касса вышла на связь", "the register connected"),
        StatusCause.DONE: ("выполнена", "done"),
        StatusCause.LINK_LOST: (
            "связь с кассой прервалась, операция продолжится при следующем выходе на связь",
            "the connection to the register was lost; the operation continues at its next check-in",
        ),
        StatusCause.AWAITING_CALL: (
            "ожидается следующий выход кассы на связь",
            "waiting for the register's next check-in",
        ),
        StatusCause.ANSWER_CAME: ("касса ответила", "the register answered"),
        StatusCause.DEADLINE: (
            "срок выполнения истёк; {started}",
            "the operation timed out; {started}",
        ),
        StatusCause.CANCELLED_BY_EMPLOYEE: ("отменена сотрудником", "cancelled by an employee"),
        StatusCause.CANCELLED_BY_OPERATION: (
            "отменена операцией «Отмена отложенных операций»",
            "cancelled by the operation 'Cancel pending operations'",
        ),
        StatusCause.HANDED_OVER: (
            "отменена: касса передана другому партнёру",
            "cancelled: the register was transferred to another partner",
        ),
        StatusCause.COMMAND_FAILED: (
            "касса не выполнила команду «{command_name}»: {code_text}",
            "the register did not execute the command '{command_name}': {code_text}",
        ),
        StatusCause.NOT_CALLED: (
            "отменена: касса не выходила на связь 30 минут",
            "cancelled: the register had not connected for 30 minutes",
        ),
        StatusCause.LICENCE_NOT_HELD: (
            "касса не приняла код защиты {number}",
            "the register did not accept protection code {number}",
        ),
        StatusCause.NO_REGISTRATIONS_LEFT: (
            "ресурс перерегистраций ФН исчерпан, замените ФН",
            "the fiscal drive has no re-registrations left, replace it",
        ),
        StatusCause.KEY_NOT_TAKEN: (
            "касса продолжает работать на прежнем ключе, ключ поколения {generation} не применён",
            "the register still uses its old key, the key of generation {generation} is not "
            "applied",
        ),
        StatusCause.SETTING_FAILED: (
            "касса не приняла настройку {setting}: {code_text}",
            "the register did not accept setting {setting}: {code_text}",
        ),
        StatusCause.SETTING_UNFIT: (
            "значение настройки {setting} не подходит для этой кассы",
            "the value of setting {setting} does not fit this register",
        ),
        StatusCause.BAD_ANSWER: (
            "касса ответила не по протоколу, обратитесь в поддержку",
            "the register's answer does not follow the protocol, contact support",
        ),
        StatusCause.CANCELLED_BY_ROLLOUT: (
            "отменена: поэтапное обновление остановлено",
            "cancelled: its roll-out was stopped",
        ),
        StatusCause.REPLACED: (
            "запущена заново, номер новой операции — {operation_id}",
            "restarted as operation {operation_id}",
        ),
        StatusCause.DRIVER_FAILED: (
            "драйвер ККТ не выполнил задание «{request}»: ошибка {error}{description}",
            "the register's driver did not run the task '{request}': error {error}{description}",
        ),
        StatusCause.SHIFT_OPEN: (
            "на кассе открыта смена, закройте её",
            "the register's shift is open, close it",
        ),
        StatusCause.RECEIPTS_UNSENT: (
            "на кассе есть неотправленные чеки, дождитесь их отправки в ОФД",
            "the register has unsent receipts, wait until the OFD gets them",
        ),
        StatusCause.BUSY: ("касса занята", "the register is busy"),
        StatusCause.UNSUPPORTED: (
            "касса (или драйвер) не поддерживает эту команду",
            "the register (or its driver) does not support this command",
        ),
        StatusCause.LOW_BATTERY: ("батарея кассы разряжена", "the register's battery is low"),
        StatusCause.TRANSFER_STALLED: (
            "касса перестала принимать прошивку на блоке {block} из {blocks}",
            "the register stopped accepting the firmware at block {block} of {blocks}",
        ),
        StatusCause.FIRMWARE_UNCHANGED: (
            "после перезапуска на кассе прошивка {firmware_version} (платформа {platform}), "
            "ожидалась {expected}",
            "after the restart the register runs firmware {firmware_version} (platform "
            "{platform}), expected {expected}",
        ),
        StatusCause.STALE: (
            "касса могла уже выполнить этот шаг, но ответ не сохранился; проверьте её состояние",
            "the register may have done this step already, but its answer is lost; check its state",
        ),
        StatusCause.INTERNAL_ERROR: (
            "ошибка сервера, обратитесь в поддержку",
            "server error, contact support",
        ),
    }
)


def explain(cause: str, detail: Mapping[str, Any] | None, language: Language) -> str:
    """Return the sentence of a cause, with the commands and result codes of ``detail`` in words."""
    known: dict[str, Any] = dict(detail or {})
    if isinstance(known.get("started"), bool):
        known["started"] = _STARTED[known["started"]]
    if known.get("description"):
        known["description"] = f" ({known['description']})"
    code = known.get("code")
    if isinstance(code, int):
        known["code_text"] = BilingualText(describe(code, "ru"), describe(code, "en"))
    if "command" in known:
        name = name_of(known["command"])
        known["command_name"] = BilingualText(name["ru"], name["en"])
    refused = code == WRONG_FORMAT and known.get("command") in _OFFERS
    return fill(
        BilingualText(*(_IMAGE_REFUSED if refused else CAUSE_TEXTS[StatusCause(cause)])),
        language,
        known,
    )
