"""Adding images to those that operations may name."""

import asyncio

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.audit import service as audit
from fleet.firmware.errors import ALREADY_ADDED
from fleet.firmware.image_folder import ImageFolder
from fleet.firmware.manifest import ImageFacts
from fleet.firmware.models import FirmwareImage
from fleet.kit.act import Act
from fleet.kit.database import insert_into


async def add(act: Act, images: ImageFolder, model: int, version: str) -> FirmwareImage:
    """Add the image whose manifest lies in the folder and return it.

    Adding it again changes nothing.  Raise the refusals of ``ImageFolder.check``, and
    ``ALREADY_ADDED`` if the version is known with other facts.
    """
    manifest = await asyncio.to_thread(images.check, model, version)
    row = {
        **dict(manifest.facts),
        "published_at": manifest.published_at,
        "added_at": act.now,
        "added_by": act.who and act.who.employee_id,
    }
    unless_known = insert_into(act.db, FirmwareImage).values(row).on_conflict_do_nothing()
    added = await act.db.scalar(unless_known.returning(FirmwareImage.id))
    found = (await act.db.scalars(_place(model, version))).one()
    if _facts(found) != manifest.facts:
        raise ALREADY_ADDED(image=found.image)
    if added is not None:
        after = {"sha256": found.sha256}
        await audit.write(act, "firmware.added", [f"firmware:{found.image}"], after=after)
    return found


async def facts_of(db: AsyncSession, image_id: str) -> ImageFacts | None:
    """Return the facts about the image ``model/version``, or ``None`` if it was not added."""
    model, _, version = image_id.partition("/")
    row = (await db.scalars(_place(int(model), version))).one_or_none()
    return None if row is None else _facts(row)


def _place(model: int, version: str) -> Select[FirmwareImage]:
    return select(FirmwareImage).where(
        FirmwareImage.model == model, FirmwareImage.version == version
    )


def _facts(row: FirmwareImage) -> ImageFacts:
    return ImageFacts(**{name: getattr(row, name) for name in ImageFacts.model_fields})
