"""Queries of firmware images."""

from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from fleet.firmware.models import FirmwareImage
from fleet.kit.input import MAX_INTEGER, Input
from fleet.kit.paging import Filters, Keyset, Page, PageQuery, conditions, page_of
from protocol.platforms import Platform


class ImageFilter(PageQuery):
    """Conditions of the list of images; all given ones must hold."""

    model: int | None = Field(default=None, ge=0, le=255)
    platform: Platform | None = None


class ImageCursor(Input):
    """Cursor of a page of images."""

    id: int = Field(ge=1, lt=MAX_INTEGER)


class ImageRow(BaseModel):
    """An image that operations may name."""

    model_config = ConfigDict(from_attributes=True)

    image: str = Field(description="Name in operations: model/version.")
    model: int
    platform: Platform
    version: str
    size: int = Field(description="Bytes.")
    sha256: str
    block_size: int
    published_at: datetime
    added_at: datetime
    added_by: int | None


FILTERS: Filters = {
    "model": lambda model: FirmwareImage.model == model,
    "platform": lambda platform: FirmwareImage.platform == platform,
}


NEWEST_FIRST: Final = Keyset(ImageCursor, {"id": FirmwareImage.id}, down=True)


async def page(db: AsyncSession, query: ImageFilter) -> Page[ImageRow]:
    """Return one page of images, newest first."""
    chosen = select(FirmwareImage).where(*conditions(FILTERS, query))
    found = (await db.scalars(NEWEST_FIRST.page(chosen, query))).all()
    return page_of(found, query.limit, show=image_row, position=lambda row: ImageCursor(id=row.id))


def image_row(row: FirmwareImage) -> ImageRow:
    """Return the image's row of the list."""
    return ImageRow.model_validate(row)
