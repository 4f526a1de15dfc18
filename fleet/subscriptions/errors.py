"""Errors of buying, assigning and transferring subscriptions."""

from fleet.kit.errors import ErrorKind, Refusal

_INVALID, _CONFLICT = ErrorKind.INVALID, ErrorKind.CONFLICT

PLAN_UNKNOWN = Refusal(
    _INVALID,
    "plan_unknown",
    field="plan",
    ru="Подписки «{plan}» нет. Выберите подписку из списка.",
    en="There is no subscription '{plan}'. Choose one from the list.",
)
NOT_SOLD = Refusal(
    _CONFLICT,
    "plan_not_sold",
    field="plan",
    ru="Подписка «{ru}» больше не продаётся. Выберите другую с теми же услугами.",
    en="The subscription '{en}' is no longer sold. Choose another one with the same services.",
)
TERMS_NOT_ACCEPTED = Refusal(
    _INVALID,
    "rules_not_agreed",
    field="agreed",
    ru="Чтобы купить подписку, прочитайте правила и согласитесь с ними.",
    en="To buy a subscription, read the rules and agree to them.",
)
QUANTITY_UNFIT = Refusal(
    _INVALID,
    "quantity_unfit",
    field="quantity",
    ru="Укажите количество от 1 до {most}.",
    en="The quantity must be 1 to {most}.",
)
ORDER_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "order_not_found",
    field="id",
    ru="Заказ {id} не найден. Проверьте номер в истории покупок.",
    en="Order {id} is not found. Check the number in the purchase history.",
)
REGISTER_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "register_not_found",
    field="serial_numbers",
    ru="Касса {serial_number} не найдена среди касс вашей организации. Проверьте номер.",
    en="Register {serial_number} is not among your organisation's registers. Check the number.",
)
PLAN_UNFIT = Refusal(
    _CONFLICT,
    "plan_unfit",
    field="plans",
    ru="Подписка «{ru}» не подходит для модели или платформы кассы {serial_number}. Выберите "
    "другую.",
    en="The subscription '{en}' does not fit the model or platform of register {serial_number}. "
    "Choose another one.",
)
PLATFORM_UNKNOWN = Refusal(
    _CONFLICT,
    "platform_unknown",
    field="plans",
    ru="Касса {serial_number} ещё не выходила на связь: неизвестно, подходит ли ей подписка "
    "«{ru}». Дождитесь первого выхода на связь.",
    en="Register {serial_number} has not connected yet: it is unknown whether the subscription "
    "'{en}' fits it. Wait for its first check-in.",
)
ALREADY_ENDLESS = Refusal(
    _CONFLICT,
    "subscription_endless",
    field="plans",
    ru="У кассы {serial_number} уже есть бессрочная подписка «{ru}». Снимите её выбор.",
    en="Register {serial_number} already has the unlimited subscription '{en}'. Leave it out.",
)
TOO_FAR_AHEAD = Refusal(
    _CONFLICT,
    "subscription_too_long",
    field="plans",
    ru="Подписку «{ru}» кассы {serial_number} можно оплатить не больше чем на "
    "{years:год|года|лет} вперёд. Продлите её позже.",
    en="The subscription '{en}' of register {serial_number} can be paid for at most "
    "{years:year|years} ahead. Renew it later.",
)
STOCK_EXHAUSTED = Refusal(
    _CONFLICT,
    "stock_short",
    field="plans",
    ru="Для кассы {serial_number} не хватает подписок «{ru}». Купите ещё («Кассы» / «Подписки»).",
    en="No subscription '{en}' is left for register {serial_number}. Buy more (Registers / "
    "Subscriptions).",
)
PLAN_REPEATED = Refusal(
    _INVALID,
    "plan_repeated",
    field="plans",
    ru="Подписка «{ru}» выбрана дважды. Уберите повтор.",
    en="The subscription '{en}' is chosen twice. Remove the duplicate.",
)
PARTNER_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "partner_not_found",
    field="to",
    ru="Партнёр не найден. Проверьте UUID или логин: нужен действующий сотрудник партнёра, "
    "который вправе назначать подписки.",
    en="Partner not found. Check the UUID or the login: it must be an active employee of the "
    "partner who may assign subscriptions.",
)
SAME_PARTNER = Refusal(
    _INVALID,
    "same_partner",
    field="to",
    ru="Это ваша организация. Укажите другого партнёра.",
    en="This is your own organisation. Choose another partner.",
)
QUANTITY_OR_ALL = Refusal(
    _INVALID,
    "quantity_or_all",
    field="quantity",
    ru="Укажите либо количество, либо «все».",
    en="Give either the quantity or 'all'.",
)
STOCK_TOO_SMALL = Refusal(
    _CONFLICT,
    "not_so_many",
    field="quantity",
    ru="Подписок «{ru}» у вас {available}. Укажите не больше.",
    en="You have {available} of the subscription '{en}'. Give no more than that.",
)
NONE_LEFT = Refusal(
    _CONFLICT,
    "none_left",
    field="plan",
    ru="Подписок «{ru}» у вас нет, передавать нечего.",
    en="You have no subscriptions '{en}': there is nothing to transfer.",
)
