"""Why an address cannot be kept, changed or deleted, and the way out."""

from fleet.kit.errors import ErrorKind, Refusal

ADDRESS_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "address_not_found",
    field="id",
    ru="Адреса {id} в адресной книге нет. Выберите адрес из книги или добавьте новый.",
    en="Address {id} is not in the address book. Choose an address of the book or add a new one.",
)
ADDRESS_EXISTS = Refusal(
    ErrorKind.CONFLICT,
    "address_exists",
    field="text",
    ru="Адрес «{text}» в адресной книге уже есть. Найдите его поиском.",
    en="The address '{text}' is in the address book already. Find it by the search.",
)
ADDRESS_IN_USE = Refusal(
    ErrorKind.CONFLICT,
    "address_in_use",
    field="id",
    ru="По этому адресу стоят ККТ (возможно, скрытые). Сначала укажите для них другой адрес.",
    en="Registers (maybe hidden ones) stand at this address. Give them another one first.",
)
