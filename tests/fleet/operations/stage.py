"""A database with a partner's registers, and both ends of operations: people and registers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.assistants.models import AccountKind, AccountRegister, BrokerAccount
from fleet.firmware import service as firmware
from fleet.firmware.image_folder import ImageFolder
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import Database
from fleet.kit.language import Language
from fleet.licences import service as licences
from fleet.operations import ordering, service
from fleet.operations.delivery import StepDelivery, Visit, deliver
from fleet.operations.models import Operation, OperationChange
from fleet.operations.ordering import OperationRequest, OrderResult
from fleet.operations.rules import Channel
from fleet.operations.types import BY_KIND
from fleet.operations.types.contract import CheckInFacts
from fleet.registers.models import CashRegister
from gateway.edge.key_rotation import with_rotated_key
from protocol.conversation.messages import Step, StepDone, StepRefused
from protocol.firmware import Image
from protocol.licences import LicenceKind
from protocol.platforms import Platform
from simulator.register.factory_data import MAKES
from simulator.register.simulated_register import SimulatedRegister
from tests.fleet.conftest import HandClock
from tests.fleet.firmware.folder import put_image
from tests.fleet.operations.proofs import FLEET_KEYS, factory_key
from tests.protocol.licence_issuer import ISSUING_KEY, LICENCE_ISSUER
from tests.protocol.publisher import PUBLISHER

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
    shelf: ImageFolder = field(default_factory=lambda: ImageFolder(Path("no images"), ()))
    assisted: set[str] = field(default_factory=set)
    """Registers for which an Assistant calls."""

    def act(self, db: AsyncSession, actor: Actor | None = None) -> Act:
        """Return an act of ``actor`` at this moment."""
        return Act(db, actor or self.actor, self.clock(), Language.EN)

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
                firmware_version=MAKES[platform].firmware if platform else "",
                blocked=blocked,
            )
            db.add(row)

    async def boot_register(self, number: int, platform: Platform) -> SimulatedRegister:
        """An enrolled register with somebody at the other end."""
        await self.enrol(serial(number), platform)
        register = SimulatedRegister(serial(number), platform, 69, Random(number), self.clock())
        register.loader.publishers = (PUBLISHER,)
        register.licence_issuers = (LICENCE_ISSUER,)
        async with self.database.transaction() as db:
            kind, mine = LicenceKind.WEB_DKKT, [register.serial_number]
            await licences.issue(Act(db, self.actor, self.clock()), ISSUING_KEY, kind, mine)
        return register

    async def give_assistant(self, serial_number: str) -> None:
        """From now on an Assistant of the actor's partner calls for the register."""
        account = BrokerAccount(
            partner_id=self.actor.partner_id,
            kind=AccountKind.ASSISTANT,
            login=f"assistant-{serial_number}",
            password_hash="",
            title="",
            created_at=self.clock(),
        )
        async with self.database.transaction() as db:
            db.add(account)
            await db.flush()
            db.add(
                AccountRegister(
                    serial_number=serial_number, account_id=account.id, added_at=self.clock()
                )
            )
        self.assisted.add(serial_number)

    async def publish(self, image: Image, content: bytes) -> None:
        """An image that operations may name; what ``visit`` sends blocks of."""
        put_image(self.shelf.folder, image, content)
        async with self.database.transaction() as db:
            await firmware.add(
                Act(db, self.actor, self.clock()), self.shelf, image.model, image.version
            )

    async def order(
        self,
        kind: str,
        serial_numbers: Sequence[str],
        params: Mapping[str, Any],
        *,
        actor: Actor | None = None,
        channel: Channel = Channel.CASH_SERVER,
        scheduled_for: datetime | None = None,
    ) -> OrderResult:
        request = OperationRequest(kind, serial_numbers, params, channel, scheduled_for)
        async with self.database.transaction() as db:
            return await ordering.create(self.act(db, actor), request)

    async def order_one(self, kind: str, serial_number: str, params: Mapping[str, Any]) -> int:
        """The id of one operation that must be accepted, by its type's first channel."""
        channel = BY_KIND[kind].channels[0]
        if channel is Channel.ASSISTANT and serial_number not in self.assisted:
            await self.give_assistant(serial_number)
        created = await self.order(kind, [serial_number], params, channel=channel)
        assert not created.refused
        return created.accepted[0][0]

    async def visit(
        self, register: SimulatedRegister, answer: Word | None = None, *, keep: bool = True
    ) -> StepDelivery:
        """A check-in or an answer; without ``keep`` the batch is rolled back: ``RolledBack``.

        What goes before the next step has reached the register when this returns.
        """
        seen = None if answer else facts_of(register)
        assisted = register.serial_number in self.assisted
        visit = Visit(register.serial_number, register.platform, answer, seen, assisted)
        async with self.database.transaction() as db:
            (delivery,) = await deliver(self.act(db), [visit])
            if not keep:
                raise RolledBack
        if delivery.stream is not None:
            for command in self.shelf.blocks(delivery.stream, register.platform):
                register.take_block(command, self.clock())
        return delivery

    async def cancel(self, operation_id: int) -> None:
        async with self.database.transaction() as db:
            await service.cancel(self.act(db), operation_id)

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


def facts_of(register: SimulatedRegister) -> CheckInFacts:
    """What it says of itself when it calls."""
    generation = register.keys.next_key(factory_key(register)).generation
    return CheckInFacts(register.loader.firmware, generation)


def answer_step(register: SimulatedRegister, step: Step, now: datetime) -> Word:
    """What the register says to a step, which the gateway completes on its way."""
    step = with_rotated_key(step, FLEET_KEYS, register.serial)
    return register.do_step(step.operation_id, step.step, step.command, now)
