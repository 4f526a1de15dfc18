"""Refusals of templates that cannot be stored, changed or shown."""

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
    ru="Торговая точка {id} не найдена. Выберите точку из списка или добавьте новую.",
    en="Sales point {id} is not found. Choose one from the list or add a new one.",
)
OUTLET_IN_USE = Refusal(
    ErrorKind.CONFLICT,
    "outlet_in_use",
    field="id",
    ru="Торговая точка указана в шаблоне чаевых. Сначала измените или удалите шаблон.",
    en="A tips template uses this sales point. Change or delete the template first.",
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
    ru="Системный шаблон нельзя изменить, удалить или загрузить: он входит в прошивку платформы "
    "5.0.",
    en="A system template cannot be changed, deleted or uploaded: it is part of the platform 5.0 "
    "firmware.",
)
FIELD_UNKNOWN = Refusal(
    _INVALID,
    "template_field_unknown",
    ru="такой настройки нет. Выберите настройку из списка полей шаблона.",
    en="there is no such setting. Choose one from the list of template fields.",
)
FIELD_NOT_ON_PLATFORM = Refusal(
    _INVALID,
    "template_field_not_on_platform",
    ru="на платформе {platform} такой настройки нет. Уберите поле.",
    en="platform {platform} has no such setting. Remove the field.",
)
FIELD_VALUE = Refusal(_INVALID, "template_field_value", ru="допустимо: {ru}.", en="allowed: {en}.")
CONTENT_UNFIT = Refusal(
    _INVALID,
    "content_unfit",
    field="content",
    ru="Содержимое шаблона — файл размером от 1 до {limit:байта|байт|байт} в кодировке Base64.",
    en="The template's content must be a file of 1 to {limit:byte|bytes} in Base64.",
)
TEXT_UNPRINTABLE = Refusal(
    _INVALID,
    "text_unprintable",
    field="text",
    ru="Касса платформы {platform} не может напечатать символ № {position} ({code}). Замените его.",
    en="A register of platform {platform} cannot print character {position} ({code}). Replace it.",
)
