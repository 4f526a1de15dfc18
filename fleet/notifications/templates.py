"""TABLE: the letters that the server writes; a feature's letter is one entry.

A paragraph that consists only of the parameter ``link`` becomes a link in the HTML part.  A
paragraph that names a parameter without a value is left out.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from fleet.kit.language import Language


class Wording(NamedTuple):
    """The wording of a letter in one language; its texts may name parameters in braces."""

    subject: str
    paragraphs: tuple[str, ...]


LINK = "{link}"

TEMPLATES: Mapping[str, Mapping[Language, Wording]] = MappingProxyType(
    {
        "invitation": {
            Language.RU: Wording(
                "Приглашение в кассовый сервер",
                (
                    "Здравствуйте, {name}!",
                    "Организация {partner} открыла вам доступ к личному кабинету кассового "
                    "сервера. Ваш логин: {login}.",
                    "Чтобы активировать учётную запись, перейдите по ссылке и задайте пароль:",
                    LINK,
                    "Ссылка одноразовая и действует 72 часа. Если вы не ждали этого письма, "
                    "ничего не делайте.",
                ),
            ),
            Language.EN: Wording(
                "Invitation to the cash server",
                (
                    "Hello, {name}!",
                    "The organisation {partner} has given you access to the cash server. Your "
                    "login: {login}.",
                    "To activate your account, follow the link and choose a password:",
                    LINK,
                    "The link works once and for 72 hours. If you did not expect this letter, "
                    "ignore it.",
                ),
            ),
        },
        "password_link": {
            Language.RU: Wording(
                "Смена пароля кассового сервера",
                (
                    "Здравствуйте, {name}!",
                    "Чтобы сменить пароль учётной записи {login}, перейдите по ссылке:",
                    LINK,
                    "Ссылка одноразовая и действует 1 час. Если вы не просили сменить пароль, "
                    "ничего не делайте: прежний пароль продолжает действовать.",
                ),
            ),
            Language.EN: Wording(
                "Cash server password change",
                (
                    "Hello, {name}!",
                    "To change the password of the account {login}, follow the link:",
                    LINK,
                    "The link works once and for 1 hour. If you did not ask for it, ignore this "
                    "letter: your current password stays valid.",
                ),
            ),
        },
        "password_reset": {
            Language.RU: Wording(
                "Задайте новый пароль кассового сервера",
                (
                    "Здравствуйте, {name}!",
                    "Администратор организации {partner} просит вас задать новый пароль учётной "
                    "записи {login}. Для этого перейдите по ссылке:",
                    LINK,
                    "Ссылка одноразовая и действует 72 часа. Пока вы не задали новый пароль, "
                    "действует прежний. Если вы сомневаетесь, спросите администратора.",
                ),
            ),
            Language.EN: Wording(
                "Choose a new password for the cash server",
                (
                    "Hello, {name}!",
                    "An administrator of the organisation {partner} asks you to choose a new "
                    "password for the account {login}. To do so, follow the link:",
                    LINK,
                    "The link works once and for 72 hours. Until you choose a new password, the "
                    "current one stays valid. If in doubt, ask the administrator.",
                ),
            ),
        },
        "password_changed": {
            Language.RU: Wording(
                "Пароль кассового сервера изменён",
                (
                    "Здравствуйте, {name}!",
                    "Пароль учётной записи {login} изменён. Остальные входы завершены.",
                    "Если это сделали не вы, восстановите пароль по электронной почте и сообщите "
                    "администратору.",
                ),
            ),
            Language.EN: Wording(
                "Cash server password changed",
                (
                    "Hello, {name}!",
                    "The password of the account {login} has been changed. All other sign-ins "
                    "were ended.",
                    "If this was not you, reset the password by e-mail and tell your "
                    "administrator.",
                ),
            ),
        },
        "own_password_changed": {
            Language.RU: Wording(
                "Пароль кассового сервера изменён",
                (
                    "Здравствуйте, {name}!",
                    "Пароль учётной записи {login} изменён. Остальные входы завершены.",
                    "Токены API от пароля не зависят, сейчас действует: {tokens}. Отзовите те, "
                    "которые не нужны или могли попасть к посторонним.",
                    "Если пароль сменили не вы, восстановите его по электронной почте (это "
                    "отзовёт и токены) и сообщите администратору.",
                ),
            ),
            Language.EN: Wording(
                "Cash server password changed",
                (
                    "Hello, {name}!",
                    "The password of the account {login} has been changed. All other sign-ins "
                    "were ended.",
                    "API tokens do not depend on the password; active now: {tokens}. Revoke "
                    "those you do not need or that others may have.",
                    "If this was not you, reset the password by e-mail (this also revokes the "
                    "tokens) and tell your administrator.",
                ),
            ),
        },
        "token_created": {
            Language.RU: Wording(
                "Создан токен API кассового сервера",
                (
                    "Здравствуйте, {name}!",
                    "Для учётной записи {login} создан токен API «{token}». Он действует до "
                    "{until} и имеет те же права, что и вы.",
                    "Если это сделали не вы, отзовите токен, смените пароль и сообщите "
                    "администратору.",
                ),
            ),
            Language.EN: Wording(
                "Cash server API token created",
                (
                    "Hello, {name}!",
                    "The API token '{token}' has been created for the account {login}. It is "
                    "valid until {until} and has the same rights as you.",
                    "If this was not you, revoke the token, change the password and tell your "
                    "administrator.",
                ),
            ),
        },
        "email_changed": {
            Language.RU: Wording(
                "Изменён адрес электронной почты в кассовом сервере",
                (
                    "Здравствуйте, {name}!",
                    "Для учётной записи {login} указан другой адрес электронной почты: ссылки "
                    "для смены пароля на этот адрес больше не придут. Адрес изменил сотрудник с "
                    "логином {by}.",
                    "Если вы об этом не просили, сразу сообщите администратору вашей организации "
                    "или поддержке: они вернут ваш адрес и завершат чужие входы.",
                ),
            ),
            Language.EN: Wording(
                "Cash server e-mail address changed",
                (
                    "Hello, {name}!",
                    "The account {login} now has another e-mail address: links to change the "
                    "password will no longer come to this one. The change was made by the login "
                    "{by}.",
                    "If you did not ask for this, tell your organisation's administrator or "
                    "support at once: they will restore your address and end other people's "
                    "sign-ins.",
                ),
            ),
        },
        "access_granted": {
            Language.RU: Wording(
                "Доступ к кассам клиента предоставлен",
                (
                    "По вашему запросу предоставлен доступ к кассам клиента: {client}.",
                    "Кассы: {serial_numbers}.",
                    "Комментарий поддержки: {comment}",
                ),
            ),
            Language.EN: Wording(
                "Access to the client's registers granted",
                (
                    "Your request is approved: you have access to the registers of the client: "
                    "{client}.",
                    "Registers: {serial_numbers}.",
                    "Support's comment: {comment}",
                ),
            ),
        },
        "access_refused": {
            Language.RU: Wording(
                "В доступе к кассам клиента отказано",
                (
                    "По вашему запросу отказано в доступе к кассам клиента: {client}.",
                    "Причина: {reason}.",
                    "Комментарий поддержки: {comment}",
                    "Устраните причину и отправьте новый запрос.",
                ),
            ),
            Language.EN: Wording(
                "Access to the client's registers refused",
                (
                    "Your request for access to the registers of the client {client} is refused.",
                    "Reason: {reason}.",
                    "Support's comment: {comment}",
                    "Correct this and send a new request.",
                ),
            ),
        },
        "registers_handed_over": {
            Language.RU: Wording(
                "Кассы переданы другому партнёру",
                (
                    "По согласию владельца кассы переданы другому партнёру: {serial_numbers}.",
                    "Их больше нет в вашем личном кабинете, их незавершённые операции отменены.",
                ),
            ),
            Language.EN: Wording(
                "Registers transferred to another partner",
                (
                    "With the owner's consent, these registers were transferred to another "
                    "partner: {serial_numbers}.",
                    "They are no longer in your account, and their open operations are cancelled.",
                ),
            ),
        },
    }
)
