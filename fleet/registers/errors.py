"""Errors of showing, enrolling and changing registers."""

from fleet.kit.errors import ErrorKind, Refusal

REGISTER_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "register_not_found",
    field="serial_number",
    ru="Кассы с этим заводским номером нет среди ваших. Проверьте номер или добавьте кассу.",
    en="You have no register with this serial number. Check the number or add the register.",
)
SERIAL_NUMBER_UNFIT = Refusal(
    ErrorKind.INVALID,
    "serial_number_unfit",
    field="serial_numbers",
    ru="Это не заводской номер: нужны 14 цифр, первые три — 001. Сверьте с шильдиком кассы.",
    en="This is not a serial number: it has 14 digits and begins with 001. Compare it with the "
    "register's plate.",
)
SERIAL_NUMBER_REPEATED = Refusal(
    ErrorKind.INVALID,
    "serial_number_repeated",
    field="serial_numbers",
    ru="Номер уже есть выше в этом списке. Уберите повтор.",
    en="The number is already in this list. Remove the duplicate.",
)
ALREADY_YOURS = Refusal(
    ErrorKind.CONFLICT,
    "already_yours",
    field="serial_numbers",
    ru="Касса уже добавлена в ваш личный кабинет. Если её не видно, сбросьте фильтры или "
    "включите показ скрытых.",
    en="The register is already in your account. If you do not see it, clear the filters or show "
    "hidden registers.",
)
BOUND_TO_ANOTHER_PARTNER = Refusal(
    ErrorKind.CONFLICT,
    "bound_to_another_partner",
    field="serial_numbers",
    ru="Касса привязана к другому партнёру. Отправьте запрос на доступ с согласием владельца.",
    en="The register belongs to another partner. Send an access request with the owner's consent.",
)
OUT_OF_SCOPE = Refusal(
    ErrorKind.CONFLICT,
    "out_of_sight",
    field="serial_numbers",
    ru="Касса привязана к другому партнёру или к ней у вас нет доступа. Обратитесь к "
    "администратору или отправьте запрос на доступ с согласием владельца.",
    en="The register belongs to another partner or is outside your scope. Ask an administrator, "
    "or send an access request with the owner's consent.",
)
FISCALISED = Refusal(
    ErrorKind.CONFLICT,
    "fiscalised",
    field="serial_numbers",
    ru="Касса фискализирована, по номеру её не добавить. Отправьте запрос на доступ с ИНН "
    "владельца.",
    en="The register is fiscalised and cannot be added by its number. Send an access request "
    "with the owner's INN.",
)
OWNER_KNOWN = Refusal(
    ErrorKind.CONFLICT,
    "owner_known",
    field="serial_numbers",
    ru="Касса уже сообщила своего владельца, по номеру её не добавить. Добавьте её в разделе "
    "«Доступы» с ИНН владельца.",
    en="The register has already reported its owner and cannot be added by its number. Add it "
    "under Access with the owner's INN.",
)
NO_OWN_REGISTERS = Refusal(
    ErrorKind.NOT_FOUND,
    "none_bound",
    field="serial_numbers",
    ru="Ни одной из этих касс нет в вашем личном кабинете. Проверьте номера или добавьте кассы.",
    en="None of these registers is in your account. Check the numbers or add the registers.",
)
NOT_A_TEXT_FILE = Refusal(
    ErrorKind.INVALID,
    "not_a_text",
    field="file",
    ru="Файл не читается как текст, ничего не изменено. Сохраните список номеров как TXT или CSV "
    "в кодировке UTF-8 или Windows-1251.",
    en="The file cannot be read as text; nothing was changed. Save the list of numbers as TXT or "
    "CSV in UTF-8 or Windows-1251.",
)
NO_SERIAL_NUMBERS = Refusal(
    ErrorKind.INVALID,
    "no_serial_numbers",
    field="file",
    ru="В файле нет ни одного номера. Укажите заводские номера, по одному в строке.",
    en="The file has no numbers. Write the serial numbers, one per line.",
)
TOO_MANY_SERIAL_NUMBERS = Refusal(
    ErrorKind.INVALID,
    "too_many_serial_numbers",
    field="file",
    ru="Номеров в файле: {found}, допустимо {max}; лишние — со строки {line}. Разделите файл; "
    "ничего не изменено.",
    en="Numbers in the file: {found}, allowed: {max}; the extra ones begin at line {line}. Split "
    "the file; nothing was changed.",
)
