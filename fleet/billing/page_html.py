"""HTML of the payment pages, in both languages; everything variable is escaped."""

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType
from urllib.parse import urlsplit

from fleet.billing.rules import PaymentStatus
from fleet.billing.sandbox import CARDS, SampleCard
from fleet.kit.language import Language
from fleet.kit.page import document
from fleet.kit.page import policy as policy_of

PageTexts = Mapping[str, str]

PAGE_TEXTS: Mapping[Language, PageTexts] = MappingProxyType(
    {
        Language.RU: {
            "title": "Оплата",
            "amount": "{roubles},{kopecks:02} ₽",
            "thousands": "\u00a0",
            "sandbox": "Тестовый режим: деньги не списываются. Не вводите данные настоящей "
            "карты. Принимаются только эти номера, CVC-код — любые три цифры, срок действия — не "
            "раньше текущего месяца:",
            "number": "Номер карты",
            "term": "Срок действия, ММ/ГГ",
            "cvc": "CVC-код",
            "pay": "Заплатить",
            "give_up": "Отказаться от оплаты",
            "number_wrong": "Такой тестовой карты нет. Введите номер из списка.",
            "term_wrong": "Введите срок действия, ММ/ГГ: не раньше текущего месяца.",
            "cvc_wrong": "Введите CVC-код: три цифры.",
            "works": "оплата проходит",
            "declined": "банк отказывает",
            "slow": "оплата проходит через 3 секунды",
            "untold": "оплата проходит, уведомление теряется",
            "refund_title": "Возврат",
            "refund_link": "Оформить тестовый возврат",
            "refund_note": "Тестовый режим: деньги не списываются и не возвращаются. Настоящий "
            "возврат оформляется в личном кабинете платёжной системы.",
            "left": "Можно вернуть {amount}.",
            "refund_amount": "Сумма возврата, руб.",
            "refund_amount_wrong": "Введите сумму в рублях, например 600 или 600,50, не больше "
            "остатка.",
            "refund": "Вернуть",
            "refunded": "Возвращено: {amount}.",
            "refunded_all": "Деньги возвращены, неназначенные подписки списаны.",
            PaymentStatus.WAITING: "Платёж обрабатывается, не платите второй раз. Страница "
            "обновится сама.",
            PaymentStatus.PAID: "Оплачено. Подписка доступна для назначения.",
            PaymentStatus.CANCELLED: "Платёж отменён. Оформите новую покупку.",
            PaymentStatus.FAILED: "Оплата не прошла. Оформите новую покупку.",
        },
        Language.EN: {
            "title": "Payment",
            "amount": "{roubles}.{kopecks:02} ₽",
            "thousands": ",",
            "sandbox": "Test mode: no money is taken. Do not enter the details of a real card. "
            "Only these numbers are accepted, with any three digits as the CVC code and an "
            "expiry date not before this month:",
            "number": "Card number",
            "term": "Expiry date, MM/YY",
            "cvc": "CVC code",
            "pay": "Pay",
            "give_up": "Cancel payment",
            "number_wrong": "This is not a test card. Enter a number from the list.",
            "term_wrong": "Enter the expiry date, MM/YY: not before this month.",
            "cvc_wrong": "Enter the CVC code: three digits.",
            "works": "payment succeeds",
            "declined": "the bank declines",
            "slow": "payment succeeds after 3 seconds",
            "untold": "payment succeeds, the notice is lost",
            "refund_title": "Refund",
            "refund_link": "Make a test refund",
            "refund_note": "Test mode: no money is taken or returned. Real refunds are made in "
            "the payment system's account.",
            "left": "{amount} can be refunded.",
            "refund_amount": "Refund amount, roubles",
            "refund_amount_wrong": "Enter roubles, for example 600 or 600.50, not more than can "
            "be refunded.",
            "refund": "Refund",
            "refunded": "Refunded: {amount}.",
            "refunded_all": "The money was refunded; unassigned subscriptions were removed.",
            PaymentStatus.WAITING: "The payment is being processed, do not pay again. This page "
            "refreshes itself.",
            PaymentStatus.PAID: "Paid. The subscription can now be assigned.",
            PaymentStatus.CANCELLED: "The payment was cancelled. Make a new purchase.",
            PaymentStatus.FAILED: "The payment failed. Make a new purchase.",
        },
    }
)


