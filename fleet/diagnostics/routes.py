"""The endpoint of diagnostics."""

from fleet.accounts.roles import Right
from fleet.diagnostics import queries
from fleet.diagnostics.queries import DiagnosticsView
from fleet.kit.http import Call, endpoint
from fleet.registers.queries import RegisterKey


@endpoint("GET", "/registers/{serial_number}/diagnostics", right=Right.MONITORING)
async def show_diagnostics(call: Call[RegisterKey, None]) -> DiagnosticsView:
    """A register's way to the cabinet: its last conversations, and what they say."""
    serial = call.query.serial_number
    return await queries.of_register(call.act, serial)


ENDPOINTS = (show_diagnostics,)
