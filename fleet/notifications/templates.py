"""TABLE: the letters that the server writes.  A feature's letter is one entry here.

A paragraph that is only a parameter called ``link`` becomes a link in the HTML part.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from fleet.kit.language import Language


class Wording(NamedTuple):
    """A letter in one language; texts may name parameters in braces."""

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
                    "Организация «{partner}» добавила вас в кассовый сервер. Ваш логин: {login}.",
                    "Чтобы активировать учётную запись, перейдите по ссылке и задайте пароль:",
                    LINK,
                    "Ссылка действует 72 часа с момента приглашения и только один раз. Если вы не "
                    "ждали этого письма, ничего не делайте.",
                ),
            ),
            Language.EN: Wording(
                "Invitation to the cash server",
                (
                    "Hello, {name}!",
                    "The organisation {partner} has added you to the cash server. "
                    "Your login: {login}.",
                    "To activate the account, follow the link and choose a password:",
                    LINK,
                    "The link works for 72 hours from the invitation and only once. If you did not "
                    "expect this letter, do nothing.",
                ),
            ),
        },
        "password_link": {
            Language.RU: Wording(
                "Изменение пароля кассового сервера",
                (
                    "Здравствуйте, {name}!",
                    "Чтобы изменить пароль учётной записи {login}, перейдите по ссылке:",
                    LINK,
                    "Ссылка действует 1 час с момента запроса и только один раз. Если вы не "
                    "просили изменить пароль, ничего не делайте: прежний пароль продолжает "
                    "действовать.",
                ),
            ),
            Language.EN: Wording(
                "Change of the cash server's password",
                (
                    "Hello, {name}!",
                    "To change the password of the account {login}, follow the link:",
                    LINK,
                    "The link works for 1 hour from the request and only once. If you did not ask "
                    "for it, do nothing: the present password stays.",
                ),
            ),
        },
        "password_reset": {
            Language.RU: Wording(
                "Задайте новый пароль кассового сервера",
                (
                    "Здравствуйте, {name}!",
                    "Администратор организации «{partner}» просит вас задать новый пароль учётной "
                    "записи {login}. Для этого перейдите по ссылке:",
                    LINK,
                    "Ссылка действует 72 часа с момента просьбы и только один раз. До этого "
                    "действует прежний пароль. Если вы сомневаетесь, спросите администратора.",
                ),
            ),
            Language.EN: Wording(
                "Choose a new password for the cash server",
                (
                    "Hello, {name}!",
                    "An administrator of the organisation {partner} asks you to choose a new "
                    "password for the account {login}. To do so, follow the link:",
                    LINK,
                    "The link works for 72 hours from that moment and only once. Until then the "
                    "present password stays. If you have doubts, ask the administrator.",
                ),
            ),
        },
        "password_changed": {
            Language.RU: Wording(
                "Пароль кассового сервера изменён",
                (
                    "Здравствуйте, {name}!",
                    "Пароль учётной записи {login} изменён. Остальные входы завершены.",
                    "Если это сделали не вы, восстановите пароль по адресу электронной почты и "
                    "сообщите администратору.",
                ),
            ),
            Language.EN: Wording(
                "The cash server's password has been changed",
                (
                    "Hello, {name}!",
                    "The password of the account {login} has been changed. Other sign-ins were "
                    "ended.",
                    "If it was not you, recover the password by e-mail and tell your "
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
                    "Токены API от пароля не зависят, действующих сейчас: {tokens}. Отзовите те, "
                    "которые не нужны или могли попасть к чужим.",
                    "Если пароль сменили не вы, восстановите его по адресу электронной почты (это "
                    "отзовёт и токены) и сообщите администратору.",
                ),
            ),
            Language.EN: Wording(
                "The cash server's password has been changed",
                (
                    "Hello, {name}!",
                    "The password of the account {login} has been changed. Other sign-ins were "
                    "ended.",
                    "API tokens do not depend on the password; valid now: {tokens}. Revoke those "
                    "that you do not need or that others may have.",
                    "If it was not you, recover the password by e-mail (that revokes the tokens "
                    "too) and tell your administrator.",
                ),
            ),
        },
        "token_created": {
            Language.RU: Wording(
                "Создан токен API кассового сервера",
                (
                    "Здравствуйте, {name}!",
                    "Для учётной записи {login} создан токен API «{token}», он действует до "
                    "{until}. У него те же права, что у вас.",
                    "Если это сделали не вы, отзовите токен, смените пароль и сообщите "
                    "администратору.",
                ),
            ),
            Language.EN: Wording(
                "An API token of the cash server has been made",
                (
                    "Hello, {name}!",
                    "An API token '{token}' has been made for the account {login}; it is valid "
                    "until {until} and has the same rights as you.",
                    "If it was not you, revoke the token, change the password and tell your "
                    "administrator.",
                ),
            ),
        },
        "email_changed": {
            Language.RU: Wording(
                "Адрес электронной почты в кассовом сервере изменён",
                (
                    "Здравствуйте, {name}!",
                    "У учётной записи {login} теперь другой адрес электронной почты: ссылки для "
                    "смены пароля больше не придут на этот адрес. Изменение сделано под логином "
                    "{by}.",
                    "Если вы об этом не просили, сразу сообщите администратору вашей организации "
                    "или поддержке: пусть вернут ваш адрес и завершат чужие входы.",
                ),
            ),
            Language.EN: Wording(
                "The e-mail address at the cash server has been changed",
                (
                    "Hello, {name}!",
                    "The account {login} has another e-mail address now: links to change the "
                    "password will not come to this one any more. The change was made under the "
                    "login {by}.",
                    "If you did not ask for it, tell an administrator of your organisation or "
                    "support at once: let them put your address back and end the sign-ins of "
                    "others.",
                ),
            ),
        },
        "access_granted": {
            Language.RU: Wording(
                "Доступ к кассам клиента предоставлен",
                (
                    "По вашему запросу предоставлен доступ к кассам клиента с ИНН {client_inn}.",
                    "Кассы: {serial_numbers}.",
                    "Комментарий поддержки: {comment}",
                ),
            ),
            Language.EN: Wording(
                "Access to the client's registers is granted",
                (
                    "As you asked, you have access to registers of the client with INN "
                    "{client_inn}.",
                    "Registers: {serial_numbers}.",
                    "Comment of the support: {comment}",
                ),
            ),
        },
        "access_refused": {
            Language.RU: Wording(
                "В доступе к кассам клиента отказано",
                (
                    "По вашему запросу на кассы клиента с ИНН {client_inn} отказано в доступе.",
                    "Причина: {reason}.",
                    "Комментарий поддержки: {comment}",
                    "Устраните причину и отправьте новый запрос.",
                ),
            ),
            Language.EN: Wording(
                "Access to the client's registers is refused",
                (
                    "Your request for registers of the client with INN {client_inn} is refused.",
                    "Reason: {reason}.",
                    "Comment of the support: {comment}",
                    "Mend the reason and send a new request.",
                ),
            ),
        },
        "registers_handed_over": {
            Language.RU: Wording(
                "Кассы переданы другому партнёру",
                (
                    "По согласию владельца эти кассы переданы другому партнёру: {serial_numbers}.",
                    "Они больше не видны в вашем кабинете, их незавершённые операции отменены.",
                ),
            ),
            Language.EN: Wording(
                "Registers were handed over to another partner",
                (
                    "With their owner's consent these registers were handed over to another "
                    "partner: {serial_numbers}.",
                    "They are not in your cabinet any more, and their open operations are "
                    "cancelled.",
                ),
            ),
        },
    }
)
