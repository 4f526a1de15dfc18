"""The sandbox provider: a payment page of this server that moves no money.

It behaves as a real provider: it keeps its own records, shows its own pages (one to pay, one for
the shop to refund), and reports the outcome of a payment by a signed notice over HTTP::

    Sandbox-Signature: t=<seconds since 1970>,v1=<hex of HMAC-SHA256(key, t "." body)>

The key is made at the first start and is stored in the data directory.  Only the test cards below
are accepted; no card number is stored, logged or shown again.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.billing.errors import NOTICE_BROKEN, PAYMENT_NOT_FOUND, SIGNATURE_WRONG
from fleet.billing.models import SandboxPayment, SandboxRefund
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
    EXPIRED,
    PAYMENT_ID,
    PAYMENT_PAGE_LIFETIME,
    PaymentReport,
    PaymentStatus,
    RefundReport,
    is_payment_id,
)
from fleet.kit.clock import Clock
from fleet.kit.config import FleetConfig
from fleet.kit.database import Database, insert_into
from fleet.kit.dialect import select_for_update
from fleet.kit.secret_file import load_or_create

NAME: Final = "sandbox"
PAGE: Final = "/pay/sandbox/"
KEY_FILE: Final = "sandbox-payments.key"
KEY_BYTES: Final = 32
SIGNATURE: Final = "Sandbox-Signature"
REPLAY_WINDOW_S: Final = 300
_SIGNATURE: Final = re.compile(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})")


class SampleCard(NamedTuple):
    """Behaviour of a test card.

    ``notice_sent`` False: the notice is lost, as happens in practice.
    """

    status: PaymentStatus
    reason: str = ""
    delay_s: float = 0
    notice_sent: bool = True


CARDS: Mapping[str, SampleCard] = MappingProxyType(
    {
        "4111111111111111": SampleCard(PaymentStatus.PAID),
        "4000000000000002": SampleCard(PaymentStatus.FAILED, "card_declined"),
        "4000000000000077": SampleCard(PaymentStatus.PAID, delay_s=3),
        "4000000000000341": SampleCard(PaymentStatus.PAID, notice_sent=False),
    }
)


class _Message(BaseModel):
    """Body of a notice of a payment."""

    model_config = ConfigDict(extra="forbid")

    event: Literal["payment.succeeded", "payment.canceled"]
    id: str = Field(max_length=36)
    payment_id: str = Field(max_length=36)
    status: PaymentStatus
    amount_kopecks: int
    currency: str = Field(max_length=8)
    reason: str = Field(max_length=64)


class _RefundMessage(BaseModel):
    """Body of a notice of a refund.

    ``payment_id`` is the sandbox's own, as in YooKassa's notices.
    """

    model_config = ConfigDict(extra="forbid")

    event: Literal["refund.succeeded"]
    id: str = Field(pattern=f"^{PAYMENT_ID}$")
    payment_id: str = Field(pattern=f"^{PAYMENT_ID}$")


_MESSAGE: Final[TypeAdapter[_Message | _RefundMessage]] = TypeAdapter(
    Annotated[_Message | _RefundMessage, Field(discriminator="event")]
)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Both sides of the sandbox: the ``Provider`` of payments and the records of its pages."""

    database: Database
    clock: Clock
    config: FleetConfig
    name: str = NAME

    async def create_payment(self, invoice: Invoice) -> CreatedPayment:
        row = {
            "payment_id": invoice.payment_id,
            "amount_kopecks": invoice.amount_kopecks,
            "description": invoice.description,
            "return_url": invoice.return_url,
            "status": PaymentStatus.WAITING,
            "created_at": self.clock(),
        }
        async with self.database.transaction() as db:
            await db.execute(insert_into(db, SandboxPayment).values(row).on_conflict_do_nothing())
            mine = select(SandboxPayment.id).where(SandboxPayment.payment_id == invoice.payment_id)
            made = (await db.scalars(mine)).one()
        return CreatedPayment(made, f"{self.config.links_begin_with}{PAGE}{made}")

    def read_notice(self, notice: ProviderNotice) -> PaymentEvent | RefundEvent | None:
        if not is_signed(self.key, notice):
            raise SIGNATURE_WRONG()
        try:
            message = _MESSAGE.validate_json(notice.body)
        except ValidationError as error:
            raise NOTICE_BROKEN(where=unreadable_field(error)) from None
        if isinstance(message, _RefundMessage):
            return RefundEvent(message.id, message.payment_id)
        report = PaymentReport(
            provider=NAME,
            provider_id=message.id,
            payment_id=message.payment_id,
            status=message.status,
            amount_kopecks=message.amount_kopecks,
            currency=message.currency,
            reason=message.reason,
        )
        return PaymentEvent(message.payment_id, message.id, report)

    async def fetch_payment(self, provider_id: str) -> PaymentReport:
        async with self.database.transaction() as db:
            found = await self.find(db, provider_id)
            return _report(found, await self.refunded(db, provider_id))

    async def fetch_refund(self, refund_id: str) -> RefundReport | None:
        async with self.database.read() as db:
            found = await db.get(SandboxRefund, refund_id)
        if found is None:
            raise PAYMENT_NOT_FOUND(id=refund_id)
        return _refund_report(found)

    async def fetch_refunds(self, provider_id: str) -> Sequence[RefundReport]:
        its = select(SandboxRefund).where(SandboxRefund.sandbox_payment_id == provider_id)
        async with self.database.read() as db:
            return [_refund_report(each) for each in await db.scalars(its)]

    @property
    def key(self) -> bytes:
        path = self.config.data / KEY_FILE
        return load_or_create(path, lambda: secrets.token_bytes(KEY_BYTES))

    async def find(self, db: AsyncSession, id_: str) -> SandboxPayment:
        """Return a payment of the sandbox, locked until the commit; cancel one whose time is over.

        Raise ``PAYMENT_NOT_FOUND``.
        """
        one = select(SandboxPayment).where(SandboxPayment.id == id_)
        known = is_payment_id(id_)
        found: SandboxPayment | None = (
            await db.scalar(select_for_update(db, one, wait=True)) if known else None
        )
        if found is None:
            raise PAYMENT_NOT_FOUND(id=id_)
        late = self.clock() - found.created_at >= PAYMENT_PAGE_LIFETIME
        if late and found.status is PaymentStatus.WAITING:
            found.status, found.reason = PaymentStatus.CANCELLED, EXPIRED
        return found

    async def charge(self, id_: str, card: SampleCard) -> SandboxPayment:
        """Store the card's result and return the payment.

        A payment with an outcome is not changed.
        """
        async with self.database.transaction() as db:
            found = await self.find(db, id_)
            if found.status is PaymentStatus.WAITING:
                found.status, found.reason = card.status, card.reason
            return found

    async def refunded(self, db: AsyncSession, id_: str) -> int:
        """Return the refunded sum of a payment in kopecks."""
        total = func.coalesce(func.sum(SandboxRefund.amount_kopecks), 0)
        its = select(total).where(SandboxRefund.sandbox_payment_id == id_)
        return int((await db.scalars(its)).one())

    async def refund(self, id_: str, amount_kopecks: int) -> SandboxRefund | None:
        """Store a refund and return it; None if less than this amount is left."""
        async with self.database.transaction() as db:
            found = await self.find(db, id_)
            left = found.amount_kopecks - await self.refunded(db, id_)
            if found.status is not PaymentStatus.PAID or not 0 < amount_kopecks <= left:
                return None
            made = SandboxRefund(
                sandbox_payment_id=id_, amount_kopecks=amount_kopecks, created_at=self.clock()
            )
            db.add(made)
            await db.flush()
            return made

    def compose(self, payment: SandboxPayment) -> tuple[dict[str, str], bytes]:
        """Return headers and body of the notice about a payment with an outcome, signed now."""
        good = payment.status is PaymentStatus.PAID
        message = _Message(
            event="payment.succeeded" if good else "payment.canceled",
            id=payment.id,
            payment_id=payment.payment_id,
            status=payment.status,
            amount_kopecks=payment.amount_kopecks,
            currency=CURRENCY,
            reason=payment.reason,
        )
        return self._signed(message)

    def compose_refund(self, refund: SandboxRefund) -> tuple[dict[str, str], bytes]:
        """Return headers and body of the notice about a refund, signed now."""
        its = {"id": refund.id, "payment_id": refund.sandbox_payment_id}
        return self._signed(_RefundMessage(event="refund.succeeded", **its))

    def _signed(self, message: BaseModel) -> tuple[dict[str, str], bytes]:
        body = message.model_dump_json().encode()
        return sign(self.key, body, self.clock()), body

    def form_token(self, id_: str) -> bytes:
        """Return the token that proves a form's origin: other sites cannot read it."""
        return hmac.new(self.key, b"form " + id_.encode(), hashlib.sha256).hexdigest().encode()


