"""The page that links in letters open: a person sets a password there or requests a new link.

It does everything through the public admin API.
"""

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template
from types import MappingProxyType
from typing import Final

from aiohttp import web

from fleet.accounts.links import PATH
from fleet.kit.input import MAX_PASSWORD, MIN_PASSWORD
from fleet.kit.language import Language, negotiate
from fleet.kit.page import document, policy

SCRIPT: Final = f"{PATH}.js"
POLICY: Final = policy(script_src="'self'", connect_src="'self'", form_action="'none'")

WORDS: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {
        Language.RU: {
            "title": "Пароль кассового сервера",
            "login": "Логин",
            "password": f"Новый пароль — от {MIN_PASSWORD} до {MAX_PASSWORD} символов",
            "again": "Новый пароль ещё раз",
            "set": "Сохранить пароль",
            "done": "Пароль сохранён, теперь можно войти. Прежние входы завершены.",
            "email": "Электронная почта вашей учётной записи",
            "send": "Отправить ссылку",
            "asked": "Если этот адрес указан у сотрудника, на него придёт письмо со ссылкой. "
            "Ссылка одноразовая и действует 1 час. Если письма нет, проверьте адрес и папку "
            "«Спам».",
            "anew": "Запросить новую ссылку",
            "differ": "Пароли не совпадают. Введите один и тот же пароль в оба поля.",
            "away": "Сервер не отвечает. Проверьте подключение к интернету и повторите.",
            "script": "Для этой страницы нужен JavaScript. Включите его в браузере.",
        },
        Language.EN: {
            "title": "Cash server password",
            "login": "Login",
            "password": f"New password, {MIN_PASSWORD} to {MAX_PASSWORD} characters",
            "again": "New password again",
            "set": "Save password",
            "done": "The password is saved, you can sign in now. Earlier sign-ins were ended.",
            "email": "Your account's e-mail address",
            "send": "Send link",
            "asked": "If an employee has this address, a letter with a link will come to it. The "
            "link works once and for 1 hour. If there is no letter, check the address and the "
            "spam folder.",
            "anew": "Request a new link",
            "differ": "The passwords do not match. Enter the same password in both fields.",
            "away": "The server is not responding. Check your internet connection and try again.",
            "script": "This page needs JavaScript. Turn it on in your browser.",
        },
    }
)

# Each section is a state of the page; the script shows one of them.
BODY: Final = Template(
    """
<noscript><p class="wrong">$script</p></noscript>
<section id="choose" hidden><p id="whose"></p><form>
<label>$login<input id="login" autocomplete="username" readonly></label>
<label>$password<input id="password" type="password" autocomplete="new-password"
 minlength="$least" maxlength="$most" required></label>
<label>$again<input id="again" type="password" autocomplete="new-password" required></label>
<p class="wrong" role="alert"></p><button class="main">$set</button></form></section>
<section id="done" hidden><p class="outcome paid" role="status">$done</p></section>
<section id="ask" hidden><form>
<label>$email<input id="email" type="email" autocomplete="email" required></label>
<p class="wrong" role="alert"></p><button class="main">$send</button></form></section>
<section id="asked" hidden><p class="outcome" role="status">$asked</p></section>
<section id="broken" hidden><p id="why" class="outcome failed" role="alert"></p>
<button id="anew" class="main">$anew</button></section>
<p id="differ" hidden>$differ</p><p id="away" hidden>$away</p>
<script src="$address"></script>
"""
)


def add_password_page(app: web.Application, default: Language) -> None:
    """Add the page and its script to the application.

    ``default`` is the language when the browser asks for neither Russian nor English.
    """
    script = files(__package__).joinpath("password_page.js").read_text("utf-8")
    pages = {language: _page(language) for language in WORDS}

    async def show(request: web.Request) -> web.Response:
        language = negotiate(request.headers.get("Accept-Language", ""), default)
        headers = {"Content-Security-Policy": POLICY, "Content-Language": language.value}
        return web.Response(text=pages[language], content_type="text/html", headers=headers)

    async def show_script(_request: web.Request) -> web.Response:
        return web.Response(text=script, content_type="text/javascript")

    app.router.add_get(PATH, show)
    app.router.add_get(SCRIPT, show_script)


def _page(language: Language) -> str:
    words = {name: escape(text) for name, text in WORDS[language].items()}
    limits = {"least": MIN_PASSWORD, "most": MAX_PASSWORD, "address": SCRIPT.lstrip("/")}
    return document(language, WORDS[language]["title"], BODY.substitute(words, **limits))
