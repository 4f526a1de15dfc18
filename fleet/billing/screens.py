"""The HTML of the payment pages, in both languages; everything that varies is escaped."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from fleet.billing.rules import PaymentStatus, to_roubles
from fleet.billing.sandbox import CARDS, SampleCard
from fleet.kit.language import Language

STYLE: Final = (
    "body{font:1rem system-ui,sans-serif;max-width:26rem;margin:2rem auto;padding:0 1rem}"
    "label,input,button{display:block;width:100%;box-sizing:border-box;margin:.4rem 0}"
    "input,button{padding:.6rem;font-size:1rem}.wrong{color:#b00020}small{color:#555}"
)
STYLE_HASH: Final = b64encode(sha256(STYLE.encode()).digest()).decode()

Words = Mapping[str, str]

WORDS: Mapping[Language, Words] = MappingProxyType(
    {
        Language.RU: {
            "title": "Оплата",
            "amount": "Сумма: {amount} ₽",
            "sandbox": "Учебная платёжная страница: деньги не списываются. Не вводите данные "
            "настоящей карты, принимаются только эти:",
            "number": "Номер карты",
            "term": "Срок действия, ММ/ГГ",
            "cvc": "CVC-код",
            "pay": "Заплатить",
            "give_up": "Отказаться от оплаты",
            "number_wrong": "Это не одна из учебных карт. Возьмите номер из списка.",
            "term_wrong": "Срок действия — месяц и год, ММ/ГГ, не раньше текущего месяца.",
            "cvc_wrong": "CVC-код — три цифры.",
            "works": "оплата проходит",
            "declined": "банк отказывает",
            "slow": "оплата проходит через 3 секунды",
            "untold": "оплата проходит, уведомление теряется",
            PaymentStatus.WAITING: "Платёж обрабатывается. Страница обновится сама.",
            PaymentStatus.PAID: "Оплачено. Подписка доступна для назначения.",
            PaymentStatus.CANCELLED: "Платёж отменён. Оформите новую покупку.",
            PaymentStatus.FAILED: "Оплата не прошла. Оформите новую покупку.",
        },
        Language.EN: {
            "title": "Payment",
            "amount": "Amount: {amount} ₽",
            "sandbox": "A sandbox: no money is taken. Do not type the data of a real card, only "
            "these are accepted:",
            "number": "Card number",
            "term": "Valid thru, MM/YY",
            "cvc": "CVC code",
            "pay": "Pay",
            "give_up": "Do not pay",
            "number_wrong": "This is none of the sandbox's cards. Take a number from the list.",
            "term_wrong": "The term is a month and a year, MM/YY, not before this month.",
            "cvc_wrong": "The CVC code is three digits.",
            "works": "is paid",
            "declined": "the bank refuses",
            "slow": "is paid after 3 seconds",
            "untold": "is paid, the notice gets lost",
            PaymentStatus.WAITING: "The payment is being made. This page renews itself.",
            PaymentStatus.PAID: "Paid. The subscription is ready to be assigned.",
            PaymentStatus.CANCELLED: "The payment was cancelled. Make a new purchase.",
            PaymentStatus.FAILED: "The payment was refused. Make a new purchase.",
        },
    }
)


def policy(return_url: str = "") -> str:
    """The Content-Security-Policy: a form goes to us, and from there back to the shop."""
    parts = urlsplit(return_url)
    back = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    return (
        f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action 'self'{back}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )


def card_form(
    language: Language, description: str, kopecks: int, token: str, wrong: Sequence[str] = ()
) -> str:
    """The sandbox's page; ``wrong`` names the fields to correct.  Nothing typed is shown again."""
    words = WORDS[language]
    mistakes = "".join(f'<p class="wrong">{escape(words[f"{name}_wrong"])}</p>' for name in wrong)
    cards = "".join(
        f"<li>{_spaced(number)} — {escape(_fate(words, card))}</li>"
        for number, card in CARDS.items()
    )
    fields = "".join(
        f'<label>{escape(words[name])}<input name="{name}" maxlength="{length}" '
        f'inputmode="numeric" autocomplete="off" required></label>'
        for name, length in (("number", 23), ("term", 5), ("cvc", 3))
    )
    form = (
        f'<form method="post"><input type="hidden" name="token" value="{escape(token)}">{fields}'
        f'<button name="choice" value="pay">{escape(words["pay"])}</button>'
        f'<button name="choice" value="give_up" formnovalidate>{escape(words["give_up"])}</button>'
        "</form>"
    )
    note = f"<small>{escape(words['sandbox'])}<ul>{cards}</ul></small>"
    return _page(language, description, kopecks, mistakes + form + note)


def outcome(language: Language, description: str, kopecks: int, status: PaymentStatus) -> str:
    """The page to which a person comes back."""
    waits = '<meta http-equiv="refresh" content="3">' if status is PaymentStatus.WAITING else ""
    return _page(language, description, kopecks, f"<p>{escape(WORDS[language][status])}</p>", waits)


def _page(language: Language, description: str, kopecks: int, body: str, head: str = "") -> str:
    words = WORDS[language]
    amount = escape(words["amount"].format(amount=to_roubles(kopecks)))
    return (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8">{head}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(words['title'])}</title><style>{STYLE}</style></head><body>"
        f"<h1>{escape(words['title'])}</h1><p>{escape(description)}</p><p><b>{amount}</b></p>"
        f"{body}</body></html>"
    )


def _spaced(number: str) -> str:
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def _fate(words: Words, card: SampleCard) -> str:
    if card.status is not PaymentStatus.PAID:
        return words["declined"]
    return words["slow" if card.delay_s else "works" if card.told else "untold"]
