"""Table of the driver's JSON tasks that the simulated service knows (KKT-PC 6.1)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from protocol.errors import LocalError
from simulator.web_requests import failures, fiscal, parameters, queries
from simulator.web_requests.body import Body, required
from simulator.web_requests.failures import DriverFailure
from simulator.web_requests.served_register import TaskContext

Task = Callable[[TaskContext, Body], dict[str, Any]]

TASKS: Final[Mapping[str, Task]] = {
    "getDeviceInfo": queries.register_info,
    "getDeviceStatus": queries.register_status,
    "getShiftStatus": queries.shift_status,
    "getFnInfo": queries.drive_info,
    "getFnStatus": queries.drive_status,
    "ofdExchangeStatus": queries.exchange_status,
    "getRegistrationInfo": queries.registration_info,
    "getCashDrawerStatus": queries.cash_drawer,
    "getLicenses": queries.licences,
    "getShiftTotals": queries.shift_totals,
    "getOverallTotals": queries.overall_totals,
    "getFnDocument": queries.drive_document,
    "getDeviceParameters": parameters.read_all,
    "setDeviceParameters": parameters.write_all,
    **fiscal.TASKS,
}


def perform(point: TaskContext, body: Body) -> dict[str, Any]:
    """Return one task's result; raise ``DriverFailure`` if it fails or is unknown."""
    point.register.advance_to(point.now)
    name = required(body, "type", str)
    if name not in TASKS:
        raise DriverFailure(failures.UNREADABLE, f'Неизвестный тип задания "{name[:64]}"')
    try:
        return TASKS[name](point, body)
    except LocalError:  # a value that does not fit into its field on the wire
        raise DriverFailure(failures.WRONG_VALUE) from None
