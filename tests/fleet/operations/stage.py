"""A database with a partner's registers, and both ends of operations: people and registers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from sqlalchemy import select

from fleet.kit.actor import Actor
from fleet.kit.database import Database
from fleet.operations import service
from fleet.operations.delivery import Delivery, Visit, deliver
from fleet.operations.models import Operation, OperationChange
from fleet.operations.rules import Channel
from fleet.operations.service import Created, Wish
from fleet.registers.models import CashRegister
from protocol.messages import Step, StepDone, StepRefused
from protocol.platforms import Platform
from simulator.register import SimulatedRegister
from tests.fleet.conftest import HandClock

Word = StepDone | StepRefused


class RolledBack(Exception):
    """The transaction of a batch did not commit."""


def serial(number: int) -> str:
    """A serial number of model 69."""
    return f"001069{number:08d}"


@dataclass
class Stage:
    """``actor`` orders operations for registers that ``enrol`` has made."""

    database: Database
    clock: HandClock
    actor: Actor

    async def enrol(
        self,
        serial_number: str,
        platform: Platform | None,
        *,
        partner_id: int | None = None,
        blocked: bool = False,
    ) -> None:
        """A register in the cabinet, of the actor's partner unless another one is named."""
        async with self.database.transaction() as db:
            row = CashRegister(
                serial_number=serial_number,
                partner_id=partner_id or self.actor.partner_id,
                platform=platform,
                model=69,
                blocked=blocked,
            )
            db.add(row)

    async def born(self, number: int, platform: Platform) -> SimulatedRegister:
        """An enrolled register with somebody at the other end."""
        await self.enrol(serial(number), platform)
        return SimulatedRegister(serial(number), platform, 69, Random(number), self.clock())

    async def order(
        self,
        kind: str,
        serial_numbers: Sequence[str],
        params: Mapping[str, Any],
        *,
        actor: Actor | None = None,
        channel: Channel = Channel.CASH_SERVER,
        scheduled_for: datetime | None = None,
    ) -> Created:
        wish = Wish(kind, serial_numbers, params, channel, scheduled_for)
        async with self.database.transaction() as db:
            return await service.create(db, actor or self.actor, wish, self.clock())

    async def ordered(self, kind: str, serial_number: str, params: Mapping[str, Any]) -> int:
        """The id of one operation that must be accepted."""
        created = await self.order(kind, [serial_number], params)
        assert not created.refused
        return created.accepted[0][0]

    async def visit(
        self, register: SimulatedRegister, answer: Word | None = None, *, keep: bool = True
    ) -> Delivery:
        """A check-in or an answer; without ``keep`` the batch is rolled back: ``RolledBack``."""
        visit = Visit(register.serial_number, register.platform, answer)
        async with self.database.transaction() as db:
            (delivery,) = await deliver(db, [visit], self.clock())
            if not keep:
                raise RolledBack
        return delivery

    async def cancel(self, operation_id: int) -> None:
        async with self.database.transaction() as db:
            await service.cancel(db, self.actor, operation_id, self.clock())

    async def operation(self, operation_id: int) -> Operation:
        async with self.database.read() as db:
            return await db.get_one(Operation, operation_id)

    async def operations(self) -> list[Operation]:
        """All of them, in the order of their ids."""
        async with self.database.read() as db:
            return list(await db.scalars(select(Operation).order_by(Operation.id)))

    async def history(self, operation_id: int) -> list[OperationChange]:
        mine = OperationChange.operation_id == operation_id
        async with self.database.read() as db:
            found = await db.scalars(
                select(OperationChange).where(mine).order_by(OperationChange.id)
            )
            return list(found)


def obey(register: SimulatedRegister, step: Step, now: datetime) -> Word:
    """What the register says to a step."""
    return register.do_step(step.operation_id, step.step, step.command, now)
