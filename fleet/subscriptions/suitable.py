"""Which subscriptions suit the registers that a person has chosen."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.actor import Actor
from fleet.registers.queries import find_own
from fleet.registers.rules import read_serials
from fleet.subscriptions import stock
from fleet.subscriptions.assigning import terms_of
from fleet.subscriptions.catalogue import CATALOGUE, Plan
from fleet.subscriptions.rules import Recipient, objection


async def suitable_plans(
    db: AsyncSession, actor: Actor, typed: Sequence[str], now: datetime
) -> list[tuple[Plan, int, int]]:
    """The plans that can be bought, or that the stock holds, with the number available and the
    number of the registers that could get one; those that no register could get are left out."""
    good, _ = read_serials(typed)
    registers = await find_own(db, actor, good)
    had = await terms_of(db, list(registers), list(CATALOGUE))
    available = await stock.available(db, actor.partner_id)
    targets = [
        Recipient(each.serial_number, each.platform, each.model) for each in registers.values()
    ]
    found = []
    for plan in CATALOGUE.values():
        count = sum(
            objection(plan, target, had.get((target.serial_number, plan.code)), now) is None
            for target in targets
        )
        if count and (plan.sold or available.get(plan.code)):
            found.append((plan, available.get(plan.code, 0), count))
    return found
