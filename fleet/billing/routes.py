"""Endpoints of payments; what providers and their pages talk to stands in ``pages``."""

from fleet.accounts.roles import Right
from fleet.billing import queries
from fleet.billing.processor import PaymentProcessor
from fleet.billing.queries import PaymentKey, PaymentView
from fleet.kit.http import Call, endpoint


@endpoint("GET", "/payments/{id}", right=Right.SUBSCRIPTIONS)
async def show(call: Call[PaymentKey, None]) -> PaymentView:
    """A payment and what became of it."""
    return await queries.find_own(call.db, call.actor, call.query.id)


@endpoint("POST", "/payments/{id}/checkout", right=Right.SUBSCRIPTIONS, own_transactions=True)
async def check_out(call: Call[PaymentKey, None]) -> PaymentView:
    """Get the provider's payment page, the same one each time; open for an hour.

    Of a payment that is paid already it just says so.
    """
    desk = PaymentProcessor.from_config(call.database, call.clock, call.config)
    return await desk.check_out(call.actor, call.query.id)


ENDPOINTS = (show, check_out)
