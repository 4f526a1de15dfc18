"""Endpoints of the address book, and of the addresses of registers."""

from fleet.accounts.roles import Right
from fleet.addresses import queries, service
from fleet.addresses.forms import AddressAssignment, AddressBody, AddressKey
from fleet.addresses.queries import AddressFilter, AddressView
from fleet.kit.http import Call, endpoint
from fleet.kit.input import Nothing
from fleet.kit.paging import Page
from fleet.registers.routes import RegisterVerdicts, to_reply


@endpoint("GET", "/addresses", right=Right.MONITORING)
async def list_addresses(call: Call[AddressFilter, None]) -> Page[AddressView]:
    """The partner's address book, searched as one types."""
    return await queries.page(call.db, call.actor, call.query)


@endpoint("POST", "/addresses", right=Right.REGISTERS, status=201)
async def create_address(call: Call[Nothing, AddressBody]) -> AddressView:
    """Add an address to the book."""
    address = await service.create(call.db, call.actor, call.body.text, call.now)
    return await queries.view(call.db, call.actor, address)


# Registers outside an employee's scope may stand there; who organises sees them all.
@endpoint("PUT", "/addresses/{id}", right=Right.ORGANISATION)
async def rename_address(call: Call[AddressKey, AddressBody]) -> AddressView:
    """Rename an address; the registers that stand there show it at once."""
    typed = call.body.text
    address = await service.rename(call.db, call.actor, call.query.id, typed, call.now)
    return await queries.view(call.db, call.actor, address)


@endpoint("DELETE", "/addresses/{id}", right=Right.ORGANISATION)
async def remove_address(call: Call[AddressKey, None]) -> None:
    """Delete an address at which no register stands."""
    await service.remove(call.db, call.actor, call.query.id, call.now)


@endpoint("POST", "/registers/address", right=Right.REGISTERS)
async def place_registers(call: Call[Nothing, AddressAssignment]) -> RegisterVerdicts:
    """Say where registers stand, by an address of the book."""
    typed, address_id = call.body.serial_numbers, call.body.address_id
    verdicts = await service.assign_address(call.db, call.actor, typed, address_id, call.now)
    return to_reply(verdicts, call.language)


ENDPOINTS = (list_addresses, create_address, rename_address, remove_address, place_registers)
