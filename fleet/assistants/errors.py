"""Refusals of Assistants and of accounts of the broker."""

from fleet.kit.errors import ErrorKind, Refusal

_CONFLICT = ErrorKind.CONFLICT

ASSISTANT_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "assistant_not_found",
    field="id",
    ru="Ассистент {id} не найден среди Ассистентов вашей организации. Проверьте номер в списке.",
    en="Assistant {id} is not among your organisation's Assistants. Check the number in the list.",
)
LOGIN_TAKEN = Refusal(
    _CONFLICT,
    "assistant_login_taken",
    field="login",
    ru="Логин «{login}» уже занят. Выберите другой.",
    en="The login '{login}' is taken. Choose another one.",
)
TERMINAL_EXISTS = Refusal(
    _CONFLICT,
    "terminal_account_exists",
    field="serial_number",
    ru="У кассы уже есть учётная запись MQTT «{login}». Если её пароль потерян, удалите её и "
    "создайте новую.",
    en="The register already has the MQTT account '{login}'. If its password is lost, delete the "
    "account and create a new one.",
)
LOGIN_RESERVED = Refusal(
    ErrorKind.INVALID,
    "assistant_login_reserved",
    field="login",
    ru="Логин «{login}» зарезервирован сервером. Выберите другой.",
    en="The login '{login}' is reserved by the server. Choose another one.",
)
TOO_MANY_ASSISTANTS = Refusal(
    _CONFLICT,
    "too_many_assistants",
    field="login",
    ru="В организации уже {limit:Ассистент|Ассистента|Ассистентов}, больше нельзя. Удалите "
    "ненужных.",
    en="Your organisation already has {limit:Assistant|Assistants}, the maximum. Delete those "
    "you do not need.",
)
TOO_MANY_REGISTERS = Refusal(
    _CONFLICT,
    "too_many_assistant_registers",
    field="serial_number",
    ru="У Ассистента уже {limit:касса|кассы|касс}, больше нельзя. Добавьте ещё одного Ассистента.",
    en="The Assistant already has {limit:register|registers}, the maximum. Add another Assistant.",
)
REGISTER_SERVED = Refusal(
    _CONFLICT,
    "register_has_account",
    field="serial_number",
    ru="Касса уже добавлена Ассистенту «{login}» или сама входит под этим логином. Сначала "
    "удалите её оттуда.",
    en="The register is already with the Assistant '{login}' or signs in with that login itself. "
    "Remove it there first.",
)
REGISTER_NOT_ADDED = Refusal(
    ErrorKind.NOT_FOUND,
    "register_not_added",
    field="serial_number",
    ru="У этого Ассистента такой кассы нет. Обновите его карточку.",
    en="This assistant has no such register. Reload its card.",
)
OTHERS_SERVED = Refusal(
    _CONFLICT,
    "assistant_serves_others",
    field="id",
    ru="Ассистент работает и с кассами, к которым у вас нет доступа. Попросите сотрудника с "
    "доступом ко всем этим кассам или администратора.",
    en="The Assistant also serves registers outside your scope. Ask an employee who can see all "
    "of them, or an administrator.",
)
NO_TERMINAL = Refusal(
    ErrorKind.NOT_FOUND,
    "no_terminal_account",
    field="serial_number",
    ru="У кассы нет учётной записи MQTT, удалять нечего.",
    en="The register has no MQTT account: there is nothing to delete.",
)
BROKER_DOWN = Refusal(
    ErrorKind.UNAVAILABLE,
    "broker_down",
    field="request",
    ru="Брокер сообщений сейчас не отвечает, ничего не изменено. Повторите через минуту.",
    en="The message broker is not responding; nothing was changed. Try again in a minute.",
)