def policy(return_url: str = "") -> str:
    """Return the Content-Security-Policy: forms go to this server and redirect to the shop."""
    parts = urlsplit(return_url)
    back = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return policy_of(form_action=f"'self'{back}")


def card_form(
    language: Language, description: str, kopecks: int, token: str, wrong: Sequence[str] = ()
) -> str:
    """Return the sandbox's payment page; ``wrong`` names the fields to correct.

    No input is shown again.
    """
    words = PAGE_TEXTS[language]
    cards = "".join(
        f"<li><b>{_group_digits(number)}</b> — {escape(_card_outcome(words, card))}</li>"
        for number, card in CARDS.items()
    )
    note = f"<aside>{escape(words['sandbox'])}<ul>{cards}</ul></aside>"
    fields = "".join(
        _field(words, name, f'maxlength="{length}" inputmode="numeric"', name in wrong)
        for name, length in (("number", 23), ("term", 5), ("cvc", 3))
    )
    give_up = (
        f'<button name="choice" value="give_up" formnovalidate>{escape(words["give_up"])}</button>'
    )
    form = _form(token, fields, words["pay"], give_up)
    return _page(language, words["title"], description, kopecks, note + form)


def refund_form(
    language: Language, description: str, kopecks: int, left: int, *, token: str, wrong: bool
) -> str:
    """Return the page for the sandbox's refunds; ``left`` is the refundable sum in kopecks."""
    words = PAGE_TEXTS[language]
    value = f'value="{left // 100}.{left % 100:02}" maxlength="16" inputmode="decimal"'
    field = _field(words, "refund_amount", value, wrong)
    may = escape(words["left"].format(amount=_money(words, left)))
    body = f"<aside>{escape(words['refund_note'])}</aside><p>{may}</p>"
    form = _form(token, field, words["refund"])
    return _page(language, words["refund_title"], description, kopecks, body + form)


def outcome_page(
    language: Language,
    description: str,
    kopecks: int,
    status: PaymentStatus,
    *,
    refunded: int = 0,
    refund_url: str = "",
) -> str:
    """Return the page that a person sees after paying; it refreshes itself while the payment waits.

    ``refund_url`` is only given for a payment that the sandbox can refund.
    """
    words = PAGE_TEXTS[language]
    waits = '<meta http-equiv="refresh" content="3">' if status is PaymentStatus.WAITING else ""
    said, looks = words[status], str(status)
    if refunded >= kopecks:
        said, looks = words["refunded_all"], ""
    elif refunded:
        said += " " + words["refunded"].format(amount=_money(words, refunded))
    body = f'<p class="outcome {looks}">{escape(said)}</p>'
    if refund_url:
        body += f'<p><a href="{escape(refund_url)}">{escape(words["refund_link"])}</a></p>'
    return _page(language, words["title"], description, kopecks, body, head=waits)


def _form(token: str, fields: str, send: str, more: str = "") -> str:
    return (
        f'<form method="post"><input type="hidden" name="token" value="{escape(token)}">{fields}'
        f'<button class="main" name="choice" value="pay">{escape(send)}</button>{more}</form>'
    )


def _field(words: PageTexts, name: str, traits: str, wrong: bool) -> str:
    mistake = f'<span class="wrong">{escape(words[f"{name}_wrong"])}</span>' if wrong else ""
    return (
        f'<label>{escape(words[name])}<input name="{name}" {traits} autocomplete="off" required>'
        f"{mistake}</label>"
    )


def _page(
    language: Language, title: str, description: str, kopecks: int, body: str, *, head: str = ""
) -> str:
    amount = escape(_money(PAGE_TEXTS[language], kopecks))
    about = f'<p>{escape(description)}</p><p class="sum">{amount}</p>'
    return document(language, title, about + body, head)


def _money(words: PageTexts, kopecks: int) -> str:
    roubles = f"{kopecks // 100:,}".replace(",", words["thousands"])
    return words["amount"].format(roubles=roubles, kopecks=kopecks % 100)


def _group_digits(number: str) -> str:
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def _card_outcome(words: PageTexts, card: SampleCard) -> str:
    if card.status is not PaymentStatus.PAID:
        return words["declined"]
    return words["slow" if card.delay_s else "works" if card.notice_sent else "untold"]
