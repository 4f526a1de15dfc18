"""Reading licences: those of a register, and what a restoring operation carries."""

from collections.abc import Collection
from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.kit.act import Act
from fleet.kit.language import Language
from fleet.licences.models import IssuedLicence
from fleet.licences.rules import BASE, KINDS
from fleet.registers.errors import REGISTER_NOT_FOUND
from fleet.registers.queries import find_own
from protocol.licences import LicenceKind


class LicenceRow(BaseModel):
    """A licence that a register has."""

    kind: LicenceKind | None = Field(description="Null: the base licence, set at the factory.")
    label: str
    number: str | None = Field(description="16 hexadecimal digits; null for the base licence.")
    issued_at: datetime | None
    restorable: bool = Field(description="By the operation `licence_upload` with this kind.")


class LicenceList(BaseModel):
    """The base licence first, then those that were issued."""

    items: list[LicenceRow]


async def of_register(act: Act, serial_number: str) -> LicenceList:
    """What a register of the partner has; refuses one that is not."""
    if serial_number not in await find_own(act.db, act.actor, [serial_number]):
        raise REGISTER_NOT_FOUND()
    mine = select(IssuedLicence).where(IssuedLicence.serial_number == serial_number)
    issued = (
        await act.db.scalars(mine.order_by(IssuedLicence.issued_at, IssuedLicence.number))
    ).all()
    label = BASE[0 if act.language is Language.RU else 1]
    base = LicenceRow(kind=None, label=label, number=None, issued_at=None, restorable=False)
    return LicenceList(items=[base, *(_row(each, act.language) for each in issued)])


def _row(issued: IssuedLicence, language: Language) -> LicenceRow:
    labels = KINDS[issued.kind]
    return LicenceRow(
        kind=issued.kind,
        label=labels.ru if language is Language.RU else labels.en,
        number=f"{issued.number:016x}",
        issued_at=issued.issued_at,
        restorable=True,
    )


async def contents(
    db: AsyncSession, serial_numbers: Collection[str], kind: LicenceKind
) -> dict[str, bytes]:
    """The licences of this kind that were issued for these registers, as they take them."""
    found = select(IssuedLicence.serial_number, IssuedLicence.content).where(
        IssuedLicence.serial_number.in_(serial_numbers), IssuedLicence.kind == kind
    )
    return {serial: content for serial, content in await db.execute(found)}
