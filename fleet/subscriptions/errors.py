"""What people are told when subscriptions cannot be bought, assigned or transferred."""

from fleet.kit.errors import ErrorKind, Refusal

_INVALID, _CONFLICT = ErrorKind.INVALID, ErrorKind.CONFLICT

PLAN_UNKNOWN = Refusal(
    _INVALID,
    "plan_unknown",
    field="plan",
    ru="Подписки «{plan}» нет. Возьмите код из GET /api/v1/subscriptions/plans.",
    en="There is no subscription '{plan}'. Take a code from GET /api/v1/subscriptions/plans.",
)
NOT_SOLD = Refusal(
    _CONFLICT,
    "plan_not_sold",
    field="plan",
    ru="Подписка «{ru}» больше не продаётся. Выберите другую с теми же услугами.",
    en="The subscription '{en}' is sold no more. Choose another one with the same services.",
)
TERMS_NOT_ACCEPTED = Refusal(
    _INVALID,
    "rules_not_agreed",
    field="agreed",
    ru="Прочитайте правила и согласитесь с ними: без этого подписку не купить.",
    en="Read the rules and agree to them: nothing can be bought without that.",
)
QUANTITY_UNFIT = Refusal(
    _INVALID,
    "quantity_unfit",
    field="quantity",
    ru="Количество — от 1 до {most}.",
    en="The quantity is 1 to {most}.",
)
ORDER_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "order_not_found",
    field="id",
    ru="Заказа {id} нет. Проверьте номер в истории покупок.",
    en="There is no order {id}. Check the number in the history of purchases.",
)
REGISTER_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "register_not_found",
    field="serial_numbers",
    ru="ККТ {serial_number} не найдена среди касс вашей организации.",
    en="Register {serial_number} is not among your organisation's registers.",
)
PLAN_UNFIT = Refusal(
    _CONFLICT,
    "plan_unfit",
    field="plans",
    ru="Подписка «{ru}» не для модели или платформы ККТ {serial_number}. Выберите другую.",
    en="The subscription '{en}' is not for the model or platform of register {serial_number}. "
    "Choose another one.",
)
PLATFORM_UNKNOWN = Refusal(
    _CONFLICT,
    "platform_unknown",
    field="plans",
    ru="ККТ {serial_number} ещё не выходила на связь, и неизвестно, подходит ли ей подписка "
    "«{ru}». Дождитесь первого выхода на связь.",
    en="Register {serial_number} has not called yet, and nobody knows whether the subscription "
    "'{en}' fits it. Wait for its first check-in.",
)
ALREADY_ENDLESS = Refusal(
    _CONFLICT,
    "subscription_endless",
    field="plans",
    ru="У ККТ {serial_number} уже есть бессрочная подписка «{ru}». Уберите её из выбора.",
    en="Register {serial_number} has the subscription '{en}' without end already. Leave it out.",
)
TOO_FAR_AHEAD = Refusal(
    _CONFLICT,
    "subscription_too_long",
    field="plans",
    ru="Подписка «{ru}» ККТ {serial_number} после продления была бы оплачена больше чем на "
    "{years} лет вперёд. Продлите её позже.",
    en="The subscription '{en}' of register {serial_number} would then be paid for more than "
    "{years} years ahead. Prolong it later.",
)
STOCK_EXHAUSTED = Refusal(
    _CONFLICT,
    "stock_short",
    field="plans",
    ru="ККТ {serial_number}: подписок «{ru}» больше нет. Купите ещё («Кассы» / «Подписки»).",
    en="Register {serial_number}: no subscription '{en}' is left. Buy more (Registers / "
    "Subscriptions).",
)
PLAN_REPEATED = Refusal(
    _INVALID,
    "plan_repeated",
    field="plans",
    ru="Подписка «{ru}» выбрана дважды. Уберите повтор.",
    en="The subscription '{en}' is chosen twice. Remove the repetition.",
)
PARTNER_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "partner_not_found",
    field="to",
    ru="Нет партнёра с таким UUID или логином действующего сотрудника, у которого кто-нибудь мог "
    "бы назначать подписки. Уточните их у получателя.",
    en="No partner with this UUID, or with an active employee of this login, has anybody who could "
    "assign subscriptions. Ask the receiver for them.",
)
SAME_PARTNER = Refusal(
    _INVALID,
    "same_partner",
    field="to",
    ru="Это ваша организация: подписки уже у неё. Укажите другого партнёра.",
    en="This is your own organisation: it holds them already. Name another partner.",
)
QUANTITY_OR_ALL = Refusal(
    _INVALID,
    "quantity_or_all",
    field="quantity",
    ru="Задайте одно из полей «quantity» и «all».",
    en="Give one of the fields 'quantity' and 'all'.",
)
STOCK_TOO_SMALL = Refusal(
    _CONFLICT,
    "not_so_many",
    field="quantity",
    ru="Подписок «{ru}» у вас {available}. Укажите не больше.",
    en="You hold {available} of the subscription '{en}'. Give no greater number.",
)
NONE_LEFT = Refusal(
    _CONFLICT,
    "none_left",
    field="plan",
    ru="Подписок «{ru}» у вас нет, передавать нечего.",
    en="You hold none of the subscription '{en}', there is nothing to transfer.",
)
