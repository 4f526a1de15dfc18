"""The page of the password, as bytes; a browser uses it in tests/journeys."""

import re

import pytest

from fleet.accounts.pages import WORDS
from fleet.kit.language import Language
from fleet.kit.page import STYLE, hash_of
from tests.fleet.conftest import Api


async def test_the_page_has_every_element_that_its_script_uses(api: Api) -> None:
    async with api.client.get("/password") as answer:
        page = await answer.text()
    async with api.client.get("/password.js") as answer:
        assert answer.content_type == "text/javascript"
        script = await answer.text()
    named = re.findall(r'(?:by|show|onSubmit)\("([a-z]+)"', script)
    assert len(set(named)) > 8
    assert set(named) <= set(re.findall(r' id="([a-z]+)"', page))
    assert f"<style>{STYLE}</style>" in page


@pytest.mark.parametrize("language", Language)
async def test_the_page_is_in_the_language_of_the_browser(api: Api, language: Language) -> None:
    headers = {"Accept-Language": language.value}
    async with api.client.get("/password", headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert answer.headers["Content-Language"] == language.value
        policy = answer.headers["Content-Security-Policy"]
        page = await answer.text()
    assert hash_of(STYLE) in policy and "default-src 'none'" in policy
    assert WORDS[language]["title"] in page and "$" not in page
