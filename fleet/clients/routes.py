"""Endpoints of clients."""

from fleet.accounts.roles import Right
from fleet.clients import queries, service
from fleet.clients.forms import ClientBody, ClientKey, NewClient
from fleet.clients.queries import ClientCard, ClientFilter, ClientRow
from fleet.kit.http import Call, endpoint
from fleet.kit.input import Nothing
from fleet.kit.paging import Page


@endpoint("GET", "/clients", right=Right.MONITORING)
async def list_clients(call: Call[ClientFilter, None]) -> Page[ClientRow]:
    """List the clients: owners of the partner's registers, and clients that people added."""
    return await queries.page(call.db, call.actor, call.query)


@endpoint("GET", "/clients/{inn}", right=Right.MONITORING)
async def show_client(call: Call[ClientKey, None]) -> ClientCard:
    """Show a client with its card and the number of its registers."""
    return await queries.card(call.db, call.actor, call.query.inn)


@endpoint("POST", "/clients", right=Right.ORGANISATION, status=201)
async def create_client(call: Call[Nothing, NewClient]) -> ClientCard:
    """Add a client, or fill in the card of one that registers report as their owner."""
    inn, values = call.body.inn, call.body.model_dump(exclude={"inn"})
    await service.create(call.act, inn, values)
    return await queries.card(call.db, call.actor, inn)


@endpoint("PUT", "/clients/{inn}", right=Right.ORGANISATION)
async def change_client(call: Call[ClientKey, ClientBody]) -> ClientCard:
    """Replace the card of a client."""
    inn, values = call.query.inn, call.body.model_dump()
    await service.change(call.act, inn, values)
    return await queries.card(call.db, call.actor, inn)


@endpoint("DELETE", "/clients/{inn}", right=Right.ORGANISATION)
async def remove_client(call: Call[ClientKey, None]) -> None:
    """Delete the card of a client; one that registers report as their owner stays in the list."""
    await service.remove(call.act, call.query.inn)


ENDPOINTS = (list_clients, show_client, create_client, change_client, remove_client)
