"""Subscriptions that suit chosen registers."""

from collections.abc import Sequence

from fleet.kit.act import Act
from fleet.registers.queries import find_own
from fleet.registers.rules import read_serials
from fleet.subscriptions import stock
from fleet.subscriptions.assigning import terms_of
from fleet.subscriptions.catalogue import CATALOGUE, Plan
from fleet.subscriptions.rules import Recipient, objection


async def suitable_plans(act: Act, typed: Sequence[str]) -> list[tuple[Plan, int, int]]:
    """Return plans with the number available and the number of the registers that could get one.

    Only plans on sale or in the stock that at least one of the registers could get.
    """
    good, _ = read_serials(typed)
    registers = await find_own(act.db, act.actor, good)
    had = await terms_of(act.db, list(registers), list(CATALOGUE))
    available = await stock.available(act.db, act.actor.partner_id)
    targets = [
        Recipient(each.serial_number, each.platform, each.model) for each in registers.values()
    ]
    found = []
    for plan in CATALOGUE.values():
        count = sum(
            objection(plan, target, had.get((target.serial_number, plan.code)), act.now) is None
            for target in targets
        )
        if count and (plan.sold or available.get(plan.code)):
            found.append((plan, available.get(plan.code, 0), count))
    return found
