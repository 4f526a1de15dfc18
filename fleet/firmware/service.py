"""Adding images to those that operations may name."""

import asyncio
from datetime import datetime

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.audit import service as audit
from fleet.firmware.errors import ALREADY_ADDED
from fleet.firmware.image_folder import ImageFolder
from fleet.firmware.manifest import ImageFacts
from fleet.firmware.models import FirmwareImage
from fleet.kit.act import Act
from fleet.kit.actor import Actor
from fleet.kit.database import insert_into


async def add(
    db: AsyncSession,
    actor: Actor | None,
    images: ImageFolder,
    model: int,
    version: str,
    now: datetime,
) -> FirmwareImage:
    """Add the image whose manifest lies in the folder; adding it again changes nothing.

    Refuses one that ``ImageFolder.check`` refuses, and other facts under a version that is known.
    """
    manifest = await asyncio.to_thread(images.check, model, version)
    row = {
        **dict(manifest.facts),
        "published_at": manifest.published_at,
        "added_at": now,
        "added_by": actor and actor.employee_id,
    }
    unless_known = insert_into(db, FirmwareImage).values(row).on_conflict_do_nothing()
    added = await db.scalar(unless_known.returning(FirmwareImage.id))
    found = (await db.scalars(_place(model, version))).one()
    if _facts(found) != manifest.facts:
        raise ALREADY_ADDED(image=found.image)
    if added is not None:
        after = {"sha256": found.sha256}
        await audit.write(
            Act(db, actor, now), "firmware.added", [f"firmware:{found.image}"], after=after
        )
    return found


async def facts_of(db: AsyncSession, image_id: str) -> ImageFacts | None:
    """What an operation has to know of the image ``model/version``, if it was added."""
    model, _, version = image_id.partition("/")
    row = (await db.scalars(_place(int(model), version))).one_or_none()
    return None if row is None else _facts(row)


def _place(model: int, version: str) -> Select[FirmwareImage]:
    return select(FirmwareImage).where(
        FirmwareImage.model == model, FirmwareImage.version == version
    )


def _facts(row: FirmwareImage) -> ImageFacts:
    return ImageFacts(**{name: getattr(row, name) for name in ImageFacts.model_fields})
