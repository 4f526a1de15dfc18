"""Messages about payments for people and for payment providers."""

from fleet.kit.errors import ErrorKind, Refusal

PAYMENT_NOT_FOUND = Refusal(
    ErrorKind.NOT_FOUND,
    "payment_not_found",
    ru="Платёж {id} не найден. Проверьте номер в истории покупок.",
    en="Payment {id} is not found. Check the number in the history of purchases.",
    field="id",
)
PAYMENT_CANCELLED = Refusal(
    ErrorKind.CONFLICT,
    "payment_cancelled",
    ru="Платёж {id} отменён или не оплачен вовремя. Оформите новую покупку.",
    en="Payment {id} was cancelled or not paid in time. Make a new purchase.",
    field="id",
)
PAYMENT_FAILED = Refusal(
    ErrorKind.CONFLICT,
    "payment_failed",
    ru="Платёж {id} не прошёл: платёжная система или банк отказали. Оформите новую покупку и "
    "оплатите другой картой.",
    en="Payment {id} was declined by the payment system or the bank. Make a new purchase and pay "
    "with another card.",
    field="id",
)
PAYMENT_AWAITED = Refusal(
    ErrorKind.CONFLICT,
    "payment_awaited",
    ru="Результат платежа {id} ещё уточняется. Не платите второй раз: проверьте заказ позже в "
    "истории покупок.",
    en="The result of payment {id} is still being checked. Do not pay again: look at the order "
    "later in the purchase history.",
    field="id",
)
AMOUNT_UNFIT = Refusal(
    ErrorKind.INVALID,
    "amount_unfit",
    ru="Сумма платежа — от 0,01 до {most} руб. Измените количество.",
    en="The amount of a payment must be 0.01 to {most} roubles. Change the quantity.",
    field="amount_kopecks",
)
PROVIDER_AWAY = Refusal(
    ErrorKind.UNAVAILABLE,
    "payment_provider_away",
    ru="Платёжная система не отвечает. Повторите через {retry_after_s:duration}: второй раз "
    "деньги не спишутся.",
    en="The payment system is not responding. Try again in {retry_after_s:duration}: you will "
    "not be charged twice.",
    field="id",
)
PROVIDER_REFUSED = Refusal(
    ErrorKind.UNAVAILABLE,
    "payment_provider_refused",
    ru="Платёжная система не приняла запрос. Заказ сохранён, деньги не списаны. Сообщите "
    "поддержке: причина записана в журнале сервера.",
    en="The payment system did not accept the request. The order is saved, no money was taken. "
    "Tell support: the reason is in the server's log.",
    field="id",
)
PROVIDER_UNKNOWN = Refusal(
    ErrorKind.NOT_FOUND,
    "payment_provider_unknown",
    ru="Платёжная система «{provider}» не подключена. Проверьте CASH_SERVER_PAYMENTS.",
    en="The payment system '{provider}' is not connected. Check CASH_SERVER_PAYMENTS.",
    field="provider",
)
NOTICE_BROKEN = Refusal(
    ErrorKind.INVALID,
    "payment_notice_broken",
    ru="Уведомление не читается: ошибка в поле «{where}». Сверьте его с описанием платёжной "
    "системы.",
    en="The notice cannot be read: the field '{where}' is wrong. Check it against the payment "
    "system's documentation.",
    field="body",
)
NOTICE_TOO_LARGE = Refusal(
    ErrorKind.TOO_LARGE,
    "payment_notice_too_large",
    ru="Уведомление больше {max_bytes:байта|байт|байт}. Пришлите уведомление об одном платеже.",
    en="The notice is larger than {max_bytes:byte|bytes}. Send a notice about one payment.",
    field="body",
)
SIGNATURE_WRONG = Refusal(
    ErrorKind.UNAUTHENTICATED,
    "payment_signature_wrong",
    ru="Подпись уведомления неверна или устарела. Подпишите его заново верным ключом.",
    en="The signature of the notice is wrong or too old. Sign it again with the right key.",
    field="Sandbox-Signature",
)
REPORT_UNFIT = Refusal(
    ErrorKind.CONFLICT,
    "payment_report_unfit",
    ru="Данные платёжной системы расходятся с заказом: не совпадает {ru}. Платёж не изменён, "
    "проверьте его вручную.",
    en="The payment system's data differ from the order: the {en} does not match. The payment "
    "was not changed, check it by hand.",
    field="body",
)
FORM_FOREIGN = Refusal(
    ErrorKind.FORBIDDEN,
    "payment_form_foreign",
    ru="Форма отправлена не с платёжной страницы. Откройте страницу заново.",
    en="The form did not come from the payment page. Open the page again.",
    field="token",
)
