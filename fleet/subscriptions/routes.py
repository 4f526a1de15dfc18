"""Endpoints of subscriptions."""

from fleet.accounts.roles import Right
from fleet.billing.processor import PaymentProcessor
from fleet.billing.rules import PaymentStatus
from fleet.kit.errors import DomainError
from fleet.kit.http import Call, endpoint
from fleet.kit.idempotency import run_once
from fleet.kit.input import Nothing
from fleet.kit.language import Language
from fleet.kit.paging import Page
from fleet.registers.queries import RegisterKey
from fleet.registers.routes import SerialList
from fleet.subscriptions import assigning, queries, transfers
from fleet.subscriptions import holdings as effective
from fleet.subscriptions import orders as purchases
from fleet.subscriptions import suitable as choice
from fleet.subscriptions.forms import (
    AcceptedAssignment,
    AssignmentReply,
    NewAssignment,
    NewOrder,
    NewTransfer,
    PlacedOrder,
    RefusedAssignment,
    SuitablePlan,
    SuitablePlans,
    TransferPreview,
    TransferReply,
)
from fleet.subscriptions.holdings import RegisterHoldings, SubscriptionFilter, SubscriptionRow
from fleet.subscriptions.queries import (
    AssignmentFilter,
    AssignmentRow,
    Catalogue,
    MovementFilter,
    MovementRow,
    OrderFilter,
    OrderKey,
    OrderRow,
    PlanFilter,
    TransferFilter,
    TransferRow,
)


@endpoint("GET", "/subscriptions/plans", right=Right.SUBSCRIPTIONS)
async def list_plans(call: Call[PlanFilter, None]) -> Catalogue:
    """List the subscriptions on sale with the number available of each."""
    return await queries.catalogue(call.act, call.query)


@endpoint("POST", "/subscriptions/plans/suiting", right=Right.SUBSCRIPTIONS)
async def suiting(call: Call[Nothing, SerialList]) -> SuitablePlans:
    """List the subscriptions that suit the chosen registers.

    For each subscription: how many of the registers could get it, and how many are available.
    """
    found = await choice.suitable_plans(call.act, call.body.serial_numbers)
    return SuitablePlans(
        items=[
            SuitablePlan(
                **queries.plan_view(plan, available, call.language).model_dump(), registers=count
            )
            for plan, available, count in found
        ]
    )


@endpoint(
    "POST",
    "/subscriptions/orders",
    right=Right.SUBSCRIPTIONS,
    status=201,
    own_transactions=True,
    repeatable=True,
)
async def place_order(call: Call[Nothing, NewOrder]) -> PlacedOrder:
    """Buy subscriptions: create an order and return the page to pay it on."""
    async with call.acts.transaction() as act:

        async def place() -> OrderKey:
            body = call.body
            new = await purchases.place_order(act, body.plan, body.quantity, body.agreed)
            return OrderKey(id=new.id)

        key = await run_once(act, call.idempotency_key, call.body, place, OrderKey)
        order = await queries.one_order(act, key.id)
    return PlacedOrder(order=order, redirect_url=await _payment_page(call, order))


async def _payment_page(call: Call[Nothing, NewOrder], order: OrderRow) -> str:
    """Return the provider's payment page, empty if there is none to pay on.

    The order is committed already; if the provider fails, the page can be requested later.
    """
    if order.status is not PaymentStatus.WAITING:
        return ""
    processor = PaymentProcessor.from_config(call.acts)
    try:
        return (await processor.check_out(call.actor, order.payment_id)).redirect_url
    except DomainError:
        return ""


@endpoint("GET", "/subscriptions/orders", right=Right.SUBSCRIPTIONS)
async def list_orders(call: Call[OrderFilter, None]) -> Page[OrderRow]:
    """List the partner's purchases, newest first."""
    return await queries.orders(call.act, call.query)


@endpoint("GET", "/subscriptions/orders/{id}", right=Right.SUBSCRIPTIONS)
async def show_order(call: Call[OrderKey, None]) -> OrderRow:
    """Show a purchase and the state of its payment."""
    return await queries.one_order(call.act, call.query.id)


