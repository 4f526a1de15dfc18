"""Why a register cannot be shown, enrolled or changed, and the way out."""

from fleet.kit.errors import ErrorKind, Refusal

REGISTER_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "register_not_found",
    field="serial_number",
    ru="Среди ваших касс нет кассы с этим заводским номером. Проверьте номер или добавьте кассу.",
    en="No register of yours has this serial number. Check the number or add the register.",
)
SERIAL_NUMBER_UNFIT = Refusal(
    ErrorKind.INVALID,
    "serial_number_unfit",
    field="serial_numbers",
    ru="Это не заводской номер: нужны 14 цифр, первые три — 001. Сверьте с шильдиком кассы.",
    en="This is not a serial number: 14 digits are needed, the first three 001. Compare it with "
    "the plate of the register.",
)
SERIAL_NUMBER_REPEATED = Refusal(
    ErrorKind.INVALID,
    "serial_number_repeated",
    field="serial_numbers",
    ru="Номер уже есть выше в этом списке. Уберите повтор.",
    en="The number stands in this list already. Remove the repetition.",
)
ALREADY_YOURS = Refusal(
    ErrorKind.CONFLICT,
    "already_yours",
    field="serial_numbers",
    ru="Касса уже добавлена в ваш кабинет; если её не видно, снимите фильтры или покажите скрытые.",
    en="The register is in your cabinet already; if you do not see it, clear the filters or show "
    "the hidden ones.",
)
BOUND_TO_ANOTHER_PARTNER = Refusal(
    ErrorKind.CONFLICT,
    "bound_to_another_partner",
    field="serial_numbers",
    ru="Касса привязана к другому партнёру. Подайте запрос на доступ с согласием владельца.",
    en="The register is bound to another partner. Send an access request with the owner's consent.",
)
OUT_OF_SCOPE = Refusal(
    ErrorKind.CONFLICT,
    "out_of_sight",
    field="serial_numbers",
    ru="Касса занята: она у другого партнёра или вне вашей области доступа. Обратитесь к "
    "администратору или подайте запрос на доступ с согласием владельца.",
    en="The register is taken: it is another partner's or outside your scope. Ask an "
    "administrator, or send an access request with the owner's consent.",
)
FISCALISED = Refusal(
    ErrorKind.CONFLICT,
    "fiscalised",
    field="serial_numbers",
    ru="Касса фискализирована, по номеру её не добавить. Подайте запрос на доступ с ИНН владельца.",
    en="The register is fiscalised and cannot be added by its number. Send an access request with "
    "the owner's INN.",
)
OWNER_KNOWN = Refusal(
    ErrorKind.CONFLICT,
    "owner_known",
    field="serial_numbers",
    ru="Касса уже назвала своего владельца, по номеру её не добавить. Добавьте её в разделе "
    "«Доступы» с ИНН владельца.",
    en="The register has named its owner and cannot be added by its number. Add it through access "
    "requests with the owner's INN.",
)
NO_OWN_REGISTERS = Refusal(
    ErrorKind.NOT_FOUND,
    "none_bound",
    field="serial_numbers",
    ru="Ни одна из этих ККТ не привязана к вашему кабинету. Проверьте номера или добавьте кассы.",
    en="None of these registers is bound to your cabinet. Check the numbers or add the registers.",
)
NOT_A_TEXT_FILE = Refusal(
    ErrorKind.INVALID,
    "not_a_text",
    field="file",
    ru="Файл не читается как текст. Сохраните список номеров как TXT или CSV в UTF-8 или "
    "Windows-1251; ничего не изменено.",
    en="The file cannot be read as text. Save the list of numbers as TXT or CSV in UTF-8 or "
    "Windows-1251; nothing was changed.",
)
NO_SERIAL_NUMBERS = Refusal(
    ErrorKind.INVALID,
    "no_serial_numbers",
    field="file",
    ru="В файле нет ни одного номера. Запишите заводские номера по одному на строке.",
    en="There is no number in the file. Write the serial numbers one on each line.",
)
TOO_MANY_SERIAL_NUMBERS = Refusal(
    ErrorKind.INVALID,
    "too_many_serial_numbers",
    field="file",
    ru="В файле {found} номеров, можно не больше {max}: лишние начинаются со строки {line}. "
    "Разделите файл; ничего не изменено.",
    en="There are {found} numbers in the file, at most {max} are taken: line {line} is the first "
    "too many. Split the file; nothing was changed.",
)
