"""Endpoints of subscriptions."""

from fleet.accounts.roles import Right
from fleet.billing.desk import Desk
from fleet.billing.rules import PaymentStatus
from fleet.kit.errors import DomainError
from fleet.kit.http import Call, endpoint
from fleet.kit.input import Nothing
from fleet.kit.language import Language
from fleet.kit.paging import Page
from fleet.kit.repetition import once
from fleet.registers.queries import RegisterKey
from fleet.registers.routes import SerialList
from fleet.subscriptions import assigning, choice, effective, queries, transfers
from fleet.subscriptions import orders as purchases
from fleet.subscriptions.effective import OfRegister, SubscriptionFilter, SubscriptionRow
from fleet.subscriptions.forms import (
    Given,
    NewAssignment,
    NewOrder,
    NewTransfer,
    Outcome,
    Placed,
    Preview,
    Refused,
    Suiting,
    SuitingPlan,
    Transferred,
)
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
    """The subscriptions on sale, with the number available of each."""
    return await queries.catalogue(call.db, call.actor, call.query, call.language)


@endpoint("POST", "/subscriptions/plans/suiting", right=Right.SUBSCRIPTIONS)
async def suiting(call: Call[Nothing, SerialList]) -> Suiting:
    """The subscriptions that the chosen registers could get."""
    found = await choice.suiting(call.db, call.actor, call.body.serial_numbers, call.now)
    return Suiting(
        items=[
            SuitingPlan(
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
async def place_order(call: Call[Nothing, NewOrder]) -> Placed:
    """Buy subscriptions: an order and the page to pay it on."""
    async with call.database.transaction() as db:

        async def place() -> OrderKey:
            body = call.body
            wish = (body.plan, body.quantity, body.agreed)
            new = await purchases.order(db, call.actor, *wish, call.now, call.language)
            return OrderKey(id=new.id)

        key = await once(db, call.actor, call.idempotency_key, call.body, call.now, place, OrderKey)
        order = await queries.one_order(db, call.actor, key.id, call.language)
    return Placed(order=order, redirect_url=await _payment_page(call, order))


async def _payment_page(call: Call[Nothing, NewOrder], order: OrderRow) -> str:
    """The order stands, whatever the provider says: its page can be asked for again."""
    if order.status is not PaymentStatus.WAITING:
        return ""
    desk = Desk.of(call.database, call.clock, call.config)
    try:
        return (await desk.check_out(call.actor, order.payment_id)).redirect_url
    except DomainError:
        return ""


@endpoint("GET", "/subscriptions/orders", right=Right.SUBSCRIPTIONS)
async def list_orders(call: Call[OrderFilter, None]) -> Page[OrderRow]:
    """The history of purchases, newest first."""
    return await queries.orders(call.db, call.actor, call.query, call.language)


@endpoint("GET", "/subscriptions/orders/{id}", right=Right.SUBSCRIPTIONS)
async def show_order(call: Call[OrderKey, None]) -> OrderRow:
    """One purchase and what became of its payment."""
    return await queries.one_order(call.db, call.actor, call.query.id, call.language)


@endpoint("POST", "/subscriptions/assign", right=Right.SUBSCRIPTIONS, repeatable=True)
async def assign(call: Call[Nothing, NewAssignment]) -> Outcome:
    """Assign subscriptions to up to 500 registers; each gets its own verdict."""

    async def give() -> Outcome:
        body = call.body
        done = await assigning.assign(
            call.db, call.actor, body.plans, body.serial_numbers, call.now
        )
        stock = await queries.left_of(call.db, call.actor, body.plans)
        return _outcome(done, stock, call.language)

    return await once(call.db, call.actor, call.idempotency_key, call.body, call.now, give, Outcome)


def _outcome(
    done: assigning.AssignmentResult, stock: dict[str, int], language: Language
) -> Outcome:
    return Outcome(
        accepted=[
            Given(serial_number=gift.serial_number, plan=gift.plan, ends_at=gift.span.ends_at)
            for gift in done.accepted
        ],
        refused=[Refused(serial_number=each.item, **each.told(language)) for each in done.refused],
        available=stock,
    )


@endpoint("GET", "/subscriptions/assignments", right=Right.SUBSCRIPTIONS)
async def list_assignments(call: Call[AssignmentFilter, None]) -> Page[AssignmentRow]:
    """The history of assignments, newest first."""
    return await queries.assignments(call.db, call.actor, call.query, call.language)


@endpoint(
    "POST",
    "/subscriptions/transfers/preview",
    right=Right.TRANSFER_SUBSCRIPTIONS,
    own_transactions=True,
)
async def preview(call: Call[Nothing, NewTransfer]) -> Preview:
    """Name the partner and the quantity of a transfer, without making it."""
    await transfers.count_stranger(call.database, call.clock, call.actor, call.body.to)
    async with call.database.read() as db:
        draft = await transfers.preview(db, call.actor, _wish(call.body))
    return Preview(
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
async def transfer(call: Call[Nothing, NewTransfer]) -> Transferred:
    """Transfer subscriptions to another partner."""
    await transfers.count_stranger(call.database, call.clock, call.actor, call.body.to)
    async with call.database.transaction() as db:

        async def give() -> Transferred:
            done = await transfers.transfer(db, call.actor, _wish(call.body), call.now)
            return Transferred(id=done.id, quantity=done.quantity)

        key = call.idempotency_key
        return await once(db, call.actor, key, call.body, call.now, give, Transferred)


def _wish(body: NewTransfer) -> transfers.Wish:
    return transfers.Wish(body.plan, body.to, body.quantity, body.all)


@endpoint("GET", "/subscriptions/transfers", right=Right.SUBSCRIPTIONS)
async def list_transfers(call: Call[TransferFilter, None]) -> Page[TransferRow]:
    """The history of transfers in both directions, newest first."""
    return await queries.transfers(call.db, call.actor, call.query, call.language)


@endpoint("GET", "/subscriptions/movements", right=Right.SUBSCRIPTIONS)
async def list_movements(call: Call[MovementFilter, None]) -> Page[MovementRow]:
    """Every change of the stock, newest first."""
    return await queries.movements(call.db, call.actor, call.query, call.language)


@endpoint("GET", "/subscriptions", right=Right.MONITORING)
async def list_subscriptions(call: Call[SubscriptionFilter, None]) -> Page[SubscriptionRow]:
    """What registers have: by client, by plan, by service, or those that end soon."""
    return await effective.page(call.db, call.actor, call.query, call.language, call.now)


@endpoint("GET", "/registers/{serial_number}/subscriptions", right=Right.MONITORING)
async def show_of_register(call: Call[RegisterKey, None]) -> OfRegister:
    """The subscriptions of a register, and the services that they bring today."""
    serial = call.query.serial_number
    return await effective.of_register(call.db, call.actor, serial, call.language, call.now)


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
