"""YooKassa, API v3 (yookassa.ru/developers/api): payments with a redirect, captured at once.

Requests carry HTTP Basic ``shop:secret`` and, where they create, ``Idempotence-Key``; the same key
with the same body is the same payment for 24 hours.  Answer 500 means that the outcome is unknown
and the request should be repeated with the same key.  Notices are not signed: before a notice is
trusted, the payment or the refund is fetched by its id.
"""

import asyncio
import random
from base64 import b64encode
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, TypeVar

import aiohttp
import structlog
from pydantic import BaseModel, Field, ValidationError

from fleet.billing.errors import (
    NOTICE_BROKEN,
    PAYMENT_NOT_FOUND,
    PROVIDER_AWAY,
    PROVIDER_REFUSED,
)
from fleet.billing.providers import (
    CreatedPayment,
    Invoice,
    PaymentEvent,
    ProviderNotice,
    RefundEvent,
    unreadable_field,
)
from fleet.billing.rules import (
    CURRENCY,
    PaymentReport,
    PaymentStatus,
    RefundReport,
    to_kopecks,
    to_roubles,
)
from fleet.kit.config import FleetConfig

NAME: Final = "yookassa"
REQUEST_ATTEMPTS: Final = 3
ANSWER_TIMEOUT_S: Final = 8.0
"""Three attempts and the pauses between them fit into the 30 seconds of a request to this
server."""
PAUSE_S: Final = 0.5
MAX_ANSWER: Final = 256 * 1024
RETRY_AFTER_S: Final = 5
METADATA_KEY: Final = "payment_id"
REFUNDED: Final = "refund.succeeded"
MAX_REFUNDS: Final = 100
"""YooKassa's longest page of a list; no payment has more refunds in practice."""

STATUSES: Final = {
    "pending": PaymentStatus.WAITING,
    "waiting_for_capture": PaymentStatus.WAITING,
    "succeeded": PaymentStatus.PAID,
    "canceled": PaymentStatus.FAILED,
}
CANCELLED_BY_PAYER: Final = frozenset(
    {"expired_on_confirmation", "expired_on_capture", "canceled_by_merchant"}
)
"""Reasons of ``canceled`` that are not a refusal by a bank."""

log = structlog.get_logger("payments")


_Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z-]+$")]
_Answer = TypeVar("_Answer", bound=BaseModel)


class _Amount(BaseModel):
    value: str = Field(max_length=16)
    currency: str = Field(max_length=8)


class _Confirmation(BaseModel):
    confirmation_url: str = Field(default="", max_length=2048, pattern=r"^(https?://.*)?$")


class _Cancellation(BaseModel):
    reason: str = Field(default="", max_length=64)


class _Payment(BaseModel):
    """The used parts of YooKassa's payment object."""

    id: _Id
    status: Literal["pending", "waiting_for_capture", "succeeded", "canceled"]
    amount: _Amount
    refunded_amount: _Amount = _Amount(value="0.00", currency=CURRENCY)
    metadata: dict[str, str] = Field(default_factory=dict)
    confirmation: _Confirmation = _Confirmation()
    cancellation_details: _Cancellation = _Cancellation()


class _Refund(BaseModel):
    """The used parts of YooKassa's refund object; ``payment_id`` is YooKassa's own."""

    id: _Id
    payment_id: _Id
    status: Literal["pending", "succeeded", "canceled"]
    amount: _Amount


class _Refunds(BaseModel):
    items: list[_Refund] = Field(max_length=MAX_REFUNDS)


class _NoticeObject(BaseModel):
    """The part of a notice that is used: the numbers to ask about.

    ``payment_id`` is only present for a refund.
    """

    id: _Id
    payment_id: _Id | None = None
    metadata: dict[str, str] = Field(default_factory=dict)


class _NoticeBody(BaseModel):
    type: Literal["notification"]
    event: str = Field(max_length=64)
    object: _NoticeObject


