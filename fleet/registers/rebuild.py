"""Rebuilding the profile columns of registers from their stored readings.

``registers`` has columns to filter and sort lists by.  A check-in writes them only when the
checksum of the profile changes, so a new column, or a field with a new interpretation, does not
reach the list of a register that reports no change.  This rebuild writes them.
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
    """Result of a portion; ``last`` is its last serial number, "" after the last portion."""

    last: str
    looked: int
    rebuilt: int


async def rebuild_profiles(act: Act, after: str, limit: int) -> Portion:
    """Rebuild the next ``limit`` registers whose serial numbers come after ``after``.

    Registers are locked before their readings are read, so a concurrent check-in writes its newer
    profile afterwards.  Registers with correct columns are not written.
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
    """Return profiles from the latest readings; data that only HELLO has comes from the columns."""
    same = RegisterState.serial_number == CashRegister.serial_number
    both = select(CashRegister, RegisterState).join(RegisterState, same)
    rows = await db.execute(both.where(CashRegister.serial_number.in_(serials)))
    return [_profile(register, state) for register, state in rows if register.platform]


def _profile(register: CashRegister, state: RegisterState) -> Profile:
    said = decode(state.block_version, state.block)
    of_hello = ("serial_number", "platform", "model", "key_generation", "channel")
    kept = {name: getattr(register, name) for name in of_hello}
    return Profile(**kept, **{name: said[name] for name in FROM_BLOCK})
