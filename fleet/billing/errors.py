"""What people and payment providers are told about payments."""

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
    ru="Платёж {id} отменён или не сделан вовремя. Оформите новую покупку.",
    en="Payment {id} was cancelled or not made in time. Make a new purchase.",
    field="id",
)
PAYMENT_FAILED = Refusal(
    ErrorKind.CONFLICT,
    "payment_failed",
    ru="Платёж {id} не прошёл: платёжная система или банк отказали. Оформите новую покупку и "
    "заплатите другой картой.",
    en="Payment {id} was refused by the payment system or the bank. Make a new purchase and pay "
    "with another card.",
    field="id",
)
PAYMENT_AWAITED = Refusal(
    ErrorKind.CONFLICT,
    "payment_awaited",
    ru="Платёж {id} начат больше часа назад, и чем он кончился, ещё выясняется. Не платите второй "
    "раз: посмотрите на заказ позже, в истории покупок.",
    en="Payment {id} was begun over an hour ago, and how it ended is being found out. Do not pay "
    "again: look at the order later, in the history of purchases.",
    field="id",
)
AMOUNT_UNFIT = Refusal(
    ErrorKind.INVALID,
    "amount_unfit",
    ru="Сумма платежа должна быть от 0,01 до {most} руб. Измените количество.",
    en="The amount of a payment must be from 0.01 to {most} roubles. Change the quantity.",
    field="amount_kopecks",
)
PROVIDER_AWAY = Refusal(
    ErrorKind.UNAVAILABLE,
    "payment_provider_away",
    ru="Платёжная система не отвечает. Повторите через {retry_after_s} с: второй раз деньги не "
    "спишутся.",
    en="The payment system does not answer. Repeat in {retry_after_s} s: the money is not taken "
    "twice.",
    field="id",
)
PROVIDER_REFUSED = Refusal(
    ErrorKind.UNAVAILABLE,
    "payment_provider_refused",
    ru="Платёжная система не приняла запрос, причина записана в журнал сервера. Заказ сохранён, "
    "деньги не списаны. Сообщите поддержке.",
    en="The payment system did not take the request, the server's log says why. The order is kept, "
    "no money was taken. Tell support.",
    field="id",
)
PROVIDER_UNKNOWN = Refusal(
    ErrorKind.NOT_FOUND,
    "payment_provider_unknown",
    ru="Платёжная система «{provider}» здесь не включена. Проверьте CASH_SERVER_PAYMENTS.",
    en="The payment system '{provider}' is not in use here. Check CASH_SERVER_PAYMENTS.",
    field="provider",
)
NOTICE_BROKEN = Refusal(
    ErrorKind.INVALID,
    "payment_notice_broken",
    ru="Уведомление не читается, ошибка в поле «{where}». Сверьте с описанием платёжной системы.",
    en="The notice cannot be read, the field '{where}' is wrong. Compare it with the payment "
    "system's description.",
    field="body",
)
NOTICE_TOO_LARGE = Refusal(
    ErrorKind.TOO_LARGE,
    "payment_notice_too_large",
    ru="Уведомление больше {max_bytes} байт. Пришлите только один платёж.",
    en="The notice is over {max_bytes} bytes. Send one payment only.",
    field="body",
)
SIGNATURE_WRONG = Refusal(
    ErrorKind.UNAUTHENTICATED,
    "payment_signature_wrong",
    ru="Подпись уведомления не сходится или устарела. Подпишите его заново верным ключом.",
    en="The signature of the notice is wrong or too old. Sign it anew with the right key.",
    field="Sandbox-Signature",
)
REPORT_UNFIT = Refusal(
    ErrorKind.CONFLICT,
    "payment_report_unfit",
    ru="Платёжная система сообщает не то, что было заказано: не сходится {ru}. Платёж не изменён, "
    "разберитесь вручную.",
    en="The payment system reports what was not ordered: the {en} does not fit. The payment was "
    "not changed, look into it by hand.",
    field="body",
)
FORM_FOREIGN = Refusal(
    ErrorKind.FORBIDDEN,
    "payment_form_foreign",
    ru="Форма отправлена не с платёжной страницы. Откройте страницу заново.",
    en="The form did not come from the payment page. Open the page again.",
    field="token",
)
