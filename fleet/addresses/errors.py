"""Errors of the address book."""

from fleet.kit.errors import ErrorKind, Refusal

ADDRESS_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "address_not_found",
    field="id",
    ru="Адреса {id} в адресной книге нет. Выберите адрес из книги или добавьте новый.",
    en="Address {id} is not in the address book. Choose one from the book or add a new one.",
)
ADDRESS_EXISTS = Refusal(
    ErrorKind.CONFLICT,
    "address_exists",
    field="text",
    ru="Адрес «{text}» уже есть в адресной книге. Найдите его поиском.",
    en="The address '{text}' is already in the address book. Search for it there.",
)
ADDRESS_IN_USE = Refusal(
    ErrorKind.CONFLICT,
    "address_in_use",
    field="id",
    ru="Этот адрес указан у касс (возможно, скрытых). Сначала укажите для них другой адрес.",
    en="Registers (perhaps hidden ones) have this address. Give them another one first.",
)
