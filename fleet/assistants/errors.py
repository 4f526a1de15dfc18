"""Why an Assistant cannot be made, changed or given a register, and the way out."""

from fleet.kit.errors import ErrorKind, Refusal

_CONFLICT = ErrorKind.CONFLICT

ASSISTANT_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "assistant_not_found",
    field="id",
    ru="Ассистент {id} не найден среди ассистентов вашей организации. Проверьте номер в списке.",
    en="Assistant {id} is not among your organisation's ones. Check the number in the list.",
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
    en="The register has the MQTT account '{login}' already. If its password is lost, delete the "
    "account and make a new one.",
)
LOGIN_RESERVED = Refusal(
    ErrorKind.INVALID,
    "assistant_login_reserved",
    field="login",
    ru="Логин «{login}» занят служебным именем. Выберите другой.",
    en="The login '{login}' is one of the server's own. Choose another one.",
)
TOO_MANY_ASSISTANTS = Refusal(
    _CONFLICT,
    "too_many_assistants",
    field="login",
    ru="В организации уже {limit} ассистентов, больше нельзя. Удалите ненужных.",
    en="The organisation has {limit} assistants already, no more are allowed. Delete some.",
)
TOO_MANY_REGISTERS = Refusal(
    _CONFLICT,
    "too_many_assistant_registers",
    field="serial_number",
    ru="У ассистента уже {limit} касс, больше нельзя. Заведите ещё одного ассистента.",
    en="The assistant has {limit} registers already, no more are allowed. Make another assistant.",
)
REGISTER_SERVED = Refusal(
    _CONFLICT,
    "register_has_account",
    field="serial_number",
    ru="Касса уже добавлена ассистенту «{login}» или сама входит под этим логином. Сначала "
    "удалите её оттуда.",
    en="The register is with the assistant '{login}' or signs in by that login itself. Remove it "
    "there first.",
)
REGISTER_NOT_ADDED = Refusal(
    ErrorKind.NOT_FOUND,
    "register_not_added",
    field="serial_number",
    ru="У этого ассистента такой кассы нет. Обновите его карточку.",
    en="This assistant has no such register. Reload its card.",
)
OTHERS_SERVED = Refusal(
    _CONFLICT,
    "assistant_serves_others",
    field="id",
    ru="Ассистент работает и с кассами вне вашего доступа. Попросите сотрудника, который видит их "
    "все, или администратора.",
    en="The assistant serves registers outside your scope too. Ask an employee who sees them all, "
    "or an administrator.",
)
NO_TERMINAL = Refusal(
    ErrorKind.NOT_FOUND,
    "no_terminal_account",
    field="serial_number",
    ru="У кассы нет учётной записи MQTT, удалять нечего.",
    en="The register has no MQTT account, there is nothing to delete.",
)
BROKER_DOWN = Refusal(
    ErrorKind.UNAVAILABLE,
    "broker_down",
    field="request",
    ru="Брокер сообщений сейчас не отвечает, ничего не изменено. Повторите через минуту.",
    en="The message broker does not answer now, nothing was changed. Repeat in a minute.",
)
