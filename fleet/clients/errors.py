"""Errors of clients."""

from fleet.kit.errors import ErrorKind, Refusal

CLIENT_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "client_not_found",
    field="inn",
    ru="Клиента с ИНН {inn} у вас нет. Проверьте номер или добавьте клиента.",
    en="You have no client with the INN {inn}. Check the number or add the client.",
)
CLIENT_EXISTS = Refusal(
    ErrorKind.CONFLICT,
    "client_exists",
    field="inn",
    ru="Клиент с ИНН {inn} уже добавлен. Измените его карточку.",
    en="The client with the INN {inn} has already been added. Edit its card.",
)
CLIENT_OF_REGISTERS = Refusal(
    ErrorKind.CONFLICT,
    "client_of_registers",
    field="inn",
    ru="Этот клиент взят из данных ККТ, вручную о нём ничего не введено — удалять нечего. Он "
    "исчезнет из списка вместе с последней своей кассой.",
    en="This client comes from the registers' data and nothing was entered by hand: there is "
    "nothing to delete. It leaves the list with the last of its registers.",
)
