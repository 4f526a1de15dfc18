"""A real browser for tests: Debian's Chromium, driven by Playwright, on the loopback only."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from playwright.async_api import Page, async_playwright, expect

from tests.pace import scaled
from tests.servers import missing

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PATIENCE_MS: Final = scaled(10_000.0)


@asynccontextmanager
async def browsing(address: str, language: str = "ru-RU") -> AsyncIterator[Page]:
    """An empty page of a person with this language, whose relative addresses begin with
    ``address``.

    At the end fails if the page logged an error or broke its own Content-Security-Policy.
    Without Chromium the test is skipped, with ``CI=true`` it fails.
    """
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        missing("there is no Chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=[*ARGUMENTS])
        page = await browser.new_page(base_url=address, locale=language)
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        try:
            yield page
        finally:
            await browser.close()
        # The browser itself notes each refusal of the API as an error.
        assert [each for each in errors if "status of 4" not in each] == []
