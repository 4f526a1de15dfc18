"""Why a client cannot be shown, made or deleted, and the way out."""

from fleet.kit.errors import ErrorKind, Refusal

CLIENT_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "client_not_found",
    field="inn",
    ru="Клиента с ИНН {inn} у вас нет. Проверьте номер или добавьте клиента.",
    en="You have no client with the ИНН {inn}. Check the number or add the client.",
)
CLIENT_EXISTS = Refusal(
    ErrorKind.CONFLICT,
    "client_exists",
    field="inn",
    ru="Клиент с ИНН {inn} уже добавлен. Измените его карточку.",
    en="The client with the ИНН {inn} has been added already. Change the card.",
)
CLIENT_OF_REGISTERS = Refusal(
    ErrorKind.CONFLICT,
    "client_of_registers",
    field="inn",
    ru="Клиента называют ваши ККТ, и введённых данных о нём нет: удалять нечего. Он исчезнет из "
    "списка вместе с последней своей ККТ.",
    en="Your registers name this client, and nothing was typed about it: there is nothing to "
    "delete. It leaves the list with the last of its registers.",
)
