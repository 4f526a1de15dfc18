"""Why a template cannot be kept, changed or shown, and the way out."""

from fleet.kit.errors import ErrorKind, Refusal

_INVALID = ErrorKind.INVALID

TEMPLATE_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "template_not_found",
    field="id",
    ru="Шаблон {id} не найден среди шаблонов вашей организации. Проверьте номер в списке.",
    en="Template {id} is not among your organisation's templates. Check the number in the list.",
)
OUTLET_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "outlet_not_found",
    field="outlet_id",
    ru="Торговая точка {id} не найдена. Возьмите номер из GET /api/v1/outlets или добавьте точку.",
    en="Outlet {id} is not found. Take a number from GET /api/v1/outlets or add an outlet.",
)
OUTLET_IN_USE = Refusal(
    ErrorKind.CONFLICT,
    "outlet_in_use",
    field="id",
    ru="Торговая точка указана в шаблоне чаевых. Сначала измените или удалите шаблон.",
    en="The outlet stands in a tips template. Change or delete the template first.",
)
NAME_TAKEN = Refusal(
    ErrorKind.CONFLICT,
    "name_taken",
    field="name",
    ru="Название «{name}» уже занято. Выберите другое.",
    en="The name '{name}' is taken. Choose another one.",
)
SYSTEM_TEMPLATE = Refusal(
    ErrorKind.CONFLICT,
    "system_template",
    field="id",
    ru="Системный шаблон нельзя изменить, удалить или загрузить: он входит в прошивку "
    "платформы 5.0.",
    en="A system template cannot be changed, deleted or uploaded: it is a part of the firmware of "
    "platform 5.0.",
)
FIELD_UNKNOWN = Refusal(
    _INVALID,
    "template_field_unknown",
    ru="такого поля нет. Возьмите одно из GET /api/v1/settings-templates/fields.",
    en="there is no such field. Take one from GET /api/v1/settings-templates/fields.",
)
FIELD_NOT_ON_PLATFORM = Refusal(
    _INVALID,
    "template_field_not_on_platform",
    ru="на платформе {platform} такой настройки нет. Уберите поле.",
    en="platform {platform} has no such setting. Remove the field.",
)
FIELD_VALUE = Refusal(
    _INVALID, "template_field_value", ru="допустимо: {ru}.", en="allowed is: {en}."
)
CONTENT_UNFIT = Refusal(
    _INVALID,
    "content_unfit",
    field="content",
    ru="Поле «content»: нужен файл от 1 до {limit} байт в Base64.",
    en="Field 'content': a file of 1 to {limit} bytes in Base64 is needed.",
)
TEXT_UNPRINTABLE = Refusal(
    _INVALID,
    "text_unprintable",
    field="text",
    ru="Поле «text»: платформа {platform} не напечатает знак № {position} ({code}). Замените его.",
    en="Field 'text': platform {platform} cannot print character {position} ({code}). Replace it.",
)
