"""Paying on the provider's page: card, term and CVC-code, «Заплатить», and the money is there.

ATOL Connect manual, «Покупка подписки».
"""

import re

from sqlalchemy import select
from yarl import URL

from fleet.accounts.models import Employee
from fleet.billing import service
from fleet.billing.sandbox import CARDS
from fleet.kit.act import Act
from tests.journeys.conftest import Deployment

GOOD, DECLINED, _, UNTOLD = CARDS


async def owe(town: Deployment, reference: str) -> str:
    """What a purchase does in its transaction; the payment's number."""
    async with town.gateway.database.transaction() as db:
        anna = (await db.scalars(select(Employee).where(Employee.login == "anna"))).one()
        payment = await service.open_payment(
            Act(db, None, town.clock()),
            partner_id=anna.partner_id,
            employee_id=anna.id,
            amount_kopecks=250_000,
            purpose="journey",
            reference=reference,
            description="Управление настройками ККТ × 1",
        )
        return payment.id


async def pay(town: Deployment, payment_id: str, number: str) -> str:
    """Go to the payment page, fill it in as a browser would, come back; the text of that page."""
    shown = (await town.api.post(f"/payments/{payment_id}/checkout")).json
    page = URL(shown["redirect_url"]).path
    client = town.api.client
    async with client.get(page) as answer:
        text = await answer.text()
    assert all(name in text for name in ("Номер карты", "Срок действия", "CVC-код", "Заплатить"))
    token = re.search(r'name="token" value="(\w+)"', text)
    assert token is not None
    card = {"number": number, "term": "07/31", "cvc": "123", "choice": "pay", "token": token[1]}
    async with client.post(page, data=card, allow_redirects=False) as answer:
        assert answer.status == 303
        back = URL(answer.headers["Location"]).path
    async with client.get(back) as answer:
        return await answer.text()


async def status(town: Deployment, payment_id: str) -> str:
    return str((await town.api.get(f"/payments/{payment_id}")).json["status"])


async def test_card_is_charged_and_the_buyer_returns(town: Deployment) -> None:
    paid, refused = await owe(town, "1"), await owe(town, "2")
    assert "Оплачено" in await pay(town, paid, GOOD)
    assert "Оплата не прошла" in await pay(town, refused, DECLINED)
    assert [await status(town, each) for each in (paid, refused)] == ["paid", "failed"]


async def test_worker_completes_payments_that_the_network_lost(town: Deployment) -> None:
    lost, left = await owe(town, "3"), await owe(town, "4")
    assert "обрабатывается" in await pay(town, lost, UNTOLD)
    await town.work()
    assert await status(town, lost) == "waiting"
    town.clock.forward(minutes=2)
    await town.work()
    assert await status(town, lost) == "paid"
    town.clock.forward(hours=1)
    await town.work()
    assert await status(town, left) == "cancelled"