class YooKassa:
    """Client of a shop's account.

    The secret is read from its file for each request, and not stored.
    """

    name = NAME

    def __init__(self, config: FleetConfig) -> None:
        self._url, self._shop = config.yookassa_url, config.yookassa_shop
        self._secret_file = config.yookassa_secret_file

    async def create_payment(self, invoice: Invoice) -> CreatedPayment:
        body = {
            "amount": {"value": to_roubles(invoice.amount_kopecks), "currency": CURRENCY},
            "capture": True,
            "confirmation": {"type": "redirect", "return_url": invoice.return_url},
            "description": invoice.description,
            "metadata": {METADATA_KEY: invoice.payment_id},
        }
        key = {"Idempotence-Key": invoice.payment_id}
        answer = await self._request("POST", "/payments", json=body, headers=key)
        made = _parse(_Payment, answer)
        if not made.confirmation.confirmation_url:
            log.error("yookassa_answer_broken", where="confirmation_url")
            raise PROVIDER_REFUSED()
        return CreatedPayment(made.id, made.confirmation.confirmation_url)

    def read_notice(self, notice: ProviderNotice) -> PaymentEvent | RefundEvent | None:
        try:
            news = _NoticeBody.model_validate_json(notice.body)
        except ValidationError as error:
            raise NOTICE_BROKEN(where=unreadable_field(error)) from None
        about = news.object
        if news.event == REFUNDED:
            return RefundEvent(about.id, about.payment_id or "")
        if not news.event.startswith("payment."):
            return None
        return PaymentEvent(about.metadata.get(METADATA_KEY, ""), about.id, None)

    async def fetch_payment(self, provider_id: str) -> PaymentReport:
        return _report(_parse(_Payment, await self._request("GET", f"/payments/{provider_id}")))

    async def fetch_refund(self, refund_id: str) -> RefundReport | None:
        found = _parse(_Refund, await self._request("GET", f"/refunds/{refund_id}"))
        return _refund_report(found) if found.status == "succeeded" else None

    async def fetch_refunds(self, provider_id: str) -> Sequence[RefundReport]:
        which = {"payment_id": provider_id, "status": "succeeded", "limit": MAX_REFUNDS}
        found = _parse(_Refunds, await self._request("GET", "/refunds", params=which))
        return [_refund_report(each) for each in found.items if each.status == "succeeded"]

    async def _request(self, method: str, path: str, **more: Any) -> bytes:
        """Return the body of a successful answer; retry temporary failures.

        Raise ``PROVIDER_AWAY`` if all attempts failed temporarily.
        """
        for attempt in range(REQUEST_ATTEMPTS):
            if attempt:
                await asyncio.sleep(PAUSE_S * attempt * random.uniform(0.5, 1.5))
            try:
                status, body = await self._request_once(method, path, more)
            except (aiohttp.ClientError, TimeoutError) as error:
                log.warning("yookassa_unreachable", error=type(error).__name__)
                continue
            if status == HTTPStatus.OK:
                return body
            log.warning("yookassa_answer", method=method, status=status)
            if not _is_transient(status):
                raise _refusal(status, path)
        raise PROVIDER_AWAY(retry_after_s=RETRY_AFTER_S)

    async def _request_once(
        self, method: str, path: str, more: dict[str, Any]
    ) -> tuple[int, bytes]:
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S)
        async with (
            aiohttp.ClientSession(headers=self._authorization(), timeout=timeout) as http,
            http.request(method, self._url + path, allow_redirects=False, **more) as answer,
        ):
            return answer.status, await _read_bounded(answer)

    def _authorization(self) -> dict[str, str]:
        assert self._secret_file is not None, "the configuration asks for the file"
        try:
            secret = self._secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:  # it was readable when the program started
            log.error("yookassa_secret_unreadable", error=type(error).__name__)
            raise PROVIDER_REFUSED() from None
        pair = f"{self._shop}:{secret}"
        return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}


async def _read_bounded(answer: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for part in answer.content.iter_chunked(MAX_ANSWER):
        body += part
        if len(body) > MAX_ANSWER:
            log.error("yookassa_answer_broken", where="length")
            raise PROVIDER_REFUSED()
    return body


def _is_transient(status: int) -> bool:
    """Tell whether a status is temporary: 202 (still in progress), 429 and 5xx."""
    return status in (HTTPStatus.ACCEPTED, HTTPStatus.TOO_MANY_REQUESTS) or status >= 500


def _refusal(status: int, path: str) -> Exception:
    if status == HTTPStatus.NOT_FOUND:
        return PAYMENT_NOT_FOUND(id=path.rpartition("/")[2])
    return PROVIDER_REFUSED()


def _parse(model: type[_Answer], body: bytes) -> _Answer:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        log.error("yookassa_answer_broken", where=unreadable_field(error))
        raise PROVIDER_REFUSED() from None


def _report(found: _Payment) -> PaymentReport:
    status, reason = STATUSES[found.status], found.cancellation_details.reason
    if status is PaymentStatus.FAILED and reason in CANCELLED_BY_PAYER:
        status = PaymentStatus.CANCELLED
    amount, refunded = _kopecks(found.amount), _kopecks(found.refunded_amount)
    ours = found.metadata.get(METADATA_KEY, "")
    return PaymentReport(
        NAME, found.id, ours, status, amount, found.amount.currency, reason, refunded
    )


def _refund_report(found: _Refund) -> RefundReport:
    amount = _kopecks(found.amount)
    return RefundReport(NAME, found.id, found.payment_id, amount, found.amount.currency)


def _kopecks(amount: _Amount) -> int:
    try:
        return to_kopecks(amount.value)
    except ValueError:
        log.error("yookassa_answer_broken", where="amount")
        raise PROVIDER_REFUSED() from None
