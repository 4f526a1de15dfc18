"""Partners who buy, assign and transfer; facts cause what they cause in the program."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from fleet.accounts.models import Employee, Partner
from fleet.accounts.roles import Role
from fleet.accounts.service import to_actor
from fleet.billing import service as billing
from fleet.billing.models import Payment
from fleet.billing.rules import PaymentReport, PaymentStatus, RefundReport
from fleet.kit.actor import Actor
from fleet.kit.database import Database
from fleet.kit.language import Language
from fleet.registers.models import CashRegister
from fleet.registers.rules import model_code
from fleet.subscriptions import orders
from fleet.subscriptions.models import Grant, Stock, StockMovement
from fleet.wiring import REACTIONS
from protocol.platforms import Platform
from tests.fleet.conftest import Api, Employ, HandClock

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Nothing in it depends on the dialect."""


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """With the whole schema and the reactions."""
    database = Database(database_url, REACTIONS)
    yield database
    await database.close()


def serial(number: int, model: int = 69) -> str:
    return f"001{model:03}{number:08}"


@dataclass
class Shop:
    """What stands behind the API: registers, money, and the books to compare with."""

    database: Database
    clock: HandClock

    async def settle(self, owner: Actor, serials: Sequence[str], **said: Any) -> None:
        """Registers in a partner's cabinet; ``said`` is what they say of themselves."""
        known = {"platform": Platform.V5_0, "hidden": False, "blocked": False, **said}
        async with self.database.transaction() as db:
            db.add_all(
                CashRegister(
                    serial_number=each,
                    partner_id=owner.partner_id,
                    model=model_code(each),
                    search_numbers=each,
                    enrolled_at=self.clock(),
                    **known,
                )
                for each in serials
            )

    async def buy(self, actor: Actor, plan: str, quantity: int) -> int:
        """Ordered and paid; the id of the order."""
        async with self.database.transaction() as db:
            order = await orders.place_order(
                db, actor, plan, quantity, True, self.clock(), Language.RU
            )
        await self.pay(order.payment_id, order.quantity * order.price_kopecks)
        return order.id

    async def pay(
        self, payment_id: str, amount_kopecks: int, status: PaymentStatus = PaymentStatus.PAID
    ) -> None:
        """The provider says what became of a payment."""
        async with self.database.transaction() as db:
            payment = await db.get_one(Payment, payment_id)
            report = PaymentReport(
                provider=payment.provider or "sandbox",
                provider_id=payment.provider_id or payment_id,
                payment_id=payment_id,
                status=status,
                amount_kopecks=amount_kopecks,
                currency="RUB",
            )
            await billing.settle(db, report, self.clock())

    async def refund(self, payment_id: str, amount_kopecks: int, refund_id: str = "1") -> None:
        """The provider says that it has given money back."""
        async with self.database.transaction() as db:
            payment = await db.get_one(Payment, payment_id)
            its = (payment.provider, refund_id, payment.provider_id or "")
            await billing.refund(db, RefundReport(*its, amount_kopecks, "RUB"), self.clock())

    async def without_contract(self) -> None:
        """Nobody may use anything but by subscriptions."""
        async with self.database.transaction() as db:
            await db.execute(delete(Grant))

    async def stock(self, actor: Actor) -> dict[tuple[str, int], int]:
        """Plan and points -> how many; the book of movements must say the same."""
        async with self.database.read() as db:
            rows = await db.execute(
                select(Stock.plan, Stock.bonus_points, Stock.quantity).where(
                    Stock.partner_id == actor.partner_id
                )
            )
            balance = {(plan, points): quantity for plan, points, quantity in rows}
            book = await db.execute(
                select(
                    StockMovement.plan, StockMovement.bonus_points, func.sum(StockMovement.change)
                )
                .where(StockMovement.partner_id == actor.partner_id)
                .group_by(StockMovement.plan, StockMovement.bonus_points)
            )
            assert balance == {(plan, points): int(total) for plan, points, total in book}
        return {key: quantity for key, quantity in balance.items() if quantity}

    async def uuid(self, actor: Actor) -> str:
        async with self.database.read() as db:
            return (await db.get_one(Partner, actor.partner_id)).uuid

    async def limit(self, login: str) -> Actor:
        """The employee sees no register from now on."""
        async with self.database.transaction() as db:
            found = (await db.scalars(select(Employee).where(Employee.login == login))).one()
            found.limited = True
            return to_actor(found, 0, "")


@pytest.fixture
def shop(database: Database, clock: HandClock) -> Shop:
    return Shop(database, clock)


@pytest.fixture
async def anna(employ: Employ, api: Api) -> Actor:
    """The administrator of a partner, signed in at ``api``."""
    anna = await employ("anna")
    assert (await api.sign_in("anna")).status == 200
    return anna


@pytest.fixture
async def olga(employ: Employ) -> Actor:
    """The Administrator+ of another partner."""
    return await employ("olga", Role.ADMINISTRATOR_PLUS)
