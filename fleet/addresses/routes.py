"""Endpoints of the address book and of the addresses of registers."""

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
    """List the partner's address book, filtered by the text typed so far."""
    return await queries.page(call.db, call.actor, call.query)


@endpoint("POST", "/addresses", right=Right.REGISTERS, status=201)
async def create_address(call: Call[Nothing, AddressBody]) -> AddressView:
    """Add an address to the address book."""
    address = await service.create(call.act, call.body.text)
    return await queries.view(call.db, call.actor, address)


# Registers outside an employee's scope may have the address, so only those who manage the
# organisation may rename it.
@endpoint("PUT", "/addresses/{id}", right=Right.ORGANISATION)
async def rename_address(call: Call[AddressKey, AddressBody]) -> AddressView:
    """Rename an address; the registers at this address show the new text at once."""
    typed = call.body.text
    address = await service.rename(call.act, call.query.id, typed)
    return await queries.view(call.db, call.actor, address)


@endpoint("DELETE", "/addresses/{id}", right=Right.ORGANISATION)
async def remove_address(call: Call[AddressKey, None]) -> None:
    """Delete an address that no register has."""
    await service.remove(call.act, call.query.id)


@endpoint("POST", "/registers/address", right=Right.REGISTERS)
async def place_registers(call: Call[Nothing, AddressAssignment]) -> RegisterVerdicts:
    """Set the address of registers to one of the address book, or to the reported one."""
    typed, address_id = call.body.serial_numbers, call.body.address_id
    verdicts = await service.assign_address(call.act, typed, address_id)
    return to_reply(verdicts, call.language)


ENDPOINTS = (list_addresses, create_address, rename_address, remove_address, place_registers)
