"""What stands beside the API: providers' notices, the sandbox's page, the page to come back to.

None needs a sign-in: a notice is proved by the provider, and a page's address holds a random UUID.
"""

import asyncio
import hmac
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

import aiohttp
import structlog
from aiohttp import web

from fleet.billing import queries, screens
from fleet.billing.desk import RETURN, Desk
from fleet.billing.errors import FORM_FOREIGN, NOTICE_TOO_LARGE, PROVIDER_UNKNOWN
from fleet.billing.models import SandboxPayment
from fleet.billing.providers import Notice
from fleet.billing.rules import PaymentStatus
from fleet.billing.sandbox import CARDS, NAME, PAGE, SampleCard, Sandbox
from fleet.kit.clock import Clock
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.language import Language, negotiate

NOTICES: Final = "/pay/notices/"
MAX_NOTICE: Final = 64 * 1024
MAX_FORM: Final = 4096
REQUEST_S: Final = 30.0
ATTEMPTS: Final = 3
ANSWER_S: Final = 5.0
"""Of one attempt to tell; after the last one the worker's question mends it."""
PAUSE_S: Final = 0.3

GIVE_UP: Final = SampleCard(PaymentStatus.CANCELLED, "given_up")

log = structlog.get_logger("payments")


def add_payment_pages(
    app: web.Application, database: Database, clock: Clock, config: FleetConfig
) -> None:
    pages = _Pages(Desk.of(database, clock, config))
    if config.payments == NAME:
        log.warning("payments_are_not_real", variable="CASH_SERVER_PAYMENTS", provider=NAME)
    app.router.add_post(f"{NOTICES}{{provider}}", pages.hear)
    app.router.add_get(f"{RETURN}{{id}}", pages.come_back)
    app.router.add_get(f"{PAGE}{{id}}", pages.show_form)
    app.router.add_post(f"{PAGE}{{id}}", pages.take_form)


@dataclass(frozen=True, slots=True)
class _Pages:
    desk: Desk

    async def hear(self, request: web.Request) -> web.Response:
        """A provider's notice; 200 only when it needs no repetition."""
        async with asyncio.timeout(REQUEST_S):
            body = await _bounded(request, MAX_NOTICE)
            notice = Notice(request.headers, body, self.desk.clock())
            await self.desk.hear(request.match_info["provider"], notice)
        return web.Response()

    async def come_back(self, request: web.Request) -> web.Response:
        """What became of a payment, for whoever has its number."""
        id_ = request.match_info["id"]
        async with self.desk.database.read() as db:
            view = queries.view(await queries.find(db, id_), id_)
        language = self._language(request)
        about = (language, view.description, view.amount_kopecks, view.status)
        return _html(screens.outcome(*about), language)

    async def show_form(self, request: web.Request) -> web.Response:
        """The sandbox's payment page."""
        return self._form(request, await self._payment(request))

    async def take_form(self, request: web.Request) -> web.Response:
        """The card goes no further than this function."""
        sandbox, id_ = self._sandbox(), request.match_info["id"]
        async with asyncio.timeout(REQUEST_S):
            form = dict(parse_qsl((await _bounded(request, MAX_FORM)).decode("ascii", "replace")))
            if not hmac.compare_digest(form.get("token", "").encode(), sandbox.form_token(id_)):
                raise FORM_FOREIGN()
            giving_up = form.get("choice") == "give_up"
            wrong = [] if giving_up else mistakes(form, sandbox.clock())
            if wrong:
                return self._form(request, await self._payment(request), wrong)
            card = GIVE_UP if giving_up else CARDS[_digits(form["number"])]
            await asyncio.sleep(card.delay_s)
            payment = await sandbox.charge(id_, card)
            if card.told:
                await _tell(sandbox, payment, _own_address(request))
        return _back(payment)

    async def _payment(self, request: web.Request) -> SandboxPayment:
        sandbox = self._sandbox()
        async with sandbox.database.transaction() as db:
            return await sandbox.find(db, request.match_info["id"])

    def _form(
        self, request: web.Request, payment: SandboxPayment, wrong: list[str] | None = None
    ) -> web.Response:
        if payment.status is not PaymentStatus.WAITING:
            return _back(payment)
        language, token = self._language(request), self._sandbox().form_token(payment.id)
        page = screens.card_form(
            language, payment.description, payment.amount_kopecks, token.decode(), wrong or ()
        )
        return _html(page, language, payment.return_url, 422 if wrong else 200)

    def _sandbox(self) -> Sandbox:
        chosen = self.desk.providers.chosen
        if not isinstance(chosen, Sandbox):
            raise PROVIDER_UNKNOWN(provider=NAME)
        return chosen

    def _language(self, request: web.Request) -> Language:
        return negotiate(request.headers.get("Accept-Language", ""), self.desk.config.language)


def mistakes(form: Mapping[str, str], now: datetime) -> list[str]:
    """The fields of a card that are not those of a sandbox's card."""
    term = re.fullmatch(r"(0[1-9]|1[0-2])/?([0-9]{2})", form.get("term", ""))
    looks = {
        "number": _digits(form.get("number", "")) in CARDS,
        "term": bool(term and (2000 + int(term[2]), int(term[1])) >= (now.year, now.month)),
        "cvc": re.fullmatch(r"[0-9]{3}", form.get("cvc", "")) is not None,
    }
    return [name for name, good in looks.items() if not good]


def _digits(number: str) -> str:
    return re.sub(r"[ -]", "", number)


async def _bounded(request: web.Request, most: int) -> bytes:
    body = b""
    async for part in request.content.iter_chunked(most):
        body += part
        if len(body) > most:
            raise NOTICE_TOO_LARGE(max_bytes=most)
    return body


def _own_address(request: web.Request) -> str:
    """Where this server listens, as the socket says it: a header could say anything."""
    assert request.transport is not None
    host, port = request.transport.get_extra_info("sockname")[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _tell(sandbox: Sandbox, payment: SandboxPayment, address: str) -> None:
    """Send the notice, as a real provider does: over HTTP, again if it was not taken."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        for attempt in range(ATTEMPTS):
            await asyncio.sleep(PAUSE_S * attempt * random.uniform(0.5, 1.5))
            headers, body = sandbox.compose(payment)
            try:
                async with http.post(f"{address}{NOTICES}{NAME}", data=body, headers=headers) as it:
                    if it.status < 500:
                        return
            except (aiohttp.ClientError, TimeoutError) as error:
                log.warning("sandbox_notice_lost", error=type(error).__name__)


def _back(payment: SandboxPayment) -> web.Response:
    return web.Response(status=303, headers={"Location": payment.return_url})


def _html(text: str, language: Language, return_url: str = "", status: int = 200) -> web.Response:
    headers = {
        "Content-Security-Policy": screens.policy(return_url),
        "Content-Language": language.value,
    }
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)