def sign(key: bytes, body: bytes, at: datetime) -> dict[str, str]:
    """Return the headers that sign the body at this moment."""
    seconds = int(at.timestamp())
    return {
        "Content-Type": "application/json",
        SIGNATURE: f"t={seconds},v1={_digest(key, seconds, body)}",
    }


def is_signed(key: bytes, notice: ProviderNotice) -> bool:
    """Tell whether the body is signed with the key within ``REPLAY_WINDOW_S`` of its receipt."""
    match = _SIGNATURE.fullmatch(notice.headers.get(SIGNATURE, ""))
    if match is None:
        return False
    seconds = int(match[1])
    near = abs(notice.at.timestamp() - seconds) <= REPLAY_WINDOW_S
    return near and hmac.compare_digest(_digest(key, seconds, notice.body), match[2])


def _digest(key: bytes, seconds: int, body: bytes) -> str:
    return hmac.new(key, b"%d." % seconds + body, hashlib.sha256).hexdigest()


def _report(payment: SandboxPayment, refunded_kopecks: int) -> PaymentReport:
    return PaymentReport(
        provider=NAME,
        provider_id=payment.id,
        payment_id=payment.payment_id,
        status=payment.status,
        amount_kopecks=payment.amount_kopecks,
        currency=CURRENCY,
        reason=payment.reason,
        refunded_kopecks=refunded_kopecks,
    )


def _refund_report(refund: SandboxRefund) -> RefundReport:
    amount = refund.amount_kopecks
    return RefundReport(NAME, refund.id, refund.sandbox_payment_id, amount, CURRENCY)
