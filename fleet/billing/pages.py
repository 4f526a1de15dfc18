"""Payment pages beside the API: providers' notices, the sandbox's pages, the outcome of a payment.

None needs a sign-in: a notice is verified with the provider, and a page's address holds a random
UUID.
"""

import asyncio
import hmac
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

import aiohttp
import structlog
from aiohttp import web

from fleet.billing import page_html as screens
from fleet.billing import queries
from fleet.billing.errors import (
    FORM_FOREIGN,
    NOTICE_TOO_LARGE,
    PAYMENT_NOT_FOUND,
    PROVIDER_UNKNOWN,
)
from fleet.billing.models import Payment, SandboxPayment
from fleet.billing.processor import RETURN_PATH, PaymentProcessor
from fleet.billing.providers import ProviderNotice
from fleet.billing.rules import PaymentStatus
from fleet.billing.sandbox import CARDS, NAME, PAGE, SampleCard, Sandbox
from fleet.kit.acts import Acts
from fleet.kit.clock import Clock
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database
from fleet.kit.language import Language, negotiate

NOTICES_PATH: Final = "/pay/notices/"
REFUND_PATH: Final = "/refund"
MAX_NOTICE: Final = 64 * 1024
MAX_FORM: Final = 4096
REQUEST_TIMEOUT_S: Final = 30.0
NOTICE_ATTEMPTS: Final = 3
NOTICE_TIMEOUT_S: Final = 5.0
"""Limit of one attempt to deliver a notice; if all fail, the worker asks the provider later."""
NOTICE_PAUSE_S: Final = 0.3

CANCELLED_BY_PAYER: Final = SampleCard(PaymentStatus.CANCELLED, "given_up")

log = structlog.get_logger("payments")


def add_payment_pages(
    app: web.Application, database: Database, clock: Clock, config: FleetConfig
) -> None:
    pages = _Pages(PaymentProcessor.from_config(Acts(database, clock, config=config)))
    if config.payments == NAME:
        log.warning("payments_are_not_real", variable="CASH_SERVER_PAYMENTS", provider=NAME)
    app.router.add_post(f"{NOTICES_PATH}{{provider}}", pages.take_notice)
    app.router.add_get(f"{RETURN_PATH}{{id}}", pages.show_outcome)
    app.router.add_get(f"{PAGE}{{id}}", pages.show_form)
    app.router.add_post(f"{PAGE}{{id}}", pages.take_form)
    app.router.add_get(f"{PAGE}{{id}}{REFUND_PATH}", pages.show_refund)
    app.router.add_post(f"{PAGE}{{id}}{REFUND_PATH}", pages.take_refund)


