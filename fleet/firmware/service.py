"""Adding images to those that operations may name."""

import asyncio
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.audit import service as audit
from fleet.firmware.errors import ALREADY_ADDED
from fleet.firmware.manifest import ImageFacts, Manifest
from fleet.firmware.models import FirmwareImage
from fleet.firmware.shelf import Shelf
from fleet.kit.actor import Actor


async def add(
    db: AsyncSession, actor: Actor | None, shelf: Shelf, model: int, version: str, now: datetime
) -> FirmwareImage:
    """Add the image whose manifest lies in the folder; adding it again changes nothing.

    Refuses one that ``Shelf.check`` refuses, and other content under a version that is known.
    """
    manifest = await asyncio.to_thread(shelf.check, model, version)
    found = await find(db, manifest.image.image_id)
    if found is not None:
        if found.sha256 != manifest.sha256 or found.platform is not manifest.platform:
            raise ALREADY_ADDED(image=manifest.image.image_id)
        return found
    row = _row(manifest, actor, now)
    db.add(row)
    await db.flush()
    where = f"firmware:{manifest.image.image_id}"
    await audit.write(db, actor, now, "firmware.added", [where], after={"sha256": row.sha256})
    return row


def _row(manifest: Manifest, actor: Actor | None, now: datetime) -> FirmwareImage:
    return FirmwareImage(
        **dict(manifest.facts),
        published_at=manifest.published_at,
        added_at=now,
        added_by=actor and actor.employee_id,
    )


async def find(db: AsyncSession, image_id: str) -> FirmwareImage | None:
    """The image ``model/version``, if it was added."""
    model, _, version = image_id.partition("/")
    return await db.scalar(
        select(FirmwareImage).where(
            FirmwareImage.model == int(model), FirmwareImage.version == version
        )
    )


async def facts_of(db: AsyncSession, image_id: str) -> ImageFacts | None:
    """What an operation has to know of an image, if it was added."""
    row = await find(db, image_id)
    if row is None:
        return None
    return ImageFacts(**{name: getattr(row, name) for name in ImageFacts.model_fields})
