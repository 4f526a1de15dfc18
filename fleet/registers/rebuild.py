"""Rebuilding the profile columns of registers from their stored readings.

``registers`` has columns for what lists filter and sort by; a check-in writes them only when
the checksum of a profile changes.  So a new column, or a field that is understood in another
way, shows in the list of a register that goes on saying the same only after this.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.act import Act
from fleet.registers.events import ProfilesRebuilt
from fleet.registers.models import CashRegister
from fleet.registers.ownership import lock_registers
from fleet.registers.service import rewrite_profiles
from fleet.telemetry.events import Profile
from fleet.telemetry.models import RegisterState
from fleet.telemetry.service import FROM_BLOCK
from protocol.telemetry import decode


class Portion(NamedTuple):
    """What became of a portion; ``last`` is its last serial number, "" after the last portion."""

    last: str
    looked: int
    rebuilt: int


async def rebuild_profiles(act: Act, after: str, limit: int) -> Portion:
    """Rebuild the next ``limit`` registers whose serial numbers come after ``after``.

    Registers are held before their readings are read: a check-in that is under way writes its
    newer profile after us.  Those whose columns are right already are left alone.
    """
    called = select(RegisterState.serial_number).order_by(RegisterState.serial_number)
    if after:
        called = called.where(RegisterState.serial_number > after)
    serials = (await act.db.scalars(called.limit(limit))).all()
    if not serials:
        return Portion("", 0, 0)
    await lock_registers(act.db, serials)
    rebuilt = await rewrite_profiles(act, await _told(act.db, serials))
    if rebuilt:
        await act.announce(ProfilesRebuilt(tuple(rebuilt)))
    return Portion(serials[-1], len(serials), len(rebuilt))


async def _told(db: AsyncSession, serials: Sequence[str]) -> list[Profile]:
    """Return what the latest readings say; what only HELLO says is taken from the columns."""
    same = RegisterState.serial_number == CashRegister.serial_number
    both = select(CashRegister, RegisterState).join(RegisterState, same)
    rows = await db.execute(both.where(CashRegister.serial_number.in_(serials)))
    return [_profile(register, state) for register, state in rows if register.platform]


def _profile(register: CashRegister, state: RegisterState) -> Profile:
    said = decode(state.block_version, state.block)
    of_hello = ("serial_number", "platform", "model", "key_generation", "channel")
    kept = {name: getattr(register, name) for name in of_hello}
    return Profile(**kept, **{name: said[name] for name in FROM_BLOCK})