@endpoint("POST", "/subscriptions/assign", right=Right.SUBSCRIPTIONS, repeatable=True)
async def assign(call: Call[Nothing, NewAssignment]) -> AssignmentReply:
    """Assign subscriptions to up to 500 registers; each register gets its own verdict."""

    async def give() -> AssignmentReply:
        body = call.body
        done = await assigning.assign(call.act, body.plans, body.serial_numbers)
        stock = await queries.remaining(call.db, call.actor, body.plans)
        return _assignment_reply(done, stock, call.language)

    return await run_once(call.act, call.idempotency_key, call.body, give, AssignmentReply)


def _assignment_reply(
    done: assigning.AssignmentResult, stock: dict[str, int], language: Language
) -> AssignmentReply:
    return AssignmentReply(
        accepted=[
            AcceptedAssignment(
                serial_number=gift.serial_number, plan=gift.plan, ends_at=gift.span.ends_at
            )
            for gift in done.accepted
        ],
        refused=[
            RefusedAssignment(serial_number=each.item, **each.told(language))
            for each in done.refused
        ],
        available=stock,
    )


@endpoint("GET", "/subscriptions/assignments", right=Right.SUBSCRIPTIONS)
async def list_assignments(call: Call[AssignmentFilter, None]) -> Page[AssignmentRow]:
    """List the partner's assignments of subscriptions, newest first."""
    return await queries.assignments(call.act, call.query)


@endpoint(
    "POST",
    "/subscriptions/transfers/preview",
    right=Right.TRANSFER_SUBSCRIPTIONS,
    own_transactions=True,
)
async def preview(call: Call[Nothing, NewTransfer]) -> TransferPreview:
    """Preview a transfer: return the recipient and the quantity without making the transfer."""
    await transfers.count_new_recipient(call.acts, call.body.to)
    async with call.acts.read() as act:
        draft = await transfers.preview(act.db, call.actor, _transfer_request(call.body))
    return TransferPreview(
        partner_name=draft.partner.name,
        partner_uuid=draft.partner.uuid,
        plan=draft.plan.code,
        plan_name=draft.plan.name(call.language),
        quantity=draft.quantity,
        left=draft.available - draft.quantity,
    )


@endpoint(
    "POST",
    "/subscriptions/transfers",
    right=Right.TRANSFER_SUBSCRIPTIONS,
    status=201,
    own_transactions=True,
    repeatable=True,
)
async def transfer(call: Call[Nothing, NewTransfer]) -> TransferReply:
    """Transfer subscriptions to another partner."""
    await transfers.count_new_recipient(call.acts, call.body.to)
    async with call.acts.transaction() as act:

        async def give() -> TransferReply:
            done = await transfers.transfer(act, _transfer_request(call.body))
            return TransferReply(id=done.id, quantity=done.quantity)

        key = call.idempotency_key
        return await run_once(act, key, call.body, give, TransferReply)


def _transfer_request(body: NewTransfer) -> transfers.TransferRequest:
    return transfers.TransferRequest(body.plan, body.to, body.quantity, body.all)


@endpoint("GET", "/subscriptions/transfers", right=Right.SUBSCRIPTIONS)
async def list_transfers(call: Call[TransferFilter, None]) -> Page[TransferRow]:
    """List transfers of subscriptions to and from other partners, newest first."""
    return await queries.transfers(call.act, call.query)


@endpoint("GET", "/subscriptions/movements", right=Right.SUBSCRIPTIONS)
async def list_movements(call: Call[MovementFilter, None]) -> Page[MovementRow]:
    """List the changes of the stock of subscriptions, newest first."""
    return await queries.movements(call.act, call.query)


@endpoint("GET", "/subscriptions", right=Right.MONITORING)
async def list_subscriptions(call: Call[SubscriptionFilter, None]) -> Page[SubscriptionRow]:
    """List the subscriptions of registers by client, plan, service or end of the term."""
    return await effective.page(call.act, call.query)


@endpoint("GET", "/registers/{serial_number}/subscriptions", right=Right.MONITORING)
async def show_of_register(call: Call[RegisterKey, None]) -> RegisterHoldings:
    """Show a register's subscriptions and the services that they bring today."""
    serial = call.query.serial_number
    return await effective.of_register(call.act, serial)


ENDPOINTS = (
    list_plans,
    suiting,
    place_order,
    list_orders,
    show_order,
    assign,
    list_assignments,
    preview,
    transfer,
    list_transfers,
    list_movements,
    list_subscriptions,
    show_of_register,
)
