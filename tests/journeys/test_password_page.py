"""What people see who follow the link of a letter, in a real browser (manual, «Авторизация»)."""

import pytest
from playwright.async_api import Page, expect

from tests.browser import browsing
from tests.fleet.conftest import PASSWORD
from tests.fleet.notifications.mailbox import link_token
from tests.journeys import test_people as people
from tests.journeys.test_people import BORIS, NEW_PASSWORD, Office

office = people.office


async def open_link(page: Page, token: str) -> None:
    """As from a letter: in a tab where nothing of ours is open."""
    await page.goto("about:blank")
    await page.goto(f"/password#{token}")


async def type_password(page: Page, password: str, again: str | None = None) -> None:
    await page.get_by_label("Новый пароль — от").fill(password)
    await page.get_by_label("Новый пароль ещё раз").fill(password if again is None else again)
    await page.get_by_role("button", name="Сохранить пароль").click()


@pytest.fixture
def address(office: Office) -> str:
    return str(office.town.api.client.make_url("/"))


async def test_invitation_is_accepted(office: Office, address: str) -> None:
    await office.say("POST", "/employees", BORIS)
    token = link_token(await office.letter(BORIS["email"]))
    async with browsing(address) as page:
        await open_link(page, token)
        await expect(page.get_by_label("Логин")).to_have_value("boris")
        await expect(page.get_by_text("Борис Петров, of anna")).to_be_visible()
        assert token not in page.url
        await type_password(page, NEW_PASSWORD, NEW_PASSWORD + "x")
        await expect(page.get_by_role("alert")).to_contain_text("Пароли не совпадают")
        await type_password(page, NEW_PASSWORD)
        await expect(page.get_by_role("status")).to_contain_text("Пароль сохранён")
        assert (await office.town.api.sign_in("boris", NEW_PASSWORD)).status == 200

        await open_link(page, token)
        await expect(page.get_by_role("alert")).to_contain_text("Ссылка уже использована")
        await page.get_by_role("button", name="Запросить новую ссылку").click()
        await expect(page.get_by_label("Электронная почта")).to_be_focused()


async def test_forgotten_password_is_reset_without_help(office: Office, address: str) -> None:
    me = await office.say("GET", "/me")
    await office.say("PUT", f"/employees/{me['id']}", people.ANNA)
    async with browsing(address) as page:
        await page.goto("/password")
        await page.get_by_label("Электронная почта").fill("anna@romashka.example")
        await page.get_by_role("button", name="Отправить ссылку").click()
        await expect(page.get_by_role("status")).to_contain_text("придёт письмо")
        # In the very tab that waits for the letter.
        await page.goto(f"/password#{link_token(await office.letter('anna@romashka.example'))}")
        await type_password(page, NEW_PASSWORD)
        await expect(page.get_by_role("status")).to_contain_text("Пароль сохранён")
    assert (await office.town.api.sign_in("anna", PASSWORD)).status == 401
    assert (await office.town.api.sign_in("anna", NEW_PASSWORD)).status == 200


async def test_password_page_is_shown_in_english(office: Office, address: str) -> None:
    async with browsing(address, "en-GB") as page:
        await open_link(page, "nonsense" * 5)
        await expect(page.get_by_role("heading")).to_have_text("Cash server password")
        await expect(page.get_by_role("button", name="Request a new link")).to_be_visible()
