"""Endpoints of firmware images."""

from pydantic import Field

from fleet.accounts.roles import Right
from fleet.firmware import queries, service
from fleet.firmware.image_folder import ImageFolder
from fleet.firmware.queries import ImageFilter, ImageRow
from fleet.kit.http import Call, endpoint
from fleet.kit.input import Input, Nothing
from fleet.kit.paging import Page
from fleet.kit.validation import describe_pattern
from protocol.firmware import VERSION_PATTERN


class NewImage(Input):
    """Model and version of an image in the folder of images (``<model>/<version>.toml``)."""

    model: int = Field(ge=0, le=255, description="Code of the model.")
    version: str = Field(
        pattern=describe_pattern(
            f"^{VERSION_PATTERN}$",
            "нужна версия прошивки из трёх чисел, например 5.9.1.",
            "must be a firmware version of three numbers, for example 5.9.1.",
        ),
        description="major.minor.build",
    )


@endpoint("GET", "/firmware-images", right=Right.MONITORING)
async def list_images(call: Call[ImageFilter, None]) -> Page[ImageRow]:
    """List the firmware images that operations may name, newest first."""
    return await queries.page(call.db, call.query)


@endpoint("POST", "/firmware-images", right=Right.FIRMWARE, status=201)
async def add_image(call: Call[Nothing, NewImage]) -> ImageRow:
    """Add a firmware image whose manifest and file lie in the folder of images.

    The server checks the size, SHA-256 and signature of the file.  Adding an image again changes
    nothing.
    """
    images = ImageFolder.from_config(call.config)
    place = call.body
    row = await service.add(call.act, images, place.model, place.version)
    return queries.image_row(row)


ENDPOINTS = (list_images, add_image)
