"""Queries of licences: those of a register, and the content that a restoring operation carries."""

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
    restorable: bool = Field(description="True: the operation `licence_upload` can restore it.")


class LicenceList(BaseModel):
    """Licences of a register: the base one first, then the issued ones."""

    items: list[LicenceRow]


async def of_register(act: Act, serial_number: str) -> LicenceList:
    """Return the register's licences; raise ``REGISTER_NOT_FOUND`` unless the actor owns it."""
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
    """Return the issued licences of this kind by serial number, as registers take them."""
    found = select(IssuedLicence.serial_number, IssuedLicence.content).where(
        IssuedLicence.serial_number.in_(serial_numbers), IssuedLicence.kind == kind
    )
    return {serial: content for serial, content in await db.execute(found)}
