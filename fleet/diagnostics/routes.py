"""Endpoint of diagnostics."""

from fleet.accounts.roles import Right
from fleet.diagnostics import queries
from fleet.diagnostics.queries import DiagnosticsView
from fleet.kit.http import Call, endpoint
from fleet.registers.queries import RegisterKey


@endpoint("GET", "/registers/{serial_number}/diagnostics", right=Right.MONITORING)
async def show_diagnostics(call: Call[RegisterKey, None]) -> DiagnosticsView:
    """Show the state of a register's link to the server, with its last conversations."""
    serial = call.query.serial_number
    return await queries.of_register(call.act, serial)


ENDPOINTS = (show_diagnostics,)
