"""Registers for stories about the fiscal drive: a young drive, and a shop that stays closed."""

from collections.abc import Callable
from datetime import timedelta

from protocol.platforms import Platform
from simulator.calls.bad_links import BadLinkProxy, Direction, Fault
from simulator.register.simulated_register import SimulatedRegister
from tests.gateway.edge.running_gateway import HOST
from tests.journeys.conftest import Deployment

FIRST_STEP_DONE, LAST_CUT, STRIDE = 390, 620, 7
"""Positions of cuts in bytes from the register, and the distance between them.

The first cut is inside the first answer to a step; the distance is less than half an answer.
"""


async def closed_shop(town: Deployment, platform: Platform) -> SimulatedRegister:
    """Return an enrolled register with a closed shift and nothing unsent."""
    register = await town.enrol_and_check_in(platform)
    register.faults.shift_forgotten = True
    register.advance_to(town.clock())
    register.shift_opened_at = None
    drive = register.drive
    drive.documents, drive.valid_until = 1000, town.clock() + timedelta(days=400)
    drive.hand_over()
    return register


async def status(town: Deployment, id_: int) -> tuple[str, str]:
    found = await town.operation(id_)
    return found["status"], found["cause"]


async def call_over_bad_links(
    town: Deployment, register: SimulatedRegister, enough: Callable[[], bool] = lambda: False
) -> int:
    """Call repeatedly, cutting each call a little later, until ``enough`` returns true.

    Return in how many of the calls a step was done.
    """
    worked = 0
    for cut in range(FIRST_STEP_DONE, LAST_CUT, STRIDE):
        fault = Fault(Direction.UP, cut_after=cut)
        async with BadLinkProxy(HOST, town.gateway.number, fault) as proxy:
            talk = await town.call(register, number=proxy.port)
        await town.gateway.until_quiet()
        worked += talk.steps_done > 0
        if enough():
            break
    return worked