@dataclass(frozen=True, slots=True)
class _Pages:
    processor: PaymentProcessor

    async def take_notice(self, request: web.Request) -> web.Response:
        """Receive a provider's notice; answer 200 only when it needs no repetition."""
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            body = await _read_bounded(request, MAX_NOTICE)
            notice = ProviderNotice(request.headers, body, self.processor.acts.clock())
            await self.processor.on_notice(request.match_info["provider"], notice)
        return web.Response()

    async def show_outcome(self, request: web.Request) -> web.Response:
        """Show the outcome of a payment to anybody who has its number."""
        id_ = request.match_info["id"]
        async with self.processor.acts.read() as act:
            payment = await queries.find_payment(act.db, id_)
        if payment is None:
            raise PAYMENT_NOT_FOUND(id=id_)
        language = self._language(request)
        about = (language, payment.description, payment.amount_kopecks, payment.status)
        refund_url = payment.redirect_url + REFUND_PATH if self._may_refund(payment) else ""
        page = screens.outcome_page(
            *about, refunded=payment.refunded_kopecks, refund_url=refund_url
        )
        return _html(page, language)

    def _may_refund(self, payment: Payment) -> bool:
        """Tell whether the payment is the active sandbox's, paid, and not refunded in full."""
        ours = self.processor.providers.active.name == payment.provider == NAME
        left = payment.amount_kopecks - payment.refunded_kopecks
        return ours and payment.status is PaymentStatus.PAID and left > 0

    async def show_form(self, request: web.Request) -> web.Response:
        """Show the sandbox's payment page."""
        return self._form(request, await self._payment(request))

    async def take_form(self, request: web.Request) -> web.Response:
        """Charge the card of the form, send the notice and redirect.

        The card number is not passed on.
        """
        sandbox, id_ = self._sandbox(), request.match_info["id"]
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            form = await self._typed(request)
            giving_up = form.get("choice") == "give_up"
            wrong = [] if giving_up else unfit_fields(form, sandbox.clock())
            if wrong:
                return self._form(request, await self._payment(request), wrong)
            card = CANCELLED_BY_PAYER if giving_up else CARDS[_digits(form["number"])]
            await asyncio.sleep(card.delay_s)
            payment = await sandbox.charge(id_, card)
            if card.notice_sent:
                await _send_notice(lambda: sandbox.compose(payment), _listening_address(request))
        return _return_page(payment)

    async def show_refund(self, request: web.Request) -> web.Response:
        """Show the sandbox's refund page."""
        return await self._refund_form(request)

    async def take_refund(self, request: web.Request) -> web.Response:
        sandbox, id_ = self._sandbox(), request.match_info["id"]
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            form = await self._typed(request)
            refund = await sandbox.refund(id_, _kopecks(form.get("refund_amount", "")))
            if refund is None:
                return await self._refund_form(request, wrong=True)
            await _send_notice(lambda: sandbox.compose_refund(refund), _listening_address(request))
        return _return_page(await self._payment(request))

    async def _refund_form(self, request: web.Request, wrong: bool = False) -> web.Response:
        sandbox = self._sandbox()
        async with sandbox.database.transaction() as db:
            payment = await sandbox.find(db, request.match_info["id"])
            left = payment.amount_kopecks - await sandbox.refunded(db, payment.id)
        if payment.status is not PaymentStatus.PAID or not left:
            return _return_page(payment)
        language, token = self._language(request), sandbox.form_token(payment.id).decode()
        about = (language, payment.description, payment.amount_kopecks)
        page = screens.refund_form(*about, left, token=token, wrong=wrong)
        return _html(page, language, payment.return_url, 422 if wrong else 200)

    async def _typed(self, request: web.Request) -> dict[str, str]:
        """Return the fields of a form; raise ``FORM_FOREIGN`` if no page of the sandbox made it."""
        form = dict(parse_qsl((await _read_bounded(request, MAX_FORM)).decode("ascii", "replace")))
        token = self._sandbox().form_token(request.match_info["id"])
        if not hmac.compare_digest(form.get("token", "").encode(), token):
            raise FORM_FOREIGN()
        return form

    async def _payment(self, request: web.Request) -> SandboxPayment:
        sandbox = self._sandbox()
        async with sandbox.database.transaction() as db:
            return await sandbox.find(db, request.match_info["id"])

    def _form(
        self, request: web.Request, payment: SandboxPayment, wrong: list[str] | None = None
    ) -> web.Response:
        if payment.status is not PaymentStatus.WAITING:
            return _return_page(payment)
        language, token = self._language(request), self._sandbox().form_token(payment.id)
        page = screens.card_form(
            language, payment.description, payment.amount_kopecks, token.decode(), wrong or ()
        )
        return _html(page, language, payment.return_url, 422 if wrong else 200)

    def _sandbox(self) -> Sandbox:
        chosen = self.processor.providers.active
        if not isinstance(chosen, Sandbox):
            raise PROVIDER_UNKNOWN(provider=NAME)
        return chosen

    def _language(self, request: web.Request) -> Language:
        return negotiate(
            request.headers.get("Accept-Language", ""), self.processor.acts.config.language
        )


def unfit_fields(form: Mapping[str, str], now: datetime) -> list[str]:
    """Return the names of the fields that do not match a test card: number, term, cvc."""
    term = re.fullmatch(r"(0[1-9]|1[0-2])/?([0-9]{2})", form.get("term", ""))
    looks = {
        "number": _digits(form.get("number", "")) in CARDS,
        "term": bool(term and (2000 + int(term[2]), int(term[1])) >= (now.year, now.month)),
        "cvc": re.fullmatch(r"[0-9]{3}", form.get("cvc", "")) is not None,
    }
    return [name for name, good in looks.items() if not good]


def _digits(number: str) -> str:
    return re.sub(r"[ -]", "", number)


def _kopecks(typed: str) -> int:
    """Return kopecks for roubles as people type them, 0 for anything else."""
    amount = re.fullmatch(r"([0-9]{1,9})(?:[.,]([0-9]{2}))?", re.sub(r"\s", "", typed), re.ASCII)
    return int(amount[1]) * 100 + int(amount[2] or 0) if amount else 0


async def _read_bounded(request: web.Request, most: int) -> bytes:
    body = b""
    async for part in request.content.iter_chunked(most):
        body += part
        if len(body) > most:
            raise NOTICE_TOO_LARGE(max_bytes=most)
    return body


def _listening_address(request: web.Request) -> str:
    """Return the URL at which this server listens, from the socket: a header could be forged."""
    assert request.transport is not None
    host, port = request.transport.get_extra_info("sockname")[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _send_notice(compose: Callable[[], tuple[dict[str, str], bytes]], address: str) -> None:
    """Send the notice over HTTP as a real provider does, and repeat it if it was not accepted."""
    timeout = aiohttp.ClientTimeout(total=NOTICE_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        for attempt in range(NOTICE_ATTEMPTS):
            await asyncio.sleep(NOTICE_PAUSE_S * attempt * random.uniform(0.5, 1.5))
            headers, body = compose()
            try:
                async with http.post(
                    f"{address}{NOTICES_PATH}{NAME}", data=body, headers=headers
                ) as it:
                    if it.status < 500:
                        return
            except (aiohttp.ClientError, TimeoutError) as error:
                log.warning("sandbox_notice_lost", error=type(error).__name__)


def _return_page(payment: SandboxPayment) -> web.Response:
    return web.Response(status=303, headers={"Location": payment.return_url})


def _html(text: str, language: Language, return_url: str = "", status: int = 200) -> web.Response:
    headers = {
        "Content-Security-Policy": screens.policy(return_url),
        "Content-Language": language.value,
    }
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)
