"""Endpoints of payments; ``pages`` has the addresses for providers and for payers."""

from fleet.accounts.roles import Right
from fleet.billing import queries
from fleet.billing.processor import PaymentProcessor
from fleet.billing.queries import PaymentKey, PaymentView
from fleet.kit.http import Call, endpoint


@endpoint("GET", "/payments/{id}", right=Right.SUBSCRIPTIONS)
async def show(call: Call[PaymentKey, None]) -> PaymentView:
    """Show a payment of the partner with its status and refunds."""
    return await queries.find_own(call.db, call.actor, call.query.id)


@endpoint("POST", "/payments/{id}/checkout", right=Right.SUBSCRIPTIONS, own_transactions=True)
async def check_out(call: Call[PaymentKey, None]) -> PaymentView:
    """Get the provider's payment page; a payment has one page, which is open for an hour.

    For a payment that is paid already only its status is returned.
    """
    processor = PaymentProcessor.from_config(call.acts)
    return await processor.check_out(call.actor, call.query.id)


ENDPOINTS = (show, check_out)
